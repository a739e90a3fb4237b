/** Logs that a sweep found nothing due, so that an empty terminal never leaves people wondering whether sweeps run. */
import { log } from '@temporalio/activity';
import type { LogEntry } from '../domain/logs/log-entry';
import type { AttemptPlace } from '../refresh/claim';
import type { RefreshDependencies } from '../refresh/dependencies';

export async function recordHeartbeat(
  { store, now }: Pick<RefreshDependencies, 'store' | 'now'>,
  { provider }: { provider: string },
  place: AttemptPlace,
): Promise<void> {
  const entry: LogEntry = {
    id: `${place.runId}-heartbeat`,
    created_at: now().toISOString(),
    organisation: null,
    environment: null,
    provider,
    account_id: null,
    account_label: null,
    action: 'worker_heartbeat',
    source: 'scheduled',
    outcome: null,
    request: null,
    response: null,
    error: null,
    diagnostics: null,
    generation: null,
    workflow_id: place.workflowId,
    run_id: place.runId,
    message: 'The sweep ran; no account was due.',
  };
  await store.logEntries.record(entry);
  log.debug(entry.message, { action: entry.action, source: entry.source, provider });
}
