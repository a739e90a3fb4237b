/** An account in API responses. No schema here has a member for a token; a test asserts it. */
import { z } from '@hono/zod-openapi';
import {
  ACCOUNT_STATUSES,
  type Account,
  accountStatus,
  statusReason,
  TOKEN_VERDICTS,
} from '../../../domain/account/account';
import { dueExplanation } from '../../../domain/account/due-explanation';
import { dueDecision, type RefreshRule } from '../../../domain/account/due-times';
import { GRANT_TYPES } from '../../../domain/account/grant-type';
import { LOG_SOURCES } from '../../../domain/logs/log-entry';
import type { ConfiguredProviders } from '../../../providers/config/configured-providers';
import { PolicyBody, policyBody } from '../../../services/accounts/account-policy';
import { ACCOUNT_EXAMPLE } from '../../openapi/examples';
import { FailureBody, failureBody } from '../../openapi/failure-body';
import { orNull, ProviderValuesBody, time } from '../../openapi/parts';

const LastValidationBody = z
  .object({
    outcome: z.enum(TOKEN_VERDICTS),
    at: time,
    log_entry_id: z.string(),
  })
  .openapi('LastValidation', {
    description: 'The last verdict of the provider on the current access token',
  });

const CandidateBody = z
  .object({
    refresh_token_fingerprint: z.string(),
    since: time,
    by: z.string().openapi({
      description: 'The caller that submitted the grant',
      example: 'key 4f7f1a526d0b4a55',
    }),
    failed_attempts: z.number().int(),
    next_attempt_at: time
      .nullable()
      .openapi({ description: 'No sweep tries the grant before this time' }),
    last_failure: orNull(FailureBody.extend({ at: time })),
  })
  .openapi('Candidate', {
    description:
      'A new grant that waits to be tried. It is never served. POST …/refresh with force tries it at once.',
  });

const ReplacedBody = z
  .object({
    refresh_token_fingerprint: z.string().nullable(),
    replaced_at: time,
    restorable_until: time,
  })
  .openapi('ReplacedGrant', {
    description: 'The grant that the last reconnect replaced. POST …/restore-grant restores it.',
  });

const LastReconnectBody = z
  .object({
    outcome: z.enum(['accepted', 'refused']),
    at: time,
    log_entry_id: z.string(),
    failure: orNull(FailureBody),
  })
  .openapi('LastReconnect', { description: 'The result of the last submitted grant' });

