/** Log entries as server-sent events: for programs as JSON, for pages as fragments. */
import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { LogFilter } from '../domain/log-filter';
import type { RecordedPlace } from '../store/log-entries';
import type { ApiDependencies } from './dependencies';
import { placeOf } from './log-query';
import type { FollowedEntry, LogTail } from './log-tail';
import { encodeCursor } from './schemas';

const LOOKED_AFTER_EVERY_MS = 1_000;
/** A proxy in between may end a connection on which nothing comes. */
const SILENT_MAX_MS = 15_000;
const ALLOWED_CHECKED_EVERY_MS = 5_000;

interface EntryStreamOptions {
  filter: LogFilter;
  /** Where to begin; `Last-Event-ID` goes before it. Now, if there is neither. */
  from?: RecordedPlace | undefined;
  /** What is sent of a batch, one for each entry. */
  messages: (batch: FollowedEntry[]) => Promise<{ event?: string; data: string }[]>;
  /** Asked every 5 s whether who follows still may. */
  isAllowed: () => Promise<boolean>;
}

/**
 * Answers with the entries wanted as they are written, each with the place after it as its id. The first message is a
 * place alone, so that who is cut off before the first entry can go on, too.
 *
 * @throws {ApiError} `invalid_request`: the place is none; `database_unavailable`
 */
export async function streamEntries(
  c: Context,
  { stopping, logTail }: Pick<ApiDependencies, 'stopping'> & { logTail: LogTail },
  { filter, from, messages, isAllowed }: EntryStreamOptions,
): Promise<Response> {
  const last = c.req.header('last-event-id');
  const start = last ? placeOf(last, 'Last-Event-ID') : (from ?? (await logTail.end()));
  return streamSSE(c, async (stream) => {
    const left = new AbortController();
    stream.onAbort(() => left.abort());
    const signal = AbortSignal.any([stopping, left.signal]);
    await stream.write(`id: ${idOf(start)}\n\n`);
    let sentAt = Date.now();
    let checkedAt = sentAt;
    const idleMs = LOOKED_AFTER_EVERY_MS;
    for await (const batch of logTail.follow(filter, start, { signal, idleMs })) {
      if (Date.now() - checkedAt > ALLOWED_CHECKED_EVERY_MS) {
        if (!(await isAllowed())) return;
        checkedAt = Date.now();
      }
      for (const [index, message] of (await messages(batch)).entries()) {
        const place = batch[index]?.place;
        await stream.writeSSE({ ...message, ...(place === undefined ? {} : { id: idOf(place) }) });
        sentAt = Date.now();
      }
      if (Date.now() - sentAt > SILENT_MAX_MS) {
        await stream.write(': still here\n\n');
        sentAt = Date.now();
      }
    }
  });
}

/** A place as the id of an event. */
export function idOf({ at, id }: RecordedPlace): string {
  return encodeCursor(at.toISOString(), id);
}
