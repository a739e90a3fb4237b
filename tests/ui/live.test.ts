/** A live fragment, as the browser gets it. */
import { Hono } from 'hono';
import { ApiError } from '../../src/api/errors';
import { createLogger } from '../../src/logging';
import type { UiContext, UiEnv } from '../../src/ui/dependencies';
import { liveFragment, sharedFor } from '../../src/ui/live';
import { eventually } from '../support/eventually';

const SESSION = {
  keyId: 'k',
  organisation: 'acme',
  scopes: [],
  expiresAt: new Date(),
};

/** Follows a fragment; what is sent is collected as it comes. */
async function follow(render: () => Promise<string>, read = async () => SESSION as any) {
  const stopping = new AbortController();
  const app = new Hono<UiEnv>();
  app.get('/', (c: UiContext) =>
    liveFragment(
      c,
      { sessions: { read }, stopping: stopping.signal, logger: createLogger('fatal') },
      render,
    ),
  );
  const answer = await app.request('/');
  const sent: string[] = [];
  const ended = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>)
      sent.push(decoder.decode(chunk));
  })();
  return { sent, ended, stop: () => stopping.abort() };
}

it('is sent at once, and again only when it comes out different', async () => {
  let renders = 0;
  const live = await follow(async () => {
    renders += 1;
    return renders < 3 ? 'first' : 'second\nline';
  });
  await eventually(() => live.sent.length === 2);
  live.stop();
  await live.ended;
  expect(live.sent).toEqual(['data: first\n\n', 'data: second\ndata: line\n\n']);
  expect(renders).toBeGreaterThan(2);
});

it('says in a sentence why it may be old, once, and when that is over', async () => {
  let renders = 0;
  const live = await follow(async () => {
    renders += 1;
    if (renders === 2 || renders === 3) throw new ApiError('temporal_unavailable', 'Away.');
    return 'same';
  });
  await eventually(() => live.sent.length === 3);
  live.stop();
  await live.ended;
  expect(live.sent).toEqual([
    'data: same\n\n',
    'event: trouble\ndata: Away.\n\n',
    'event: trouble\ndata: \n\n',
  ]);
});

it('ends with the session', async () => {
  const live = await follow(
    async () => 'same',
    async () => null,
  );
  await live.ended;
  expect(live.sent).toEqual(['data: same\n\n']);
});

it('loads once for all who ask within a moment', async () => {
  let loads = 0;
  const load = sharedFor(60_000, async () => (loads += 1));
  expect(await Promise.all([load(), load(), load()])).toEqual([1, 1, 1]);
});
