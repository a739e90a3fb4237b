/** The shapes that several routes answer with. No schema here has a member for a token, and a test says so. */
import { z } from '@hono/zod-openapi';
import { ACCOUNT_STATUSES, type Account, accountStatus } from '../domain/account';
import { ATTEMPT_STEPS } from '../domain/attempt-steps';
import { dueExplanation } from '../domain/due-explanation';
import { EXCHANGE_OUTCOMES, LOG_ACTIONS, LOG_SOURCES, type LogEntry } from '../domain/log-entry';
import { type AttemptOutcome, outcomeSentence } from '../domain/refresh-attempt';
import { FailureClass, type RefreshFailure } from '../domain/refresh-failure';
import { dueDecision, type RefreshRule } from '../domain/refresh-policy';
import { TOKEN_VERDICTS, type ValidationOutcome, validationSentence } from '../domain/validation';
import type { ConfiguredProviders } from '../providers/configured-providers';
import { PolicyBody, policyBody } from './account-policy';
import {
  ACCOUNT_EXAMPLE,
  LOG_ENTRY_EXAMPLE,
  OUTCOME_EXAMPLE,
  VALIDATION_EXAMPLE,
} from './examples';

const time = z.iso.datetime();

/** A named schema or `null`. `.nullable()` would write its null into the named schema, or lose it. */
export function orNull<T extends z.ZodType>(schema: T) {
  return z.union([schema, z.null()]);
}

/** How many a page has at most. */
export const pageLimit = (max: number, otherwise: number) =>
  z.coerce
    .number<number>()
    .int()
    .min(1)
    .max(max)
    .default(otherwise)
    .openapi({ description: 'How many at most' });

/** Where a page begins. */
export const pageCursor = z
  .string()
  .min(1)
  .max(4096)
  .optional()
  .openapi({ description: 'next_cursor of the page before' });

/** A query's provider. */
export const ofProvider = z
  .string()
  .max(64)
  .optional()
  .openapi({ description: 'Of this provider only', example: 'ebay' });

/** A query's `true` or `false`. */
export const yesOrNo = z.enum(['true', 'false']).transform((text) => text === 'true');

const FailureBody = z
  .object({
    class: z.enum(FailureClass),
    code: z.string().openapi({ example: 'invalid_grant' }),
    message: z.string(),
    status: z.number().int().optional(),
    detail: z.string().optional(),
    retry_after_ms: z.number().int().optional(),
  })
  .openapi('Failure');

const LastValidationBody = z
  .object({
    outcome: z.enum(TOKEN_VERDICTS),
    at: time,
    log_entry_id: z.string(),
  })
  .openapi('LastValidation', {
    description: 'How the current access token fared when its provider was last asked',
  });

export const AccountBody = z
  .object({
    id: z.string().openapi({ example: 'acc_4b6f0c2d9e8a7b6c5d4e3f2a' }),
    organisation: z.string(),
    provider: z.string().openapi({ example: 'ebay' }),
    environment: z.string().openapi({ example: 'production' }),
    external_id: z.string(),
    label: z.string(),
    kind: z.string().nullable(),
    status: z.enum(ACCOUNT_STATUSES),
    status_reason: z.string().nullable(),
    status_at: time,
    quarantine: z.boolean().openapi({
      description: 'true: another system still refreshes it; it is served here, and not refreshed',
    }),
    due: z.object({
      due: z.boolean(),
      reason: z.string().openapi({ example: 'fresh' }),
      explanation: z.string().openapi({
        description: 'Why it is or is not due now, in sentences',
        example:
          'Not due yet. Its access token ends at 2026-11-22 14:00:00 UTC; it is refreshed from 15 min before that, at 2026-11-22 13:45:00 UTC.',
      }),
    }),
    due_at: time.nullable().openapi({ description: 'null: sweeps leave it alone' }),
    policy: orNull(PolicyBody).openapi({
      description: 'What it has otherwise than its provider',
    }),
    generation: z.number().int(),
    scopes: z.array(z.string()),
    expires_at: time.nullable().openapi({ description: 'null: the access token does not end' }),
    refresh_token_expires_at: time.nullable(),
    access_token_fingerprint: z.string(),
    refresh_token_fingerprint: z
      .string()
      .nullable()
      .openapi({ description: 'null: there is no refresh token' }),
    fallback: z
      .object({ access_token_fingerprint: z.string(), expires_at: time.nullable() })
      .nullable(),
    last_refreshed_at: time,
    last_attempt: z
      .object({
        log_entry_id: z.string(),
        outcome: z.enum(['refreshed', 'failed']),
        source: z.enum(LOG_SOURCES),
        finished_at: time,
      })
      .nullable(),
    last_validation: orNull(LastValidationBody),
    last_error: orNull(FailureBody.extend({ at: time })),
    failed_attempts: z.number().int(),
    next_attempt_at: time.nullable(),
    created_at: time,
    updated_at: time,
  })
  .openapi('Account', { example: ACCOUNT_EXAMPLE });

