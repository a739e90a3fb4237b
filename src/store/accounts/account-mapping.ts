/** Maps account documents to the domain's account, and grants to what is stored. The only place that knows both. */
import type { Account, LastAttempt } from '../domain/account';
import type { SealedFallback, SealedGrant } from '../domain/grant';
import type { LogSource } from '../domain/log-entry';
import type { RefreshFailure } from '../domain/refresh-failure';
import type { AccountClocks, AccountPolicy } from '../domain/refresh-policy';
import type { AccountDocument } from './account-model';

type GrantDocument = AccountDocument['current'];

export function toAccount(document: AccountDocument): Account {
  const { claim, last_attempt: last, last_error: error, last_validation: validation } = document;
  return {
    id: document._id,
    organisation: document.organisation,
    provider: document.provider,
    environment: document.environment,
    externalId: document.external_id,
    label: document.label,
    kind: document.kind ?? null,
    state: document.state,
    stateReason: document.state_reason ?? null,
    stateAt: document.state_at,
    quarantine: document.quarantine,
    staleRestore: document.stale_restore ?? false,
    generation: document.generation,
    current: toGrant(document.current),
    previous: document.previous ? toGrant(document.previous) : null,
    leaves: document.leaves.map(toGrant),
    fallback: document.fallback ? toFallback(document.fallback) : null,
    claim: claim
      ? {
          attemptId: claim.attempt_id,
          worker: claim.worker,
          source: claim.source as LogSource,
          at: claim.at,
          leaseUntil: claim.lease_until,
          ...(claim.sent_at ? { sentAt: claim.sent_at } : {}),
          ...(typeof claim.generation === 'number' ? { generation: claim.generation } : {}),
          ...(claim.refresh_token_fingerprint
            ? { refreshTokenFingerprint: claim.refresh_token_fingerprint }
            : {}),
        }
      : null,
    lastRefreshedAt: document.last_refreshed_at,
    lastAttempt: last ? toLastAttempt(last) : null,
    lastError: error ? { ...toFailure(error), at: error.at } : null,
    failedAttempts: document.failed_attempts,
    nextAttemptAt: document.next_attempt_at ?? null,
    policy: document.policy ? toPolicy(document.policy) : null,
    refreshTokenWarnedDays: document.refresh_token_warned_days ?? null,
    clocks: {
      dueAt: document.due_at ?? null,
      expiringSoonAt: document.expiring_soon_at ?? null,
      refreshTokenWarningAt: document.refresh_token_warning_at ?? null,
      validationDueAt: document.validation_due_at ?? null,
    },
    lastValidation: validation
      ? {
          outcome: validation.outcome,
          at: validation.at,
          logEntryId: validation.log_entry_id,
        }
      : null,
    refusedGeneration: document.refused_generation ?? null,
    createdAt: document.created_at,
    updatedAt: document.updated_at,
  };
}

export function toLastAttempt(document: NonNullable<AccountDocument['last_attempt']>): LastAttempt {
  return {
    attemptId: document.attempt_id,
    outcome: document.outcome === 'refreshed' ? 'refreshed' : 'failed',
    source: document.source as LogSource,
    finishedAt: document.finished_at,
  };
}

export function fromGrant(grant: SealedGrant): GrantDocument {
  return {
    access_token: grant.accessToken,
    refresh_token: grant.refreshToken,
    access_token_fingerprint: grant.accessTokenFingerprint,
    refresh_token_fingerprint: grant.refreshTokenFingerprint,
    expires_at: grant.expiresAt === null ? null : new Date(grant.expiresAt),
    refresh_token_expires_at:
      grant.refreshTokenExpiresAt === null ? null : new Date(grant.refreshTokenExpiresAt),
    scopes: grant.scopes,
    obtained_at: new Date(grant.obtainedAt),
    attempt_id: grant.attemptId,
  };
}

export function fromFallback({
  accessToken,
  accessTokenFingerprint,
  expiresAt,
}: SealedFallback): NonNullable<AccountDocument['fallback']> {
  return {
    access_token: accessToken,
    access_token_fingerprint: accessTokenFingerprint,
    expires_at: expiresAt === null ? null : new Date(expiresAt),
  };
}

const POLICY_MEMBERS = [
  ['enabled', 'enabled'],
  ['refreshBeforeMs', 'refresh_before_ms'],
  ['refreshAfterAgeMs', 'refresh_after_age_ms'],
  ['jitterMs', 'jitter_ms'],
  ['backOffFirstMs', 'back_off_first_ms'],
  ['backOffMaxMs', 'back_off_max_ms'],
  ['validateEveryMs', 'validate_every_ms'],
] as const satisfies [keyof AccountPolicy, keyof PolicyDocument][];

type PolicyDocument = NonNullable<AccountDocument['policy']>;

export function fromPolicy(policy: AccountPolicy): PolicyDocument {
  return Object.fromEntries(
    POLICY_MEMBERS.map(([name, stored]) => [stored, policy[name]]).filter(
      ([, value]) => value !== undefined,
    ),
  );
}

function toPolicy(document: PolicyDocument): AccountPolicy {
  return Object.fromEntries(
    POLICY_MEMBERS.map(([name, stored]) => [name, document[stored]]).filter(
      ([, value]) => value !== undefined,
    ),
  );
}

export function fromClocks(
  clocks: AccountClocks,
): Pick<
  AccountDocument,
  'due_at' | 'expiring_soon_at' | 'refresh_token_warning_at' | 'validation_due_at'
> {
  return {
    due_at: clocks.dueAt,
    expiring_soon_at: clocks.expiringSoonAt,
    refresh_token_warning_at: clocks.refreshTokenWarningAt,
    validation_due_at: clocks.validationDueAt,
  };
}

function toFallback(document: NonNullable<AccountDocument['fallback']>): SealedFallback {
  return {
    accessToken: document.access_token,
    accessTokenFingerprint: document.access_token_fingerprint,
    expiresAt: document.expires_at?.toISOString() ?? null,
  };
}

function toGrant(document: GrantDocument): SealedGrant {
  return {
    accessToken: document.access_token,
    refreshToken: document.refresh_token ?? null,
    accessTokenFingerprint: document.access_token_fingerprint,
    refreshTokenFingerprint: document.refresh_token_fingerprint ?? null,
    expiresAt: document.expires_at?.toISOString() ?? null,
    refreshTokenExpiresAt: document.refresh_token_expires_at?.toISOString() ?? null,
    scopes: [...document.scopes],
    obtainedAt: document.obtained_at.toISOString(),
    attemptId: document.attempt_id ?? null,
  };
}

function toFailure(document: NonNullable<AccountDocument['last_error']>): RefreshFailure {
  return {
    class: document.class as RefreshFailure['class'],
    code: document.code as RefreshFailure['code'],
    message: document.message,
    ...(typeof document.status === 'number' ? { status: document.status } : {}),
    ...(typeof document.detail === 'string' ? { detail: document.detail } : {}),
  };
}
