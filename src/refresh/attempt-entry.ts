/** Builds the log entry of an attempt. Everything in it is already masked. */
import type { Account, Claim, LastAttempt } from '../domain/account/account';
import { type Candidate } from '../domain/account/account';
import type { SealedGrant } from '../domain/account/grant';
import { grantNoun } from '../domain/account/grant-type';
import { candidateFailure } from '../domain/account/reconnect';
import {
  attemptAction,
  type Diagnostics,
  type LogEntry,
  type LogSource,
} from '../domain/logs/log-entry';
import { prefix, storedPrefix } from '../domain/masking/masking';
import {
  type RefreshFailure,
  refreshFailure,
  refusalOfGrant,
} from '../domain/refresh/refresh-failure';
import { momentText } from '../domain/text/time-text';
import type { Exchange } from '../providers/exchange/token-exchange';
import type { AttemptSteps } from './attempt-steps';

export interface EntryContext {
  account: Account;
  /** The candidate grant, if the attempt tries it instead of the current one. */
  candidate: Candidate | null;
  attemptId: string;
  source: LogSource;
  caller: string;
  workflowId: string;
  runId: string;
  now: Date;
  steps: AttemptSteps;
}

/**
 * The entry of an attempt that reached the provider, or was about to.
 * @param used `refreshToken` is `null` for credentials, of which the log shows no part
 */
export function exchangeEntry(
  context: EntryContext,
  exchange: Exchange,
  used: { refreshToken: string | null; fingerprint: string; warnings: string[] },
  newExpiresAt: string | null,
): LogEntry {
  return {
    ...base(context, exchange.failure, exchange.sentAt !== null),
    outcome: exchange.outcome,
    request: exchange.request,
    response: exchange.response,
    diagnostics: {
      caller: context.caller,
      input_prefix: inputPrefix(context),
      decrypted_prefix: used.refreshToken === null ? null : prefix(used.refreshToken),
      final_prefix: exchange.finalPrefix,
      refresh_token_fingerprint: used.fingerprint,
      ...submitted(context),
      warnings: [...used.warnings, ...exchange.warnings],
    },
    message:
      failureOf(context, exchange.failure)?.message ??
      `${context.candidate === null ? 'Refreshed' : `Reconnected with the new ${grantNoun(context.account.grantType)}`}: the new access token is valid until ${newExpiresAt === null ? 'later' : momentText(new Date(newExpiresAt))}.`,
  };
}

/** The entry of an attempt refused with an error about the app, once the error is known to concern the grant. */
export function withRefusalOfGrant(entry: LogEntry): LogEntry {
  if (entry.error === null) return entry;
  const error = refusalOfGrant(entry.error);
  return { ...entry, error, message: error.message };
}

/** The entry of an attempt that ended before HTTP. A synthetic request with a placeholder shows why no token was sent. */
export function unsentEntry(
  context: EntryContext,
  failure: RefreshFailure,
  tokenEndpoint: string | null,
): LogEntry {
  const placeholder =
    failure.code === 'ciphertext_not_sent' ? '<ciphertext_not_sent>' : '<decrypt_failed>';
  return {
    ...base(context, failure, false),
    outcome: 'not_sent',
    request: {
      method: 'POST',
      url: tokenEndpoint ?? '<not configured>',
      refresh_token: failure.code === 'provider_not_configured' ? '<not_read>' : placeholder,
    },
    response: null,
    diagnostics: {
      caller: context.caller,
      input_prefix: inputPrefix(context),
      decrypted_prefix: null,
      final_prefix: null,
      refresh_token_fingerprint: null,
      ...submitted(context),
      warnings: [],
    },
  };
}

/** The entry of an attempt whose worker was lost; written by the worker that finds its claim. */
export function abandonedEntry(
  context: EntryContext,
  claim: Claim,
  tokenEndpoint: string,
): LogEntry {
  const sent = claim.sentAt !== undefined;
  const failure = refreshFailure(sent ? 'worker_lost' : 'attempt_interrupted', {
    detail: `worker ${claim.worker} stopped`,
  });
  return {
    ...base({ ...context, attemptId: claim.attemptId, source: claim.source }, failure, sent),
    created_at: (claim.sentAt ?? claim.at).toISOString(),
    outcome: sent ? 'unknown' : 'not_sent',
    request: {
      method: 'POST',
      url: tokenEndpoint,
      refresh_token: '<unknown: the worker stopped>',
    },
    response: null,
    diagnostics: {
      ...EMPTY,
      caller: claim.worker,
      refresh_token_fingerprint: claim.refreshTokenFingerprint ?? null,
      ...submitted(context),
    },
  };
}

/** The entry of an attempt that was committed, but whose worker was lost before it logged it. */
export function recoveredEntry(context: EntryContext, attempt: LastAttempt): LogEntry {
  const failure = attempt.outcome === 'failed' ? context.account.lastError : null;
  const { at: _at, ...error } = failure ?? { at: null };
  const entry = base(
    { ...context, attemptId: attempt.attemptId, source: attempt.source },
    'class' in error ? error : null,
    true,
  );
  return {
    ...entry,
    created_at: attempt.finishedAt.toISOString(),
    outcome: attempt.outcome === 'refreshed' ? 'ok' : null,
    diagnostics: { ...EMPTY, caller: context.caller },
    message: `${entry.message} (The worker stopped before it logged the exchange.)`,
  };
}

/** The grant whose refresh token the attempt presents. */
export function presentedGrant({
  account,
  candidate,
}: Pick<EntryContext, 'account' | 'candidate'>): SealedGrant {
  return candidate?.grant ?? account.current;
}

/** The provider values that the attempt uses. For an entered grant they are those of the account. */
export function presentedValues({
  account,
  candidate,
}: Pick<EntryContext, 'account' | 'candidate'>): Pick<SealedGrant, 'providerValues'> {
  return candidate?.grant.providerValues === undefined ? account.current : candidate.grant;
}

function submitted({ candidate }: EntryContext): Pick<Diagnostics, 'submitted_grant'> {
  return candidate === null ? {} : { submitted_grant: candidate.fingerprint };
}

function failureOf(
  { account, candidate }: EntryContext,
  failure: RefreshFailure | null,
): RefreshFailure | null {
  return candidate === null || failure === null
    ? failure
    : candidateFailure(failure, account.grantType);
}

function inputPrefix(context: EntryContext): string {
  const { refreshToken } = presentedGrant(context);
  return refreshToken === null ? '' : storedPrefix(refreshToken);
}

const EMPTY: Diagnostics = {
  caller: '',
  input_prefix: '',
  decrypted_prefix: null,
  final_prefix: null,
  refresh_token_fingerprint: null,
  warnings: [],
};

function base(context: EntryContext, thrown: RefreshFailure | null, sent: boolean): LogEntry {
  const failure = failureOf(context, thrown);
  const { account } = context;
  const { traceId } = context.steps;
  return {
    id: context.attemptId,
    created_at: context.now.toISOString(),
    organisation: account.organisation,
    environment: account.environment,
    provider: account.provider,
    account_id: account.id,
    account_label: account.label,
    action: attemptAction(context.source, failure, sent),
    source: context.source,
    outcome: null,
    request: null,
    response: null,
    error: failure,
    diagnostics: null,
    generation: account.generation,
    workflow_id: context.workflowId,
    run_id: context.runId,
    ...(traceId === undefined ? {} : { trace_id: traceId }),
    message: failure?.message ?? 'Refreshed.',
  };
}
