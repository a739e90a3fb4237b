/** Tells of a lane that was closed or has opened: the one place where an incident becomes known. */
import { log } from '@temporalio/activity';
import type { LaneEventKind } from '../domain/lane';
import type { LogEntry } from '../domain/log-entry';
import type { Store } from '../store/store';
import type { LaneEvent } from './lane-permits';

/** Writes the entry and the log line. Its id is the event's own: told twice, it is one. */
export async function raiseLaneEvent(
  { store }: { store: Pick<Store, 'logEntries' | 'lanes'> },
  { kind, lane }: LaneEvent,
): Promise<void> {
  const at = lane.since ?? store.lanes.now();
  const entry: LogEntry = {
    id: `lane-${lane.provider}-${lane.environment}-${at.getTime()}-${kind}`,
    created_at: at.toISOString(),
    organisation: null,
    environment: lane.environment,
    provider: lane.provider,
    account_id: null,
    account_label: null,
    action: kind,
    source: 'scheduled',
    outcome: null,
    request: null,
    response: null,
    error: lane.failure,
    diagnostics: null,
    generation: null,
    workflow_id: null,
    run_id: null,
    message: `${lane.provider} (${lane.environment}): ${SENTENCES[kind]}`,
  };
  await store.logEntries.record(entry);
  const line = {
    action: kind,
    provider: lane.provider,
    environment: lane.environment,
    ...(lane.failure === null ? {} : { error: lane.failure.code, status: lane.failure.status }),
  };
  if (lane.state === 'open') log.info(entry.message, line);
  else log.error(entry.message, line);
}

const SENTENCES: Record<LaneEventKind, string> = {
  app_incident:
    'the provider refuses the OAuth app itself. No account is touched; one at a time asks every half minute whether it is accepted again, and then all that is due is refreshed at once. Check the app and its credentials.',
  app_recovered: 'the provider accepts the OAuth app again; all that is due is refreshed now.',
  lane_broken:
    'the provider fails for one account after the other. Nothing more is sent but one probe every half minute, until it answers again.',
  lane_recovered:
    'the provider answers again; all that is due is refreshed now, the most urgent first.',
};
