/** Builds the one log entry of an attempt from what happened. Everything in it is masked already. */
import type { Account, Claim, LastAttempt } from '../domain/account';
import {
  attemptAction,
  type Diagnostics,
  type LogEntry,
  type LogSource,
} from '../domain/log-entry';
import { prefix, storedPrefix } from '../domain/masking';
import { type RefreshFailure, refreshFailure } from '../domain/refresh-failure';
import type { Exchange } from '../providers/token-exchange';
import type { AttemptSteps } from './attempt-steps';

export interface EntryContext {
  account: Account;
  attemptId: string;
  source: LogSource;
  caller: string;
  workflowId: string;
  runId: string;
  now: Date;
  /** `null`: its course is not captured. */
  steps: AttemptSteps | null;
}

/** The entry of an attempt that reached the provider, or was about to. */
export function exchangeEntry(
  context: EntryContext,
  exchange: Exchange,
  used: { refreshToken: string; fingerprint: string; warnings: string[] },
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
      decrypted_prefix: prefix(used.refreshToken),
      final_prefix: exchange.finalPrefix,
      refresh_token_fingerprint: used.fingerprint,
      warnings: [...used.warnings, ...exchange.warnings],
    },
    message:
      exchange.failure?.message ??
      `Refreshed: the new access token is valid until ${newExpiresAt ?? 'later'}.`,
  };
}

/** The entry of an attempt that ended before HTTP: a synthetic request shows where the token would have stood (R1.3). */
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
      warnings: [],
    },
  };
}

/** The entry of an attempt whose worker vanished: written by whoever finds its claim. */
export function abandonedEntry(
  context: EntryContext,
  claim: Claim,
  tokenEndpoint: string,
): LogEntry {
  const sent = claim.sentAt !== undefined;
  const failure = refreshFailure(sent ? 'answer_lost' : 'attempt_interrupted', {
    detail: `worker ${claim.worker} stopped`,
  });
  return {
    ...base({ ...context, attemptId: claim.attemptId, source: claim.source }, failure, sent),
    created_at: (claim.sentAt ?? claim.at).toISOString(),
    outcome: sent ? 'unknown' : 'not_sent',
    request: {
      method: 'POST',
      url: tokenEndpoint,
      refresh_token: '<not known: its worker stopped>',
    },
    response: null,
    diagnostics: {
      ...EMPTY,
      caller: claim.worker,
      refresh_token_fingerprint: claim.refreshTokenFingerprint ?? null,
    },
  };
}

/** The entry of an attempt that was written to the account, but whose worker vanished before it was logged. */
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
    message: `${entry.message} (Its worker stopped before it could log the exchange.)`,
  };
}

function inputPrefix({ account }: EntryContext): string {
  const { refreshToken } = account.current;
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

function base(context: EntryContext, failure: RefreshFailure | null, sent: boolean): LogEntry {
  const { account } = context;
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
    message: failure?.message ?? 'Refreshed.',
  };
}
