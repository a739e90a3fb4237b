/**
 * A workflow's history in sentences. Only selected payload fields are read: some payloads hold encrypted grants, and a
 * sweep's history concerns the accounts of all organisations.
 */
import type { WorkflowHandle } from '@temporalio/client';
import { z } from 'zod';
import { type SweepSummary, summaryLine } from '../domain/refresh/sweep';

export interface HistoryEvent {
  id: number;
  at: Date;
  /** Temporal's name for the event type. */
  type: string;
  /** A sentence for people. */
  what: string;
  activity: string | null;
  attempt: number | null;
  failure: string | null;
  nextRetryAt: Date | null;
}

type RawEvent = NonNullable<Awaited<ReturnType<WorkflowHandle['fetchHistory']>>['events']>[number];
type RawPayload = { data?: Uint8Array | null };
type RawFailure = { message?: string | null; cause?: RawFailure | null };
type RawTime = { seconds?: { toString(): string } | null; nanos?: number | null };
type Said = Partial<Pick<HistoryEvent, 'activity' | 'attempt' | 'failure' | 'nextRetryAt'>> & {
  what: string;
};

const Attempt = z.object({
  accountId: z.string(),
  outcome: z.string(),
  reason: z.string(),
  failure: z.object({ message: z.string() }).nullable(),
});
/** The result of a refresh, or of its activity. */
const Refresh = z.union([
  Attempt,
  z.object({ attempt: Attempt }).transform(({ attempt }) => attempt),
]);
const Asked = z.object({
  source: z.string(),
  force: z.boolean(),
  reconnect: z.boolean().optional(),
});
const Batch = z.object({ counts: z.object({ refreshed: z.number() }) });
const BatchPart = z.object({ remaining: z.array(z.unknown()), refreshed: z.number() });
/** The SDK's record of a local activity. */
const InTask = z.object({ activity_type: z.string(), attempt: z.number() });
const DuePage = z.object({ accounts: z.array(z.unknown()) });

/** The SDK's name for such a record. */
const IN_TASK_MARKER = 'core_local_activity';
/** The prefix of batch workflow ids. */
const BATCH = 'refresh-batch/';

export interface HistoryReading {
  /** The organisation whose accounts are shown among a sweep's children; `null` for none. */
  organisation: string | null;
  /** Whether to show the counts, failures and notes of a workflow that serves all organisations. */
  isWhole: boolean;
}

/** The events worth reading, in order. Children of a sweep are included only if they belong to the organisation. */
export function readableHistory(
  events: readonly RawEvent[],
  { organisation, isWhole }: HistoryReading,
): HistoryEvent[] {
  const reader = new HistoryReader(organisation, isWhole);
  const readable: HistoryEvent[] = [];
  for (const event of events) {
    const at = timeOf(event.eventTime) ?? new Date(0);
    const said = reader.read(event, at);
    if (said === null) continue;
    readable.push({
      id: Number(event.eventId ?? 0),
      at,
      type: typeOf(event),
      activity: null,
      attempt: null,
      nextRetryAt: null,
      ...said,
      failure: said.failure ? reader.masked(said.failure) : null,
    });
  }
  return readable;
}

/** Remembers earlier events, to which later events only refer. */
class HistoryReader {
  readonly #organisation: string | null;
  readonly #isWhole: boolean;
  readonly #activities = new Map<string, string>();
  /** The workflow ids of the organisation's own children. */
  readonly #children = new Set<string>();

  constructor(organisation: string | null, isWhole: boolean) {
    this.#organisation = organisation;
    this.#isWhole = isWhole;
  }

  /** Masks workflow ids of other organisations, which a failure of a sweep's code may contain. */
  masked(failure: string): string {
    return failure.replaceAll(/refresh-account\/\w+/g, (id) =>
      this.#children.has(id) ? id : 'refresh-account/…',
    );
  }

