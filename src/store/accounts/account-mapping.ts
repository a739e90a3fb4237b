/** Maps account documents to domain accounts, and grants to their stored form. No other module knows both. */
import type {
  Account,
  Candidate,
  LastAttempt,
  LastReconnect,
  ReplacedGrant,
} from '../../domain/account/account';
import type { SealedFallback, SealedGrant } from '../../domain/account/grant';
import type { AccountDueTimes, AccountPolicy } from '../../domain/account/policy';
import type { Disconnection } from '../../domain/connect/disconnection';
import type { LogSource } from '../../domain/logs/log-entry';
import type { RefreshFailure } from '../../domain/refresh/refresh-failure';
import type { UnansweredSend } from '../../domain/refresh/replay';
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
    quarantinedAt: document.quarantined_at ?? null,
    staleRestore: document.stale_restore ?? false,
    generation: document.generation,
    grantType: document.grant ?? 'refresh_token',
    hasOwnClient: document.own_client ?? false,
    askedAt: document.asked_at ?? null,
    // Uses the account's generation, so that an older grant swapped in as the current one fails to decrypt.
    current: { ...toGrant(document.current), generation: document.generation },
    previous: document.previous ? toGrant(document.previous) : null,
    orphanedGrants: document.orphaned_grants.map(toGrant),
    candidate: document.candidate ? toCandidate(document.candidate) : null,
    replaced: document.replaced ? toReplaced(document.replaced) : null,
    lastReconnect: document.last_reconnect ? toLastReconnect(document.last_reconnect) : null,
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
    lastRefreshedAt: document.last_refreshed_at ?? null,
    lastAttempt: last ? toLastAttempt(last) : null,
    lastError: error ? { ...toFailure(error), at: error.at } : null,
    unanswered: document.unanswered ? toUnanswered(document.unanswered) : null,
    failedAttempts: document.failed_attempts,
    isProven: document.proven ?? false,
    refusedAt: document.refused_at ?? null,
    nextAttemptAt: document.next_attempt_at ?? null,
    policy: document.policy ? toPolicy(document.policy) : null,
    subject:
      typeof document.subject_digest === 'string'
        ? { digest: document.subject_digest, label: document.subject_label ?? null }
        : null,
    ownerEmail: document.owner_email ?? null,
    reminders: document.reminders ?? null,
    missingScopes: document.missing_scopes ?? [],
    disconnection: document.disconnection ? toDisconnection(document.disconnection) : null,
    refreshTokenWarnedDays: document.refresh_token_warned_days ?? null,
    dueTimes: {
      dueAt: document.due_at ?? null,
      expiringSoonAt: document.expiring_soon_at ?? null,
      firstExpiryAt: document.first_expiry_at ?? null,
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
    validatedAt: document.validated_at ?? null,
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
    ...(document.of_candidate ? { ofCandidate: true } : {}),
  };
}

export function fromUnanswered(
  unanswered: UnansweredSend | null,
): NonNullable<AccountDocument['unanswered']> | null {
  return (
    unanswered && {
      attempt_id: unanswered.attemptId,
      sent_at: unanswered.sentAt,
      refresh_token_fingerprint: unanswered.refreshTokenFingerprint,
      cause: unanswered.cause,
    }
  );
}

function toUnanswered(document: NonNullable<AccountDocument['unanswered']>): UnansweredSend {
  return {
    attemptId: document.attempt_id,
    sentAt: document.sent_at,
    refreshTokenFingerprint: document.refresh_token_fingerprint,
    cause: document.cause,
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
    ...(grant.refreshTokenEndsAt === undefined
      ? {}
      : { refresh_token_ends_at: new Date(grant.refreshTokenEndsAt) }),
    scopes: grant.scopes,
    ...(grant.providerValues === undefined
      ? {}
      : {
          provider_values: Object.entries(grant.providerValues).map(([name, value]) => ({
            name,
            value,
          })) as unknown as NonNullable<GrantDocument['provider_values']>,
        }),
    obtained_at: new Date(grant.obtainedAt),
    attempt_id: grant.attemptId,
    generation: grant.generation,
  };
}

