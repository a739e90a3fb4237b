/** Writes the heartbeat of a sweep that found nothing due, so that an empty terminal never means "is it alive?". */
import { log } from '@temporalio/activity';
import type { LogEntry } from '../domain/log-entry';
import type { ActivityDependencies } from './dependencies';
import type { AttemptPlace } from './refresh-grant';

export async function recordHeartbeat(
  { store, now }: Pick<ActivityDependencies, 'store' | 'now'>,
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
  log.info(entry.message, { action: entry.action, source: entry.source, provider });
}
