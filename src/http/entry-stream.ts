/** Log entries as server-sent events: JSON for programs, fragments for pages. */
import type { Context } from 'hono';
import type { Principal } from '../domain/access/principal';
import { encodeCursor } from '../domain/cursor';
import type { LogFilter } from '../domain/logs/log-filter';
import type { FollowedEntry, LogTail } from '../services/logs/log-tail';
import type { RecordedPlace } from '../store/logs/log-entries';
import type { ApiDependencies } from './dependencies';
import type { OpenStreams } from './open-streams';
import { placeOf } from './paging';

const POLL_INTERVAL_MS = 1_000;
/** Longest silence on the stream, in ms; a proxy may close an idle connection. */
const SILENT_MAX_MS = 15_000;
/** How long, in ms, a caller that lost its access may still receive entries. */
const ACCESS_CHECK_INTERVAL_MS = 5_000;

interface EntryStreamDependencies extends Pick<ApiDependencies, 'stopping'> {
  logTail: LogTail;
  streams: OpenStreams;
}

interface StreamMessage {
  event?: string;
  data: string;
}

interface EntryStreamOptions {
  /** The principal that the stream counts for. */
  owner: Pick<Principal, 'keyId' | 'organisation'>;
  filter: LogFilter;
  /** Where to begin; `Last-Event-ID` takes precedence. Default: now. */
  from?: RecordedPlace | undefined;
  /** Renders entries, one message per entry. */
  messages: (entries: FollowedEntry[]) => Promise<StreamMessage[]>;
  /** Renders that entries were left out; `before` is the cursor with which the list begins with them. */
  leftOut: (before: string) => Promise<StreamMessage> | StreamMessage;
  /** Called every 5 s, to end the stream of a caller that is no longer allowed to read it. */
  isAllowed: () => Promise<boolean>;
}

/**
 * Streams matching entries as they are written; the event id is the place after the entry. The first message holds only
 * an id, so that a client that is disconnected before the first entry can resume, too.
 * @throws {ServiceError} `invalid_request` for an invalid place; `too_many_streams`; `database_unavailable`
 */
export async function streamEntries(
  c: Context,
  { stopping, logTail, streams }: EntryStreamDependencies,
  { owner, filter, from, messages, leftOut, isAllowed }: EntryStreamOptions,
): Promise<Response> {
  const last = c.req.header('last-event-id');
  const start = last ? placeOf(last, 'Last-Event-ID') : (from ?? (await logTail.end()));
  return streams.serve(c, owner, async (stream) => {
    const disconnected = new AbortController();
    stream.onAbort(() => disconnected.abort());
    const signal = AbortSignal.any([stopping, disconnected.signal]);
    await stream.write(`id: ${idOf(start)}\n\n`);
    let sentAt = Date.now();
    let checkedAt = sentAt;
    const idleMs = POLL_INTERVAL_MS;
    const send = async (place: RecordedPlace | undefined, message: StreamMessage) => {
      await stream.writeSSE({ ...message, ...(place === undefined ? {} : { id: idOf(place) }) });
      sentAt = Date.now();
    };
    for await (const batch of logTail.follow(filter, start, { signal, idleMs })) {
      if (Date.now() - checkedAt > ACCESS_CHECK_INTERVAL_MS) {
        if (!(await isAllowed())) return;
        checkedAt = Date.now();
      }
      const { entries } = batch;
      if (batch.leftOut !== null)
        await send(batch.leftOut, await leftOut(listCursor(batch.leftOut)));
      for (const [index, message] of (await messages(entries)).entries())
        await send(entries[index]?.place, message);
      if (Date.now() - sentAt > SILENT_MAX_MS) {
        await stream.write(': keep-alive\n\n');
        sentAt = Date.now();
      }
    }
  });
}

/** A place as an event id. */
export function idOf({ at, id }: RecordedPlace): string {
  return encodeCursor(at.toISOString(), id);
}

/** The list is ordered by the time of creation, which is not after the time of writing. */
function listCursor({ at }: RecordedPlace): string {
  return encodeCursor(new Date(at.getTime() + 1).toISOString(), '');
}