  read(event: RawEvent, at: Date): Said | null {
    if (!this.#isWhole) return this.#child(event) ?? outline(event);
    return (
      this.#activity(event) ??
      inTask(event) ??
      this.#child(event) ??
      this.#wait(event, at) ??
      ending(event)
    );
  }

  #activity(event: RawEvent): Said | null {
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (scheduled) {
      const activity = scheduled.activityType?.name ?? '';
      this.#activities.set(String(event.eventId), activity);
      return { what: summaryOf(event) ?? `${activity} is scheduled`, activity };
    }
    const started = event.activityTaskStartedEventAttributes;
    if (started) {
      return {
        ...this.#named(started.scheduledEventId),
        what: 'started by a worker',
        attempt: started.attempt ?? 1,
        failure: failureSentence(started.lastFailure),
      };
    }
    const completed = event.activityTaskCompletedEventAttributes;
    if (completed) {
      const { activity } = this.#named(completed.scheduledEventId);
      return { activity, ...resultSaid(jsonOf(completed.result?.payloads?.[0])) };
    }
    const failed = event.activityTaskFailedEventAttributes;
    if (failed) {
      const failure = failureSentence(failed.failure);
      return { ...this.#named(failed.scheduledEventId), what: 'failed', failure };
    }
    const timedOut = event.activityTaskTimedOutEventAttributes;
    if (timedOut) {
      return {
        ...this.#named(timedOut.scheduledEventId),
        what: 'no heartbeat: the worker was lost or hangs',
        failure: failureSentence(timedOut.failure),
      };
    }
    return null;
  }

  #named(scheduledEventId: unknown): { activity: string | null } {
    return { activity: this.#activities.get(String(scheduledEventId)) ?? null };
  }

  /** Only the initiated event names the child's organisation. */
  #child(event: RawEvent): Said | null {
    const asked = event.startChildWorkflowExecutionInitiatedEventAttributes;
    if (asked) {
      const org = jsonOf(asked.searchAttributes?.indexedFields?.['EvergrantOrg']);
      if (org === this.#organisation) this.#children.add(asked.workflowId ?? '');
      // A batch serves all organisations and names none.
      const summary = summaryOf(event);
      const isBatch = asked.workflowId?.startsWith(BATCH) === true;
      return this.#isWhole && isBatch && summary !== null ? { what: summary } : null;
    }
    const started = event.childWorkflowExecutionStartedEventAttributes;
    const refused = event.startChildWorkflowExecutionFailedEventAttributes;
    const completed = event.childWorkflowExecutionCompletedEventAttributes;
    const ended =
      event.childWorkflowExecutionFailedEventAttributes ??
      event.childWorkflowExecutionTerminatedEventAttributes ??
      event.childWorkflowExecutionCanceledEventAttributes ??
      event.childWorkflowExecutionTimedOutEventAttributes;
    const id =
      refused?.workflowId ?? (started ?? completed ?? ended)?.workflowExecution?.workflowId ?? '';
    const continuing = event.workflowExecutionSignaledEventAttributes;
    if (continuing) return this.#continuing(jsonOf(continuing.input?.payloads?.[0]));
    if (completed && this.#isWhole && id.startsWith(BATCH))
      return resultSaid(jsonOf(completed.result?.payloads?.[0]));
    if (!this.#children.has(id)) return null;
    if (started) return { what: `${id} started` };
    if (refused) return { what: `${id} was already running` };
    if (completed) {
      const said = resultSaid(jsonOf(completed.result?.payloads?.[0]));
      return { ...said, what: `${id}: ${said.what}` };
    }
    const failure = event.childWorkflowExecutionFailedEventAttributes?.failure;
    return { what: `${id} ended without a result`, failure: failureSentence(failure) };
  }

  #continuing(signal: unknown): Said | null {
    const attempt = Attempt.safeParse(signal);
    if (!attempt.success) return null;
    const id = `refresh-account/${attempt.data.accountId}`;
    return this.#children.has(id)
      ? { what: `${id} keeps retrying`, failure: attempt.data.failure?.message ?? null }
      : null;
  }

  #wait(event: RawEvent, at: Date): Said | null {
    const timer = event.timerStartedEventAttributes;
    if (timer) {
      const ms = timeOf(timer.startToFireTimeout)?.getTime() ?? 0;
      return {
        what: `waits for ${Math.round(ms / 100) / 10} s`,
        nextRetryAt: new Date(at.getTime() + ms),
      };
    }
    if (event.timerFiredEventAttributes) return { what: 'the wait is over' };
    if (event.timerCanceledEventAttributes) return { what: 'the wait ended early' };
    const update = event.workflowExecutionUpdateAcceptedEventAttributes;
    if (update) {
      const asked = Asked.safeParse(jsonOf(update.acceptedRequest?.input?.args?.payloads?.[0]));
      return asked.success ? { what: askedSaid(asked.data) } : { what: 'requested' };
    }
    return null;
  }
}

function askedSaid({ source, force, reconnect }: z.infer<typeof Asked>): string {
  if (reconnect === true) return `reconnected with a new grant (${source})`;
  return `requested (${source}${force ? ', forced' : ''})`;
}

/** A local activity: one event from start to end. */
function inTask(event: RawEvent): Said | null {
  const marker = event.markerRecordedEventAttributes;
  if (marker?.markerName !== IN_TASK_MARKER) return null;
  const { data, result } = marker.details ?? {};
  const noted = InTask.safeParse(jsonOf(data?.payloads?.[0]));
  const { activity_type: activity = null, attempt = null } = noted.data ?? {};
  const said = marker.failure
    ? { what: 'failed', failure: failureSentence(marker.failure) }
    : resultSaid(jsonOf(result?.payloads?.[0]));
  const summary = summaryOf(event);
  const what = summary === null ? said.what : `${summary}: ${said.what}`;
  return { activity, attempt, ...said, what };
}

/** The summary that an activity or a child workflow carries. */
function summaryOf({ userMetadata }: RawEvent): string | null {
  const summary = jsonOf(userMetadata?.summary);
  return typeof summary === 'string' ? summary : null;
}

/** How a workflow started and ended, and failures of its code. */
function ending(event: RawEvent): Said | null {
  if (event.workflowExecutionStartedEventAttributes) return { what: 'started' };
  const completed = event.workflowExecutionCompletedEventAttributes;
  if (completed) {
    const result = jsonOf(completed.result?.payloads?.[0]);
    return isSummary(result) ? { what: `finished: ${summaryLine(result)}` } : resultSaid(result);
  }
  const failed = event.workflowExecutionFailedEventAttributes;
  if (failed) return { what: 'failed', failure: failureSentence(failed.failure) };
  const terminated = event.workflowExecutionTerminatedEventAttributes;
  if (terminated) return { what: 'terminated by an operator', failure: terminated.reason || null };
  if (event.workflowExecutionTimedOutEventAttributes) return { what: 'timed out' };
  if (event.workflowExecutionCancelRequestedEventAttributes)
    return { what: 'cancellation requested' };
  if (event.workflowExecutionCanceledEventAttributes) return { what: 'canceled' };
  if (event.workflowExecutionContinuedAsNewEventAttributes)
    return { what: 'continued in a new run, because the history had grown' };
  const task = event.workflowTaskFailedEventAttributes;
  if (task) {
    const failure = failureSentence(task.failure);
    return { what: 'a step of the workflow failed; Temporal retries it', failure };
  }
  return null;
}

/** How a workflow started and ended, without results. */
function outline(event: RawEvent): Said | null {
  if (event.workflowExecutionStartedEventAttributes) return { what: 'started' };
  if (event.workflowExecutionCompletedEventAttributes) return { what: 'finished' };
  if (event.workflowExecutionFailedEventAttributes) return { what: 'failed' };
  if (event.workflowExecutionTerminatedEventAttributes)
    return { what: 'terminated by an operator' };
  if (event.workflowExecutionTimedOutEventAttributes) return { what: 'timed out' };
  if (event.workflowExecutionCanceledEventAttributes) return { what: 'canceled' };
  if (event.workflowExecutionContinuedAsNewEventAttributes)
    return { what: 'continued in a new run' };
  return null;
}

/** The result of a refresh or an activity. A refusal by the provider is a result, not a failure of the activity. */
function resultSaid(result: unknown): Said {
  const ended = Refresh.safeParse(result);
  if (ended.success) {
    const { outcome, reason, failure } = ended.data;
    return {
      what: outcome === reason ? outcome : `${outcome} (${reason})`,
      failure: failure?.message ?? null,
    };
  }
  const batch = Batch.safeParse(result);
  if (batch.success)
    return { what: `the batch is finished: ${batch.data.counts.refreshed} refreshed` };
  const part = BatchPart.safeParse(result);
  if (part.success)
    return {
      what: `${part.data.refreshed} refreshed, ${part.data.remaining.length} remaining`,
    };
  const page = DuePage.safeParse(result);
  return { what: page.success ? `${page.data.accounts.length} due` : 'done' };
}

function isSummary(result: unknown): result is SweepSummary {
  return typeof result === 'object' && result !== null && 'due' in result && 'refreshed' in result;
}

/** The innermost message, because the outer ones only say "activity failed". No stack, no details. */
export function failureSentence(failure: RawFailure | null | undefined): string | null {
  if (!failure) return null;
  return failureSentence(failure.cause) ?? (failure.message || null);
}

/** The JSON of a payload, or `undefined` if it holds anything else. */
export function jsonOf(payload: RawPayload | null | undefined): unknown {
  if (!payload?.data) return undefined;
  try {
    return JSON.parse(Buffer.from(payload.data).toString('utf8'));
  } catch {
    return undefined;
  }
}

/** Converts a protobuf timestamp, or a duration since 1970. */
export function timeOf(time: RawTime | null | undefined): Date | null {
  if (!time) return null;
  return new Date(Number(String(time.seconds ?? 0)) * 1000 + (time.nanos ?? 0) / 1e6);
}

function typeOf(event: RawEvent): string {
  const suffix = 'EventAttributes';
  const [name = ''] = Object.entries(event)
    .filter(([key, value]) => key.endsWith(suffix) && value)
    .map(([key]) => key.slice(0, -suffix.length));
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}
