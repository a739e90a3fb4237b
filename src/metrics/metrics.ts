/**
 * All metrics of Evergrant. The first part is recorded where an event happens; the second is read from MongoDB and
 * Temporal for a scrape. No label names an account, a shop, a subject or an organisation.
 */
import { counter, gauge, histogram } from './registry';

/** Added to the help of counters and histograms: each process counts its own events. */
const SUM = 'Each process counts its own events: sum them.';
/** Added to the help of gauges that are read from the store. */
const SAME = 'All processes show the same number: use max, not sum.';

export const buildInfo = gauge(
  'evergrant_build_info',
  'Always 1. The labels say which version runs, and what the process does: api, worker or all-in-one.',
  ['version', 'node_version', 'role'],
);

// --- Recorded where they happen ---

export const refreshAttempts = counter(
  'evergrant_refresh_attempts_total',
  `Attempts to refresh an account, by outcome (ok, rejected, throttled, unknown, not_sent) and failure code (none if it succeeded). ${SUM}`,
  ['provider', 'environment', 'source', 'outcome', 'failure_code'],
);

export const unknownOutcomes = counter(
  'evergrant_unknown_outcomes_total',
  `Attempts after which it is unknown whether the provider used the refresh token. ${SUM}`,
  ['provider', 'environment'],
);

export const grantsLost = counter(
  'evergrant_grants_lost_total',
  `Grants lost because a response did not arrive and the provider then refused the old refresh token (replay_refused). The owner must reconnect the account. ${SUM}`,
  ['provider', 'environment'],
);

