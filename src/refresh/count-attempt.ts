/** Counts an attempt, from its log entry, in the metrics. */
import type { Account } from '../domain/account/account';
import {
  ATTEMPT_ACTIONS,
  type LogAction,
  type LogEntry,
  type LogSource,
} from '../domain/logs/log-entry';
import { appLabels, statusLabel } from '../metrics/label-values';
import {
  grantsLost,
  latenessRatio,
  providerRequestDuration,
  providerRequests,
  refreshAttempts,
  remainingAtCommit,
  unknownOutcomes,
} from '../metrics/metrics';

const REFRESHES: ReadonlySet<LogAction> = new Set(ATTEMPT_ACTIONS);

/** Counts a refresh or a validation once it is logged. */
export function countAttempt(entry: LogEntry): void {
  const { outcome, error } = entry;
  const app = appLabels(entry.provider, entry.environment);
  const isRefresh = REFRESHES.has(entry.action);
  countRequest(entry, app, isRefresh ? 'refresh' : 'validation');
  if (!isRefresh) return;
  refreshAttempts.add({
    ...app,
    source: entry.source,
    outcome: outcome ?? 'ok',
    failure_code: error?.code ?? 'none',
  });
  if (outcome === 'unknown') unknownOutcomes.add(app);
  if (error?.code === 'replay_refused') grantsLost.add(app);
}

function countRequest(
  { outcome, response }: LogEntry,
  app: ReturnType<typeof appLabels>,
  kind: 'refresh' | 'validation',
): void {
  if (response !== null)
    providerRequestDuration.observe({ ...app, kind }, response.duration_ms / 1000);
  if (response !== null || outcome === 'unknown')
    providerRequests.add({ ...app, kind, status: statusLabel(response?.status ?? null) });
}

/**
 * Measures how late a grant was stored, and how long the grant before it still lasted.
 * @param account as it was before the commit
 */
export function measureCommit(
  {
    provider,
    dueTimes,
    current: { expiresAt, obtainedAt },
  }: Pick<Account, 'provider' | 'dueTimes' | 'current'>,
  source: LogSource,
  now: Date,
): void {
  if (expiresAt === null) return;
  const labels = { provider: appLabels(provider, null).provider };
  const remainingMs = Date.parse(expiresAt) - now.getTime();
  remainingAtCommit.observe(labels, Math.max(0, remainingMs) / 1000);
  // Only sweeps are late: a caller may refresh an account that is not due.
  if (source !== 'scheduled' || dueTimes.dueAt === null) return;
  // A grant may be entered after it was due.
  const dueAt = Math.max(dueTimes.dueAt.getTime(), Date.parse(obtainedAt));
  const lateMs = now.getTime() - dueAt;
  const marginMs = Date.parse(expiresAt) - dueAt;
  // Without a margin, the account became due after the expiry: it backed off after a failure, or was entered too late.
  if (lateMs >= 0 && marginMs > 0) latenessRatio.observe(labels, lateMs / marginMs);
}