/** An account as the API shows it. */
export function accountBody(
  account: Account,
  providers: ConfiguredProviders,
  now: Date,
): z.infer<typeof AccountBody> {
  const provider = providers.find(account.provider);
  const { current, fallback, lastAttempt, lastError, lastValidation } = account;
  return {
    id: account.id,
    organisation: account.organisation,
    provider: account.provider,
    environment: account.environment,
    external_id: account.externalId,
    label: account.label,
    kind: account.kind,
    status: accountStatus(account, now),
    status_reason: account.stateReason,
    status_at: account.stateAt.toISOString(),
    quarantine: account.quarantine,
    due: dueBody(account, provider, now),
    due_at: account.clocks.dueAt?.toISOString() ?? null,
    policy: account.policy === null ? null : policyBody(account.policy),
    generation: account.generation,
    scopes: current.scopes,
    expires_at: current.expiresAt,
    refresh_token_expires_at: current.refreshTokenExpiresAt,
    access_token_fingerprint: current.accessTokenFingerprint,
    refresh_token_fingerprint: current.refreshTokenFingerprint,
    fallback:
      fallback === null
        ? null
        : {
            access_token_fingerprint: fallback.accessTokenFingerprint,
            expires_at: fallback.expiresAt,
          },
    last_refreshed_at: account.lastRefreshedAt.toISOString(),
    last_attempt:
      lastAttempt === null
        ? null
        : {
            log_entry_id: lastAttempt.attemptId,
            outcome: lastAttempt.outcome,
            source: lastAttempt.source,
            finished_at: lastAttempt.finishedAt.toISOString(),
          },
    last_validation:
      lastValidation === null
        ? null
        : {
            outcome: lastValidation.outcome,
            at: lastValidation.at.toISOString(),
            log_entry_id: lastValidation.logEntryId,
          },
    last_error:
      lastError === null ? null : { ...failureBody(lastError), at: lastError.at.toISOString() },
    failed_attempts: account.failedAttempts,
    next_attempt_at: account.nextAttemptAt?.toISOString() ?? null,
    created_at: account.createdAt.toISOString(),
    updated_at: account.updatedAt.toISOString(),
  };
}

/** Whether and why a sweep would refresh the account now, where its provider is configured at all. */
export function dueBody(
  account: Account,
  rule: RefreshRule | undefined,
  now: Date,
): z.infer<typeof AccountBody>['due'] {
  if (rule === undefined) {
    const explanation = `Not due: its provider "${account.provider}" is not configured.`;
    return { due: false, reason: 'provider_not_configured', explanation };
  }
  return {
    ...dueDecision(account, rule, now),
    explanation: dueExplanation(account, rule, now).join(' '),
  };
}

export const OutcomeBody = z
  .object({
    account_id: z.string(),
    outcome: z.enum(['refreshed', 'failed', 'skipped', 'busy']),
    reason: z.string().openapi({ example: 'fresh' }),
    message: z
      .string()
      .nullable()
      .openapi({ description: 'The same as a sentence, where there is more to say' }),
    exchange: z.enum(EXCHANGE_OUTCOMES).nullable(),
    failure: orNull(FailureBody),
    generation: z.number().int().nullable(),
    expires_at: time.nullable(),
    log_entry_id: z.string().nullable(),
    workflow_id: z.string(),
  })
  .openapi('RefreshOutcome', { example: OUTCOME_EXAMPLE });

