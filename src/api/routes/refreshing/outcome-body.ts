/** The outcome of a refresh or a validation in API responses. */
import { z } from '@hono/zod-openapi';
import { TOKEN_VERDICTS } from '../../../domain/account/account';
import { type ValidationOutcome, validationSentence } from '../../../domain/account/validation';
import { EXCHANGE_OUTCOMES } from '../../../domain/logs/log-entry';
import { type AttemptOutcome, outcomeSentence } from '../../../domain/refresh/refresh-attempt';
import { OUTCOME_EXAMPLE, VALIDATION_EXAMPLE } from '../../openapi/examples';
import { FailureBody, failureBody } from '../../openapi/failure-body';
import { orNull, time } from '../../openapi/parts';

export const OutcomeBody = z
  .object({
    account_id: z.string(),
    outcome: z.enum(['refreshed', 'failed', 'skipped', 'claimed_elsewhere']),
    reason: z.string().openapi({ example: 'fresh' }),
    message: z.string().nullable().openapi({
      description: 'A sentence that explains the reason. null: the reason says it all.',
    }),
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
      .openapi({ example: 'valid', description: 'unknown: the account was not changed' }),
    reason: z.string().openapi({ example: 'valid' }),
    message: z.string().nullable().openapi({
      description: 'A sentence that explains the reason. null: the reason says it all.',
      example: null,
    }),
    failure: orNull(FailureBody),
    log_entry_id: z.string().nullable(),
    refresh: orNull(
      OutcomeBody.omit({ workflow_id: true }).openapi('RefreshAfterValidation'),
    ).openapi({
      description:
        'The refresh that followed because the provider refused the token before its expiry',
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
