/** Tells of a lane that was closed or has opened: the one place where an incident becomes known. */
import { log } from '@temporalio/activity';
import { appEvent } from '../domain/event';
import type { LaneEvent, LaneEventKind } from '../domain/lane';
import type { Store } from '../store/store';

type Told = { store: Pick<Store, 'logEntries' | 'lanes' | 'events'> };

/** Writes the entry and the event for webhooks, and logs it. */
export async function raiseLaneEvent(deps: Told, event: LaneEvent): Promise<void> {
  const { kind, lane } = event;
  const message = await recordLaneEvent(deps, event);
  const line = {
    action: kind,
    provider: lane.provider,
    environment: lane.environment,
    ...(lane.failure === null ? {} : { error: lane.failure.code, status: lane.failure.status }),
  };
  if (lane.state === 'open') log.info(message, line);
  else log.error(message, line);
}

/**
 * Only the entry and the event. Their ids are the incident's own: written again, they are the same.
 * @returns what the entry says
 */
export async function recordLaneEvent(
  { store }: Told,
  { kind, lane, begunAt }: LaneEvent,
): Promise<string> {
  const { provider, environment, failure } = lane;
  const at = lane.since ?? store.lanes.now();
  const message = `${provider} (${environment}): ${SENTENCES[kind]}`;
  await store.logEntries.record({
    id: `lane-${provider}-${environment}-${at.getTime()}-${kind}`,
    created_at: at.toISOString(),
    organisation: null,
    environment,
    provider,
    account_id: null,
    account_label: null,
    action: kind,
    source: 'scheduled',
    outcome: null,
    request: null,
    response: null,
    error: failure,
    diagnostics: null,
    generation: null,
    workflow_id: null,
    run_id: null,
    message,
  });
  const app = { provider, environment, since: begunAt, at };
  await store.events.raise(
    lane.state === 'open'
      ? appEvent(app, { type: 'app.recovered' })
      : appEvent(app, { type: 'app.incident', reason: failure?.code ?? kind }),
  );
  return message;
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
