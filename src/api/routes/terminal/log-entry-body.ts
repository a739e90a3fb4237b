/** A log entry in API responses. */
import { z } from '@hono/zod-openapi';
import {
  EXCHANGE_OUTCOMES,
  LOG_ACTIONS,
  LOG_SOURCES,
  type LogEntry,
} from '../../../domain/logs/log-entry';
import { ATTEMPT_STEPS } from '../../../domain/refresh/attempt-steps';
import { LOG_ENTRY_EXAMPLE } from '../../openapi/examples';
import { FailureBody, failureBody } from '../../openapi/failure-body';
import { orNull, time } from '../../openapi/parts';

const DiagnosticsBody = z.object({
  caller: z.string(),
  input_prefix: z.string(),
  decrypted_prefix: z.string().nullable(),
  final_prefix: z.string().nullable(),
  refresh_token_fingerprint: z.string().nullable(),
  submitted_grant: z.string().optional().openapi({
    description: 'The fingerprint of the new grant that was tried instead of the current grant',
  }),
  warnings: z.array(z.string()),
});

export const LogEntryBody = z
  .object({
    id: z.string(),
    created_at: time,
    organisation: z.string().nullable(),
    environment: z.string().nullable(),
    provider: z.string(),
    account_id: z.string().nullable(),
    account_label: z.string().nullable(),
    action: z.enum(LOG_ACTIONS),
    source: z.enum(LOG_SOURCES),
    outcome: z.enum(EXCHANGE_OUTCOMES).nullable(),
    request: z
      .object({
        method: z.string(),
        url: z.string(),
        refresh_token: z.string().optional().openapi({
          description: 'The refresh token of a refresh, masked: a prefix and the length',
          example: 'v^1.1#… (96 characters)',
        }),
        access_token: z.string().optional().openapi({
          description: 'The access token of a validation, masked: a prefix and the length',
        }),
        headers: z.record(z.string(), z.string()).optional(),
        body: z.record(z.string(), z.unknown()).optional(),
      })
      .nullable(),
    response: z
      .object({
        status: z.number().int(),
        duration_ms: z.number(),
        headers: z.record(z.string(), z.string()).optional(),
        body: z.unknown().optional(),
      })
      .nullable(),
    error: orNull(FailureBody),
    diagnostics: DiagnosticsBody.nullable(),
    generation: z.number().int().nullable(),
    workflow_id: z.string().nullable(),
    run_id: z.string().nullable(),
    trace_id: z.string().nullable().openapi({
      description:
        'The trace of the attempt in your tracing system; null if traces are not exported',
    }),
    message: z.string(),
    steps: z
      .array(
        z.object({
          step: z.enum(ATTEMPT_STEPS),
          at: time,
          duration_ms: z.number().nullable().openapi({ description: 'null: the step did not end' }),
        }),
      )
      .optional()
      .openapi({ description: 'The steps of a debug attempt' }),
  })
  .openapi('LogEntry', { example: LOG_ENTRY_EXAMPLE });

export function logEntryBody(entry: LogEntry): z.infer<typeof LogEntryBody> {
  return {
    ...entry,
    trace_id: entry.trace_id ?? null,
    error: entry.error === null ? null : failureBody(entry.error),
  };
}
