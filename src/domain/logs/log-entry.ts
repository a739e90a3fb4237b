/** The log entry: exactly one per attempt, masked when it is written. */
import type { AttemptStep } from '../refresh/attempt-steps';
import type { RefreshFailure } from '../refresh/refresh-failure';

export const LOG_SOURCES = ['scheduled', 'debug', 'admin', 'api', 'connect'] as const;
export type LogSource = (typeof LOG_SOURCES)[number];

export const LOG_ACTIONS = [
  'token_refreshed',
  'token_refresh_failed',
  'token_refresh_error',
  'token_refresh_debug',
  'token_validated',
  'token_invalid',
  'token_validation_error',
  'refresh_token_expiring',
  'worker_heartbeat',
  'app_incident',
  'app_recovered',
  'provider_outage',
  'provider_recovered',
  'account_connected',
  'account_reconnected',
  'connect_failed',
  'disconnect_started',
  'account_disconnected',
] as const;
export type LogAction = (typeof LOG_ACTIONS)[number];

/** Actions that record the end of an attempt. */
export const ATTEMPT_ACTIONS = [
  'token_refreshed',
  'token_refresh_failed',
  'token_refresh_error',
  'token_refresh_debug',
] as const satisfies readonly LogAction[];

export const EXCHANGE_OUTCOMES = ['ok', 'not_sent', 'rejected', 'throttled', 'unknown'] as const;
export type ExchangeOutcome = (typeof EXCHANGE_OUTCOMES)[number];

/** A request with secrets masked. `headers` and `body` exist only if the attempt was captured (debug). */
export interface MaskedRequest {
  method: string;
  url: string;
  /** The token that was sent: `refresh_token` for a refresh, `access_token` for a validation. */
  refresh_token?: string;
  access_token?: string;
  headers?: Record<string, string>;
  body?: Record<string, unknown>;
}

export interface MaskedResponse {
  status: number;
  duration_ms: number;
  headers?: Record<string, string>;
  body?: unknown;
}

/** Shows whether two attempts used the same token, without containing the token. */
export interface Diagnostics {
  caller: string;
  input_prefix: string;
  decrypted_prefix: string | null;
  final_prefix: string | null;
  refresh_token_fingerprint: string | null;
  /** Fingerprint of the candidate that was used instead of the current grant. */
  submitted_grant?: string;
  warnings: string[];
}

/** Members as the API shows them; times are ISO 8601 UTC. */
export interface LogEntry {
  /** Derived from workflow run and attempt, so that a repeated step writes one entry. */
  id: string;
  created_at: string;
  /** `null`: the entry belongs to no account and is visible to every organisation. */
  organisation: string | null;
  environment: string | null;
  provider: string;
  account_id: string | null;
  account_label: string | null;
  action: LogAction;
  source: LogSource;
  outcome: ExchangeOutcome | null;
  request: MaskedRequest | null;
  response: MaskedResponse | null;
  error: RefreshFailure | null;
  diagnostics: Diagnostics | null;
  generation: number | null;
  workflow_id: string | null;
  run_id: string | null;
  /** Absent if the attempt was not traced. */
  trace_id?: string;
  message: string;
  /** Set only if the attempt was captured (debug). */
  steps?: AttemptStep[];
}

/**
 * Chooses the action of an attempt's entry. A debug run is always `token_refresh_debug`. `failed` means that the
 * provider refused or was unreachable; `error` means a fault on Evergrant's side, such as decryption, a damaged row or
 * the database.
 */
export function attemptAction(
  source: LogSource,
  failure: RefreshFailure | null,
  sent: boolean,
): LogAction {
  if (source === 'debug') return 'token_refresh_debug';
  if (failure === null) return 'token_refreshed';
  return failure.class === 'ours' || (failure.class === 'account' && !sent)
    ? 'token_refresh_error'
    : 'token_refresh_failed';
}