export const AccountBody = z
  .object({
    id: z.string().openapi({ example: 'acc_4b6f0c2d9e8a7b6c5d4e3f2a' }),
    organisation: z.string(),
    provider: z.string().openapi({ example: 'ebay' }),
    environment: z.string().openapi({ example: 'production' }),
    external_id: z.string(),
    label: z.string(),
    kind: z.string().nullable(),
    grant: z.enum(GRANT_TYPES).openapi({
      description: 'How the account obtains access tokens',
      example: 'refresh_token',
    }),
    own_client: z.boolean().openapi({
      description:
        'true: the credentials of the account name its own client. false: the account uses the OAuth app of its provider',
    }),
    owner_email: z.string().nullable().openapi({
      description: 'The address of the owner, masked',
      example: 'o***@example.com',
    }),
    status: z.enum(ACCOUNT_STATUSES),
    status_reason: z.string().nullable(),
    status_at: time,
    quarantine: z.boolean().openapi({
      description:
        'true: another system still refreshes the account. Evergrant serves its token and does not refresh it.',
    }),
    due: z.object({
      due: z.boolean(),
      reason: z.string().openapi({ example: 'fresh' }),
      explanation: z.string().openapi({
        description: 'Why the account is or is not due now, in sentences',
        example:
          'Not due yet. Its access token expires at 2026-11-22 14:00:00 UTC. It is refreshed from 15 min before that, at 2026-11-22 13:45:00 UTC.',
      }),
    }),
    due_at: time.nullable().openapi({ description: 'null: sweeps do not refresh the account' }),
    policy: orNull(PolicyBody).openapi({
      description: 'The settings that differ from those of the provider',
    }),
    generation: z.number().int(),
    scopes: z.array(z.string()),
    provider_values: ProviderValuesBody.optional(),
    expires_at: time.nullable().openapi({
      description:
        'null: the access token does not expire, or the account has none yet (access_token_fingerprint is null)',
    }),
    refresh_token_expires_at: time.nullable(),
    access_token_fingerprint: z.string().nullable().openapi({
      description: 'null: the account has no access token yet. The first refresh obtains one.',
    }),
    refresh_token_fingerprint: z.string().nullable().openapi({
      description:
        'null: the account has no refresh token. With credentials: the fingerprint of the credentials',
    }),
    fallback: z
      .object({ access_token_fingerprint: z.string(), expires_at: time.nullable() })
      .nullable(),
    candidate: orNull(CandidateBody),
    replaced: orNull(ReplacedBody),
    last_reconnect: orNull(LastReconnectBody),
    last_refreshed_at: time
      .nullable()
      .openapi({ description: 'null: the submitted grant was not refreshed yet' }),
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
    grant: account.grantType,
    own_client: account.hasOwnClient,
    owner_email: account.ownerEmail?.masked ?? null,
    status: accountStatus(account, now),
    status_reason: statusReason(account, now),
    status_at: account.stateAt.toISOString(),
    quarantine: account.quarantine,
    due: dueBody(account, provider, now),
    due_at: account.dueTimes.dueAt?.toISOString() ?? null,
    policy: account.policy === null ? null : policyBody(account.policy),
    generation: account.generation,
    scopes: current.scopes,
    ...(current.providerValues === undefined ? {} : { provider_values: current.providerValues }),
    expires_at: current.accessToken === null ? null : current.expiresAt,
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
    ...reconnectBody(account),
    last_refreshed_at: account.lastRefreshedAt?.toISOString() ?? null,
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

/** A connected or changed account, with likely mistakes in the request. */
export const EnteredAccountBody = AccountBody.extend({
  warnings: z.array(z.string()).openapi({
    description:
      'Likely mistakes in the request, such as a token of another kind. Each begins with the name of the member. The account is stored nevertheless.',
    example: [],
  }),
}).openapi('EnteredAccount', { example: { ...ACCOUNT_EXAMPLE, warnings: [] } });

export function enteredAccountBody(
  account: Account,
  warnings: string[],
  providers: ConfiguredProviders,
  now: Date,
): z.infer<typeof EnteredAccountBody> {
  return { ...accountBody(account, providers, now), warnings };
}

function reconnectBody({
  candidate,
  replaced,
  lastReconnect,
}: Account): Pick<z.infer<typeof AccountBody>, 'candidate' | 'replaced' | 'last_reconnect'> {
  return {
    candidate: candidate && {
      refresh_token_fingerprint: candidate.fingerprint,
      since: candidate.since.toISOString(),
      by: candidate.by,
      failed_attempts: candidate.failedAttempts,
      next_attempt_at: candidate.nextAttemptAt?.toISOString() ?? null,
      last_failure: candidate.lastFailure && {
        ...failureBody(candidate.lastFailure),
        at: candidate.lastFailure.at.toISOString(),
      },
    },
    replaced: replaced && {
      refresh_token_fingerprint: replaced.grant.refreshTokenFingerprint,
      replaced_at: replaced.at.toISOString(),
      restorable_until: replaced.until.toISOString(),
    },
    last_reconnect: lastReconnect && {
      outcome: lastReconnect.outcome,
      at: lastReconnect.at.toISOString(),
      log_entry_id: lastReconnect.logEntryId,
      failure: lastReconnect.failure && failureBody(lastReconnect.failure),
    },
  };
}

/** Whether and why a sweep would refresh the account now. */
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

/** The account id in a path; any other text gives a 404. */
export const AccountParams = z.object({
  id: z.string().openapi({
    param: { name: 'id', in: 'path' },
    description: 'The id of the account',
    example: 'acc_4b6f0c2d9e8a7b6c5d4e3f2a',
  }),
});
