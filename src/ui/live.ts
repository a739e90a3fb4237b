/** Live fragments: the server renders them every second and sends them when the result has changed. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Child } from 'hono/jsx';
import { apiErrorOf } from '../http/errors';
import type { OpenStreams } from '../http/open-streams';
import type { UiDependencies } from './dependencies';
import type { UiContext } from './env';
import { markup } from './markup';
import type { Sessions } from './sessions';

const RENDERED_EVERY_MS = 1_000;
/** Longest time without data on the stream, in ms. After a longer silence, a proxy may close the connection. */
const SILENT_MAX_MS = 15_000;
/** A list waits this multiple of the time that it takes to render, so that a viewer costs a bounded share of MongoDB. */
const WAITS_FOR_ITS_COST = 10;
const SESSION_CHECKED_EVERY_MS = 5_000;

interface LiveDependencies extends Pick<UiDependencies, 'stopping' | 'logger'> {
  sessions: Pick<Sessions, 'read'>;
  streams: OpenStreams;
}

/**
 * Responds with server-sent events for htmx. Each unnamed message replaces the fragment. The event `trouble` carries the
 * reason why the content may be outdated, and an empty text once it is current again. The stream ends with the session.
 * @throws {ServiceError} `too_many_streams`
 * @param isList the fragment reads a page of a list, whose filters decide its cost
 * @param render must return the same text for the same data; the browser makes marked-up times relative
 */
export function liveFragment(
  c: UiContext,
  { sessions, streams, stopping, logger }: LiveDependencies,
  render: () => Promise<Child>,
  { isList = false }: { isList?: boolean } = {},
): Response {
  return streams.serve(c, c.get('session'), async (stream) => {
    const shown = { html: '', trouble: '' };
    let sentAt = Date.now();
    let sessionCheckedAt = Date.now();
    const send = async (message: { event?: string; data: string }) => {
      await stream.writeSSE(message);
      sentAt = Date.now();
    };
    while (!stream.aborted && !stopping.aborted) {
      const startedAt = Date.now();
      const { html, trouble } = await rendered(render).catch((error: unknown) => {
        const { code, message } = apiErrorOf(error);
        if (code === 'internal_error') logger.error({ err: error }, 'a live fragment failed');
        return { html: shown.html, trouble: message };
      });
      if (trouble !== shown.trouble) await send({ event: 'trouble', data: trouble });
      if (html !== shown.html) await send({ data: html });
      Object.assign(shown, { html, trouble });
      if (Date.now() - sentAt > SILENT_MAX_MS) {
        await stream.write(': keep-alive\n\n');
        sentAt = Date.now();
      }
      const costMs = isList ? WAITS_FOR_ITS_COST * (Date.now() - startedAt) : 0;
      const waitMs = Math.max(RENDERED_EVERY_MS, costMs);
      await delay(Math.min(waitMs, SILENT_MAX_MS), undefined, { signal: stopping }).catch(
        () => undefined,
      );
      if (Date.now() - sessionCheckedAt > SESSION_CHECKED_EVERY_MS) {
        if ((await sessions.read(c).catch(() => c.get('session'))) === null) return;
        sessionCheckedAt = Date.now();
      }
    }
  });
}

async function rendered(render: () => Promise<Child>): Promise<{ html: string; trouble: string }> {
  return { html: await markup(await render()), trouble: '' };
}

/** Shares one load among all callers within `ms`, so that many viewers cost as much as one. */
export function sharedFor<T>(ms: number, load: () => Promise<T>): () => Promise<T> {
  let last: { at: number; result: Promise<T> } | null = null;
  return () => {
    if (last === null || Date.now() - last.at >= ms) last = { at: Date.now(), result: load() };
    return last.result;
  };
}