export const stepDuration = histogram(
  'evergrant_refresh_step_duration_seconds',
  `Duration of each step of an attempt: claim, decrypt, request (until it is sent), response, commit, log, record_failure. ${SUM}`,
  [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  ['step'],
);

export const providerRequests = counter(
  'evergrant_provider_requests_total',
  `Requests to providers, by kind (refresh, validation) and HTTP status; none: no response arrived. ${SUM}`,
  ['provider', 'environment', 'kind', 'status'],
);

export const providerRequestDuration = histogram(
  'evergrant_provider_request_duration_seconds',
  `Time from sending a request to a provider until its response was complete. ${SUM}`,
  [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  ['provider', 'environment', 'kind'],
);

export const latenessRatio = histogram(
  'evergrant_refresh_lateness_ratio',
  `How late a scheduled refresh was stored, as a part of its margin, which is the time from due to expiry. 0: at once; 1: only when the access token expired. ${SUM}`,
  [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.5, 2, 5],
  ['provider'],
);

export const remainingAtCommit = histogram(
  'evergrant_access_token_remaining_at_commit_seconds',
  `Time left of the old access token when the new one was stored; 0 if it had expired. ${SUM}`,
  [0, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 86_400],
  ['provider'],
);

export const tokenAccesses = counter(
  'evergrant_token_accesses_total',
  `Token requests, by the origin of the answer: memory, store, refresh, fallback (the fallback token), or none (no token). ${SUM}`,
  ['origin'],
);

export const WEBHOOK_RESULTS = ['delivered', 'refused', 'failed'] as const;

export const webhookAttempts = counter(
  'evergrant_webhook_attempts_total',
  `Attempts to deliver a webhook: delivered (2xx), refused (another status) or failed (no response). ${SUM}`,
  ['result'],
);

export const connectSessionsEnded = counter(
  'evergrant_connect_sessions_total',
  `Consents of owners, by their result: connected, or the code of the failure. ${SUM}`,
  ['provider', 'environment', 'result'],
);

export const logLinesDropped = counter(
  'evergrant_log_lines_dropped_total',
  `Log lines that were dropped because the reader of stdout did not keep up. ${SUM}`,
);

/** Why spans are dropped: too many waited for their export, or the collector did not accept them. */
export const SPAN_DROP_REASONS = ['queue_full', 'not_exported'] as const;

export const traceSpansDropped = counter(
  'evergrant_trace_spans_dropped_total',
  `Spans that were dropped: queue_full (too many waited for their export) or not_exported (the collector did not accept them). ${SUM}`,
  ['reason'],
);

// --- Read for a scrape; services/metrics/store-gauges.ts fills them ---

export const storeUp = gauge(
  'evergrant_store_up',
  'Whether MongoDB answered this process at the last reading: 1 or 0. Each process shows its own state: use min.',
);

export const temporalUp = gauge(
  'evergrant_temporal_up',
  'Whether Temporal answered this process at the last reading: 1 or 0. Each process shows its own state: use min.',
);

export const accounts = gauge(
  'evergrant_accounts',
  `Accounts of all organisations by status. With more than 2,000 accounts, a worker counts them about once a minute. ${SAME}`,
  ['provider', 'environment', 'status'],
);

export const accountsInQuarantine = gauge(
  'evergrant_accounts_in_quarantine',
  `Accounts that another system still refreshes, of any status. ${SAME}`,
  ['provider', 'environment'],
);

export const accountsCountedAt = gauge(
  'evergrant_accounts_counted_timestamp_seconds',
  `When the accounts were counted, as a Unix time; absent until a worker has counted them. ${SAME}`,
);

export const accessTokensExpiring = gauge(
  'evergrant_access_tokens_expiring',
  `Access tokens of active accounts that expire within a time; 0: they have expired. A longer time includes the shorter ones. ${SAME}`,
  ['provider', 'within'],
);

export const refreshTokensExpiring = gauge(
  'evergrant_refresh_tokens_expiring',
  `Refresh tokens of active accounts that expire within a time; 0: they have expired. A longer time includes the shorter ones. ${SAME}`,
  ['provider', 'within'],
);

export const accountsDue = gauge(
  'evergrant_accounts_due',
  `Accounts that the next sweep must refresh; at most 5,000 are counted. ${SAME}`,
  ['provider'],
);

export const accountsOverdue = gauge(
  'evergrant_accounts_overdue',
  `Accounts that have been due for longer than the interval of the sweeps; at most 5,000 are counted. ${SAME}`,
  ['provider'],
);

export const oldestDue = gauge(
  'evergrant_oldest_due_seconds',
  `How long the account that has waited longest is due; 0 if no account is due. ${SAME}`,
  ['provider'],
);

export const accountsExpired = gauge(
  'evergrant_accounts_expired',
  `Accounts that sweeps refresh and whose access token has expired unrefreshed; at most 5,000 are counted. ${SAME}`,
  ['provider'],
);

export const appCircuit = gauge(
  'evergrant_app_circuit',
  `The circuit breaker of each OAuth app: 1 for the state that it has (closed, open_credentials, open_outage), 0 for the others. ${SAME}`,
  ['provider', 'environment', 'state'],
);

export const appThrottled = gauge(
  'evergrant_app_throttled',
  `Whether the provider asked the OAuth app to wait: 1 or 0. ${SAME}`,
  ['provider', 'environment'],
);

export const quotaUsed = gauge(
  'evergrant_app_quota_used',
  `Requests of the OAuth app since midnight UTC; counted for apps with a quota, and about once a second for others. ${SAME}`,
  ['provider', 'environment'],
);

export const quotaRemaining = gauge(
  'evergrant_app_quota_remaining',
  `Requests that are left of the daily quota until midnight UTC; absent without a quota. ${SAME}`,
  ['provider', 'environment'],
);

export const quotaForSweeps = gauge(
  'evergrant_app_quota_for_sweeps',
  `Requests per day that sweeps may send: the quota without the reserve for callers; absent without a quota. ${SAME}`,
  ['provider', 'environment'],
);

export const quotaForecast = gauge(
  'evergrant_app_forecast_requests_per_day',
  `Requests per day that the OAuth app is expected to need for refreshes and validations. ${SAME}`,
  ['provider', 'environment'],
);

export const webhookBacklog = gauge(
  'evergrant_webhook_deliveries_pending',
  `Webhook deliveries that are not over; at most 20,000 are counted. ${SAME}`,
);

export const oldestWebhook = gauge(
  'evergrant_webhook_unstarted_seconds',
  `How long the webhook delivery that has waited longest waits for a worker to start it; 0 if none waits. ${SAME}`,
);

export const encryptedRecords = gauge(
  'evergrant_encrypted_records',
  `Records with a value of each encryption key; other: of a key that no process has. With more than 2,000 records, a worker counts them. ${SAME}`,
  ['key_id'],
);

export const sweepCompletedAt = gauge(
  'evergrant_sweep_last_completed_timestamp_seconds',
  `When a sweep of the whole provider last completed, as a Unix time; absent until one has. ${SAME}`,
  ['provider'],
);

export const sweepInterval = gauge(
  'evergrant_sweep_interval_seconds',
  `The configured interval of the sweeps. ${SAME}`,
  ['provider'],
);

export const schedulePaused = gauge(
  'evergrant_schedule_paused',
  `Whether the schedule of the sweeps is paused: 1 or 0. ${SAME}`,
  ['provider'],
);
