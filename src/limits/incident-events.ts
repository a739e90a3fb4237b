/** Publishes the start and the end of an app's incident: a log entry, an event for webhooks, and a log line. */
import { log } from '@temporalio/activity';
import { appEvent } from '../domain/events/event';
import {
  type IncidentEvent,
  type IncidentEventKind,
  shownFailure,
} from '../domain/limits/limiter-outcome';
import type { Store } from '../store/store';

type Targets = { store: Pick<Store, 'logEntries' | 'limiters' | 'events'> };

/** Writes the log entry and the event, and logs a line. */
export async function raiseIncidentEvent(deps: Targets, event: IncidentEvent): Promise<void> {
  const { kind, limiter } = event;
  const message = await recordIncidentEvent(deps, event);
  const failure = shownFailure(limiter);
  const line = {
    action: kind,
    provider: limiter.provider,
    environment: limiter.environment,
    ...(failure === null
      ? {}
      : { failure_code: failure.code, status: failure.status, detail: failure.detail }),
  };
  if (limiter.state === 'closed') log.info(message, line);
  else log.error(message, line);
}

/**
 * Writes the log entry and the event only. Their ids are derived from the incident, so writing them again changes nothing.
 * @returns the entry's message
 */
export async function recordIncidentEvent(
  { store }: Targets,
  { kind, limiter, begunAt }: IncidentEvent,
): Promise<string> {
  const { provider, environment } = limiter;
  const failure = shownFailure(limiter);
  const at = limiter.since ?? store.limiters.now();
  const message = `${provider} (${environment}): ${SENTENCES[kind]}`;
  await store.logEntries.record({
    id: `app-${provider}-${environment}-${at.getTime()}-${kind}`,
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
    limiter.state === 'closed'
      ? appEvent(app, { type: 'app.recovered' })
      : appEvent(app, {
          type: 'app.incident',
          reason: failure?.code ?? kind,
          detail: failure?.detail ?? null,
        }),
  );
  return message;
}

const SENTENCES: Record<IncidentEventKind, string> = {
  app_incident:
    'The provider refuses the OAuth app. No account was changed. Evergrant probes the app with one account at a time, and refreshes all due accounts when the provider accepts it again. Check the app and its credentials.',
  app_recovered:
    'The provider accepts the OAuth app again. Evergrant refreshes all due accounts now.',
  provider_outage:
    'The provider fails for several accounts in a row. Evergrant probes it with one account at a time, and refreshes all due accounts when it answers again.',
  provider_recovered:
    'The provider answers again. Evergrant refreshes all due accounts now, the most urgent first.',
};