export function fromCandidate(candidate: Candidate): NonNullable<AccountDocument['candidate']> {
  return {
    fingerprint: candidate.fingerprint,
    grant: fromGrant(candidate.grant),
    since: candidate.since,
    by: candidate.by,
    failed_attempts: candidate.failedAttempts,
    next_attempt_at: candidate.nextAttemptAt,
    last_failure: candidate.lastFailure,
  };
}

function toCandidate(document: NonNullable<AccountDocument['candidate']>): Candidate {
  const { last_failure: failure } = document;
  return {
    fingerprint: document.fingerprint,
    grant: toGrant(document.grant),
    since: document.since,
    by: document.by,
    failedAttempts: document.failed_attempts,
    nextAttemptAt: document.next_attempt_at ?? null,
    lastFailure: failure ? { ...toFailure(failure), at: failure.at } : null,
  };
}

export function fromReplaced(
  replaced: ReplacedGrant | null,
): NonNullable<AccountDocument['replaced']> | null {
  return replaced === null ? null : { ...replaced, grant: fromGrant(replaced.grant) };
}

function toReplaced(document: NonNullable<AccountDocument['replaced']>): ReplacedGrant {
  return { grant: toGrant(document.grant), at: document.at, until: document.until };
}

function toLastReconnect(document: NonNullable<AccountDocument['last_reconnect']>): LastReconnect {
  return {
    outcome: document.outcome,
    fingerprint: document.fingerprint,
    at: document.at,
    logEntryId: document.log_entry_id,
    failure: document.failure ? toFailure(document.failure) : null,
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

export function fromDueTimes(
  dueTimes: AccountDueTimes,
): Pick<
  AccountDocument,
  | 'due_at'
  | 'expiring_soon_at'
  | 'first_expiry_at'
  | 'refresh_token_warning_at'
  | 'validation_due_at'
> {
  return {
    due_at: dueTimes.dueAt,
    expiring_soon_at: dueTimes.expiringSoonAt,
    first_expiry_at: dueTimes.firstExpiryAt,
    refresh_token_warning_at: dueTimes.refreshTokenWarningAt,
    validation_due_at: dueTimes.validationDueAt,
  };
}

function toFallback(document: NonNullable<AccountDocument['fallback']>): SealedFallback {
  return {
    accessToken: document.access_token,
    accessTokenFingerprint: document.access_token_fingerprint,
    expiresAt: document.expires_at?.toISOString() ?? null,
  };
}

export function toGrant(document: GrantDocument): SealedGrant {
  const values = document.provider_values ?? [];
  return {
    accessToken: document.access_token ?? null,
    refreshToken: document.refresh_token ?? null,
    accessTokenFingerprint: document.access_token_fingerprint ?? null,
    refreshTokenFingerprint: document.refresh_token_fingerprint ?? null,
    expiresAt: document.expires_at?.toISOString() ?? null,
    refreshTokenExpiresAt: document.refresh_token_expires_at?.toISOString() ?? null,
    ...(document.refresh_token_ends_at
      ? { refreshTokenEndsAt: document.refresh_token_ends_at.toISOString() }
      : {}),
    scopes: [...document.scopes],
    ...(values.length === 0
      ? {}
      : { providerValues: Object.fromEntries(values.map(({ name, value }) => [name, value])) }),
    obtainedAt: document.obtained_at.toISOString(),
    attemptId: document.attempt_id ?? null,
    generation: document.generation,
  };
}

type DisconnectionDocument = NonNullable<AccountDocument['disconnection']>;

export function fromDisconnection(disconnection: Disconnection): DisconnectionDocument {
  const { id, startedAt, startedBy, finishedAt, attempts, nextAttemptAt, tokens } = disconnection;
  return {
    id,
    started_at: startedAt,
    started_by: startedBy,
    finished_at: finishedAt,
    attempts,
    next_attempt_at: nextAttemptAt,
    tokens: tokens as unknown as DisconnectionDocument['tokens'],
  };
}

function toDisconnection(document: DisconnectionDocument): Disconnection {
  return {
    id: document.id,
    startedAt: document.started_at,
    startedBy: document.started_by,
    finishedAt: document.finished_at ?? null,
    attempts: document.attempts,
    nextAttemptAt: document.next_attempt_at ?? null,
    tokens: document.tokens.map(({ grant, token, fingerprint, result, at }) => ({
      grant,
      token,
      fingerprint,
      result: result ?? null,
      at: at ?? null,
    })),
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