export const ValidationBody = z
  .object({
    account_id: z.string(),
    outcome: z
      .enum([...TOKEN_VERDICTS, 'skipped'])
      .openapi({ example: 'valid', description: 'unknown: nothing was changed' }),
    reason: z.string().openapi({ example: 'valid' }),
    message: z.string().nullable().openapi({
      description: 'The same as a sentence, where there is more to say',
      example: null,
    }),
    failure: orNull(FailureBody),
    log_entry_id: z.string().nullable(),
    refresh: orNull(
      OutcomeBody.omit({ workflow_id: true }).openapi('RefreshAfterValidation'),
    ).openapi({
      description: 'The refresh that was tried because the token was refused before its end',
    }),
    workflow_id: z.string().openapi({ example: 'validate-account/acc_4b6f0c2d9e8a7b6c5d4e3f2a' }),
  })
  .openapi('ValidationOutcome', { example: VALIDATION_EXAMPLE });

export function validationBody(
  outcome: ValidationOutcome & { workflowId: string },
): z.infer<typeof ValidationBody> {
  const { accountId, failure, reason, refresh } = outcome;
  return {
    account_id: accountId,
    outcome: outcome.outcome,
    reason,
    message: validationSentence(outcome),
    failure: failure === null ? null : failureBody(failure),
    log_entry_id: outcome.logEntryId,
    refresh: refresh === null ? null : attemptBody(refresh),
    workflow_id: outcome.workflowId,
  };
}

export function outcomeBody(
  outcome: AttemptOutcome & { workflowId: string },
): z.infer<typeof OutcomeBody> {
  return { ...attemptBody(outcome), workflow_id: outcome.workflowId };
}

function attemptBody(outcome: AttemptOutcome): Omit<z.infer<typeof OutcomeBody>, 'workflow_id'> {
  return {
    account_id: outcome.accountId,
    outcome: outcome.outcome,
    reason: outcome.reason,
    message: outcomeSentence(outcome),
    exchange: outcome.exchange,
    failure: outcome.failure === null ? null : failureBody(outcome.failure),
    generation: outcome.generation,
    expires_at: outcome.expiresAt,
    log_entry_id: outcome.logEntryId,
  };
}

function failureBody({
  class: failureClass,
  code,
  message,
  status,
  detail,
  retryAfterMs,
}: RefreshFailure): z.infer<typeof FailureBody> {
  return {
    class: failureClass,
    code,
    message,
    ...(status === undefined ? {} : { status }),
    ...(detail === undefined ? {} : { detail }),
    ...(retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs }),
  };
}

const DiagnosticsBody = z.object({
  caller: z.string(),
  input_prefix: z.string(),
  decrypted_prefix: z.string().nullable(),
  final_prefix: z.string().nullable(),
  refresh_token_fingerprint: z.string().nullable(),
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
          description: 'Masked: a prefix and a length',
          example: 'v^1.1#… (96 characters)',
        }),
        access_token: z
          .string()
          .optional()
          .openapi({ description: 'The same of a validation, which presents this one' }),
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
    message: z.string(),
    steps: z
      .array(
        z.object({
          step: z.enum(ATTEMPT_STEPS),
          at: time,
          duration_ms: z.number().nullable().openapi({ description: 'null: it did not end' }),
        }),
      )
      .optional()
      .openapi({ description: 'How a debug attempt went, step by step' }),
  })
  .openapi('LogEntry', { example: LOG_ENTRY_EXAMPLE });

/** An entry of the terminal as the API shows it. */
export function logEntryBody(entry: LogEntry): z.infer<typeof LogEntryBody> {
  return { ...entry, error: entry.error === null ? null : failureBody(entry.error) };
}

/** A path's account id; anything else is simply not found. */
export const AccountParams = z.object({
  id: z.string().openapi({
    param: { name: 'id', in: 'path' },
    description: 'The id of the account',
    example: 'acc_4b6f0c2d9e8a7b6c5d4e3f2a',
  }),
});

/** Opaque to callers: the place after which the next page begins. */
export function encodeCursor(...parts: string[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/** The parts of a cursor, or `null` if it is not one of ours. */
export function decodeCursor(cursor: string, count: number): string[] | null {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (
      Array.isArray(parts) &&
      parts.length === count &&
      parts.every((part) => typeof part === 'string')
    )
      return parts;
  } catch {
    // Falls through: not a cursor.
  }
  return null;
}
