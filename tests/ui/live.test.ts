/** Live fragments and the limit on open streams. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, createConnection } from 'node:net';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import { ServiceError } from '../../src/domain/service-error';
import { OpenStreams, STREAMS_MAX_PER_ACTOR } from '../../src/http/open-streams';
import { createLogger } from '../../src/process/logging';
import type { UiContext, UiEnv } from '../../src/ui/env';
import { liveFragment, sharedFor } from '../../src/ui/live';
import { eventually } from '../support/eventually';

const SESSION = {
  keyId: 'k',
  organisation: 'acme',
  scopes: [],
  expiresAt: new Date(),
};

/** Opens a live fragment and collects the events that are sent. */
async function follow(
  render: () => Promise<string>,
  read = async () => SESSION as any,
  streams = new OpenStreams(),
) {
  const stopping = new AbortController();
  const app = new Hono<UiEnv>();
  app.use(async (c, next) => {
    c.set('session', SESSION as any);
    await next();
  });
  app.onError((error) => new Response((error as ServiceError).code));
  app.get('/', (c: UiContext) =>
    liveFragment(
      c,
      { sessions: { read }, streams, stopping: stopping.signal, logger: createLogger('fatal') },
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

it('a live fragment is sent at once, and again only when it has changed', async () => {
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

it('a live fragment reports once why it may be outdated, and once when it is current again', async () => {
  let renders = 0;
  const live = await follow(async () => {
    renders += 1;
    if (renders === 2 || renders === 3)
      throw new ServiceError('temporal_unavailable', 'Unreachable.');
    return 'same';
  });
  await eventually(() => live.sent.length === 3);
  live.stop();
  await live.ended;
  expect(live.sent).toEqual([
    'data: same\n\n',
    'event: trouble\ndata: Unreachable.\n\n',
    'event: trouble\ndata: \n\n',
  ]);
});

it('a live fragment ends with the session', async () => {
  const live = await follow(
    async () => 'same',
    async () => null,
  );
  await live.ended;
  expect(live.sent).toEqual(['data: same\n\n']);
});

it('a live fragment is refused while the person has too many open streams', async () => {
  const streams = new OpenStreams();
  const another = () => follow(async () => 'same', undefined, streams);
  const open = await Promise.all(Array.from({ length: STREAMS_MAX_PER_ACTOR }, another));
  await eventually(() => open.every(({ sent }) => sent.length === 1));
  const refused = await another();
  await refused.ended;
  expect(refused.sent).toEqual(['too_many_streams']);
  open[0]?.stop();
  await open[0]?.ended;
  const next = await another();
  await eventually(() => next.sent.length === 1);
  expect(next.sent).toEqual(['data: same\n\n']);
  for (const live of [...open, next]) live.stop();
  await Promise.all([...open, next].map(({ ended }) => ended));
});

it('a stream is no longer counted after the client disconnects, even before the stream begins', async () => {
  const streams = new OpenStreams();
  const app = new Hono<{ Bindings: HttpBindings }>();
  let arrived = 0;
  let ended = 0;
  app.get('/:when', async (c) => {
    arrived += 1;
    // The client of an early end disconnects while the request is still being checked.
    if (c.req.param('when') === 'early') await once(c.env.outgoing, 'close');
    return streams.serve(c, SESSION, async (stream) => {
      await new Promise<void>((resolve) => {
        stream.onAbort(resolve);
      });
      ended += 1;
    });
  });
  app.onError((error) => new Response((error as ServiceError).code));
  const listener = getRequestListener(app.fetch);
  const server = createServer((incoming, outgoing) => void listener(incoming, outgoing));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const connect = (path: string) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    return socket;
  };
  for (const path of ['/early', '/late']) {
    const before = arrived;
    const sockets = Array.from({ length: STREAMS_MAX_PER_ACTOR }, () => connect(path));
    await eventually(() => arrived === before + STREAMS_MAX_PER_ACTOR);
    for (const socket of sockets) socket.destroy();
    await eventually(() => ended === (path === '/early' ? 0 : STREAMS_MAX_PER_ACTOR));
  }
  const last = connect('/late');
  const [answer] = await once(last, 'data');
  expect(String(answer)).toContain('text/event-stream');
  last.destroy();
  server.close();
  await once(server, 'close');
});

it('sharedFor loads once for all callers within its time', async () => {
  let loads = 0;
  const load = sharedFor(60_000, async () => (loads += 1));
  expect(await Promise.all([load(), load(), load()])).toEqual([1, 1, 1]);
});
