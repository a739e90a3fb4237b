/** Live fragments: a fragment rendered again and again on the server, and sent when it came out different. */
import { setTimeout as delay } from 'node:timers/promises';
import { html as text } from 'hono/html';
import type { Child } from 'hono/jsx';
import { streamSSE } from 'hono/streaming';
import { apiErrorOf } from '../api/errors';
import type { UiContext, UiDependencies } from './dependencies';
import type { Sessions } from './sessions';

const LOOK_EVERY_MS = 1_000;
/** A proxy in between may end a connection on which nothing comes. */
const SILENT_MAX_MS = 15_000;
const SESSION_CHECKED_EVERY_MS = 5_000;

interface LiveDependencies extends Pick<UiDependencies, 'stopping' | 'logger'> {
  sessions: Pick<Sessions, 'read'>;
}

/**
 * Answers with server-sent events for htmx: each unnamed message replaces the fragment. `trouble` says in a sentence why
 * what is shown may be old, and is empty once it is over. Ends with the session, which the next connection then tells.
 *
 * @param render must give the same text for the same data: times are marked up, and made relative in the browser
 */
export function liveFragment(
  c: UiContext,
  { sessions, stopping, logger }: LiveDependencies,
  render: () => Promise<Child>,
): Response {
  return streamSSE(c, async (stream) => {
    const shown = { html: '', trouble: '' };
    let sentAt = Date.now();
    let sessionCheckedAt = Date.now();
    const send = async (message: { event?: string; data: string }) => {
      await stream.writeSSE(message);
      sentAt = Date.now();
    };
    while (!stream.aborted && !stopping.aborted) {
      const { html, trouble } = await rendered(render).catch((error: unknown) => {
        const { code, message } = apiErrorOf(error);
        if (code === 'internal_error') logger.error({ err: error }, 'a live fragment failed');
        return { html: shown.html, trouble: message };
      });
      if (trouble !== shown.trouble) await send({ event: 'trouble', data: trouble });
      if (html !== shown.html) await send({ data: html });
      Object.assign(shown, { html, trouble });
      if (Date.now() - sentAt > SILENT_MAX_MS) {
        await stream.write(': still here\n\n');
        sentAt = Date.now();
      }
      await delay(LOOK_EVERY_MS);
      if (Date.now() - sessionCheckedAt > SESSION_CHECKED_EVERY_MS) {
        if ((await sessions.read(c).catch(() => c.get('session'))) === null) return;
        sessionCheckedAt = Date.now();
      }
    }
  });
}

async function rendered(render: () => Promise<Child>): Promise<{ html: string; trouble: string }> {
  // Markup comes as an object of its own kind, of which no two are equal.
  return { html: (await text`${await render()}`).toString(), trouble: '' };
}

/** Shares what is loaded among all who ask within a moment, so that viewers cost no more than one. */
export function sharedFor<T>(ms: number, load: () => Promise<T>): () => Promise<T> {
  let last: { at: number; result: Promise<T> } | null = null;
  return () => {
    if (last === null || Date.now() - last.at >= ms) last = { at: Date.now(), result: load() };
    return last.result;
  };
}
