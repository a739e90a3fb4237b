/** The entry of the terminal: exactly one for each attempt, masked when it is written. */
import type { AttemptStep } from './attempt-steps';
import type { RefreshFailure } from './refresh-failure';

export const LOG_SOURCES = ['scheduled', 'debug', 'admin', 'api'] as const;
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
  'lane_broken',
  'lane_recovered',
] as const;
export type LogAction = (typeof LOG_ACTIONS)[number];

/** Those that say how an attempt ended; the others tell of something else. */
export const ATTEMPT_ACTIONS = [
  'token_refreshed',
  'token_refresh_failed',
  'token_refresh_error',
  'token_refresh_debug',
] as const satisfies readonly LogAction[];

/** How an exchange with a provider ended. */
export const EXCHANGE_OUTCOMES = ['ok', 'not_sent', 'rejected', 'throttled', 'unknown'] as const;
export type ExchangeOutcome = (typeof EXCHANGE_OUTCOMES)[number];

/** The request as it may be shown. `headers` and `body` only where the attempt was captured (debug). */
export interface MaskedRequest {
  method: string;
  url: string;
  /** The token that was presented: of a refresh the one, of a validation the other. */
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

/** What tells two attempts apart or shows that they used the same token, with no token in it (R1.7). */
export interface Diagnostics {
  caller: string;
  input_prefix: string;
  decrypted_prefix: string | null;
  final_prefix: string | null;
  refresh_token_fingerprint: string | null;
  warnings: string[];
}

/** Members as the API shows them; times are ISO 8601 UTC. */
export interface LogEntry {
  /** Deterministic (workflow run and attempt), so that a step done twice writes once. */
  id: string;
  created_at: string;
  /** `null` only for entries that are not of one account: those are every organisation's. */
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
  message: string;
  /** Only where the attempt was captured (debug). */
  steps?: AttemptStep[];
}

/**
 * The action of an attempt's entry. A debug run is named as such whatever its end; a refusal or a network trouble is
 * `failed` (R0.4); what is ours (decryption, a bad row, the database) is an `error` and never the provider's refusal.
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
