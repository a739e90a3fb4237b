/** Limits server-sent event streams, so that no key and no organisation can use up a process's connections. */
import type { Context } from 'hono';
import { type SSEStreamingApi, streamSSE } from 'hono/streaming';
import type { Principal } from '../domain/access/principal';
import { ServiceError } from '../domain/service-error';

/** Streams that one key, JWT subject or signed-in person may have open per process. */
export const STREAMS_MAX_PER_ACTOR = 20;
/** Streams that one organisation may have open per process. */
const STREAMS_MAX_PER_ORGANISATION = 50;
const RETRY_AFTER_SECONDS = 10;

type Owner = Pick<Principal, 'keyId' | 'organisation'>;

/** Counts the open streams of this process. */
export class OpenStreams {
  /** By owner; an owner without open streams is removed. */
  readonly #open = new Map<string, number>();

  /**
   * Responds with server-sent events. The stream counts until `send` resolves or the client disconnects.
   * @throws {ServiceError} `too_many_streams`
   */
  serve(c: Context, owner: Owner, send: (stream: SSEStreamingApi) => Promise<void>): Response {
    // Hono drops the body of a HEAD response without cancelling it, so a stream would never end.
    if (c.req.method === 'HEAD') return c.body(null, 200, { 'Content-Type': 'text/event-stream' });
    const close = this.#opened(owner);
    return streamSSE(c, async (stream) => {
      stream.onAbort(close);
      try {
        await send(stream);
      } finally {
        close();
      }
    });
  }

  /** @returns a function that stops counting the stream; further calls change nothing */
  #opened({ keyId, organisation }: Owner): () => void {
    const limits = [
      {
        name: JSON.stringify([organisation, keyId]),
        max: STREAMS_MAX_PER_ACTOR,
        whose: 'This key, JWT or session',
      },
      {
        name: JSON.stringify([organisation]),
        max: STREAMS_MAX_PER_ORGANISATION,
        whose: 'Your organisation',
      },
    ];
    for (const { name, max, whose } of limits) {
      if ((this.#open.get(name) ?? 0) < max) continue;
      throw new ServiceError(
        'too_many_streams',
        `${whose} has ${max} streams open, which is the maximum. Close one and try again.`,
        RETRY_AFTER_SECONDS,
      );
    }
    for (const { name } of limits) this.#open.set(name, (this.#open.get(name) ?? 0) + 1);
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      for (const { name } of limits) {
        const left = (this.#open.get(name) ?? 1) - 1;
        if (left === 0) this.#open.delete(name);
        else this.#open.set(name, left);
      }
    };
  }
}
