/** Limits that protect callers from each other: guesses, sizes, slow connections, and warnings of settings. */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { Writable } from 'node:stream';
import { type Network, parseNetwork } from '../../src/domain/access/network';
import type { Config } from '../../src/process/config';
import { createLogger } from '../../src/process/logging';
import { type RunningApi, serveApi } from '../../src/server/serve';
import { type Api, startApi } from '../api/_api';
import { secretIssuer } from '../api/_jwt';
import { engines } from '../support/engines';
import { eventually } from '../support/eventually';

const issuer = secretIssuer();
const LOOPBACK = parseNetwork('127.0.0.1') as Network;

let api: Api;
let running: RunningApi;
let lines: string[];
const sockets: Socket[] = [];

const serve = (config: Partial<Config> = {}) =>
  serveApi({
    config: { ...api.harness.config, jwt: issuer.config, ...config },
    temporal: { address: engines.temporalAddress },
    store: api.store,
    vault: api.harness.vault,
    logger: createLogger(
      'warn',
      new Writable({
        write(chunk, _encoding, done) {
          lines.push(String(chunk));
          done();
        },
      }),
    ),
    port: 0,
  });

beforeAll(async () => {
  api = await startApi({ worker: false });
});
beforeEach(async () => {
  lines = [];
  running = await serve();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await running.stop();
});
afterAll(() => api.stop());

const ask = (key: string, path = '/api/admin/accounts') =>
  fetch(`${running.url}${path}`, { headers: { authorization: `Bearer ${key}` } });
const guess = () =>
  `evg_${randomBytes(8).toString('hex')}_${randomBytes(32).toString('base64url')}`;

describe('keys that are not accepted', () => {
  it('get a 429 after too many guesses, and do not block an accepted key', async () => {
    const statuses = new Map<number, number>();
    for (let tried = 0; tried < 150; tried += 1) {
      const { status } = await ask(guess());
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    expect(Object.fromEntries(statuses)).toEqual({ 401: 30, 429: 120 });

    const answer = await ask(guess());
    expect(answer.status).toBe(429);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await answer.json()).toMatchObject({
      error: {
        code: 'too_many_failures',
        message: expect.stringMatching(/This API key is unknown.* Try again in \d+ s\./),
      },
    });
    const right = await api.key(['admin']);
    expect((await ask(right)).status).toBe(200);
    const jwt = await issuer.sign({ organisation: api.organisation, scope: 'read' });
    expect((await ask(jwt)).status).toBe(200);
    expect((await ask(await secretIssuer().sign())).status).toBe(429);
  });

  it('are looked up a few at a time per address, and only once if repeated', async () => {
    const original = api.store.apiKeys.verify.bind(api.store.apiKeys);
    let underWay = 0;
    let most = 0;
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const watched = jest.spyOn(api.store.apiKeys, 'verify').mockImplementation(async (text) => {
      underWay += 1;
      most = Math.max(most, underWay);
      await held;
      return original(text).finally(() => {
        underWay -= 1;
      });
    });
    const repeated = guess();
    const asked = Array.from({ length: 200 }, () => ask(guess()));
    await eventually(() => underWay === 8);
    release();
    await Promise.all(asked);
    expect(most).toBe(8);
    for (let tried = 0; tried < 5; tried += 1) await ask(repeated);
    expect(watched.mock.calls.filter(([text]) => text === repeated)).toHaveLength(1);
    watched.mockRestore();
  });

  it('are not hashed if they are too long', async () => {
    const answer = await api.send('GET', '/api/admin/accounts', { key: `a.${'x'.repeat(9000)}.b` });
    expect(answer.status).toBe(401);
    expect(answer.body.error.message).toContain('too long');
  });
});

describe('connections', () => {
  async function open(first: string): Promise<{ closed: () => boolean; answered: () => string }> {
    const { hostname, port } = new URL(running.url);
    let isClosed = false;
    let answer = '';
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), hostname, () => {
        socket.write(first);
        resolve();
      });
      socket
        .on('data', (data) => (answer += String(data)))
        .on('error', () => undefined)
        .on('close', () => (isClosed = true));
      sockets.push(socket);
    });
    return { closed: () => isClosed, answered: () => answer };
  }

  it('that send almost nothing do not slow down others, and are closed', async () => {
    const slow = await Promise.all(
      Array.from({ length: 500 }, (_, index) =>
        open(index % 2 === 0 ? 'GET /healthz HTTP/1.1\r\nHost: x\r\nX-' : 'P'),
      ),
    );
    const durations: number[] = [];
    for (let asked = 0; asked < 100; asked += 1) {
      const from = performance.now();
      expect((await fetch(`${running.url}/healthz`)).status).toBe(200);
      durations.push(performance.now() - from);
    }
    const p99 = durations.toSorted((a, b) => a - b)[98] ?? Number.POSITIVE_INFINITY;
    expect(p99).toBeLessThan(2_000);
    await eventually(() => slow.every(({ closed }) => closed()));
    expect(slow.filter(({ answered }) => !answered().startsWith('HTTP/1.1 408'))).toEqual([]);
    expect(slow[0]?.answered()).toContain('"code":"request_timeout"');
  });
});

describe('a request that Node refuses', () => {
  /** Sends bytes on a new connection. */
  async function exchanged(bytes: string): Promise<{ head: string; body: any }> {
    const { hostname, port } = new URL(running.url);
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    sockets.push(socket);
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    return { head, body: JSON.parse(body) };
  }

  it.each([
    [
      'headers that are too large',
      `GET /healthz HTTP/1.1\r\nHost: x\r\nX-Large: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
      'headers_too_large',
    ],
    [
      'a URL that is too long',
      `GET /healthz?${'x'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
      431,
      'headers_too_large',
    ],
    ['bytes that are not HTTP', 'nonsense\r\n\r\n', 400, 'invalid_request'],
    [
      'two Content-Length headers',
      'POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      400,
      'invalid_request',
    ],
  ])('with %s gets the common error shape', async (_what, bytes, status, code) => {
    const { head, body } = await exchanged(bytes);
    expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(head).toMatch(/^content-type: application\/json/im);
    expect(head).toMatch(/^connection: close/im);
    const requestId = /^x-request-id: (\S+)/im.exec(head)?.[1];
    expect(requestId).toBeDefined();
    expect(body).toEqual({
      error: { code, message: expect.stringMatching(/\S \S/), request_id: requestId },
    });
  });
});

describe('the configuration', () => {
  const jwt = {
    keys: { jwksUrl: 'http://127.0.0.1:9/jwks' },
    issuer: 'https://id.example',
    organisationClaims: ['organisation'],
  };

  it.each([
    [
      'causes a warning if PUBLIC_URL is https and no proxy is trusted',
      { publicUrl: new URL('https://evergrant.example') },
      1,
    ],
    [
      'causes no warning if a proxy is trusted',
      { publicUrl: new URL('https://evergrant.example'), trustedProxies: [LOOPBACK] },
      0,
    ],
    [
      'causes no warning if PUBLIC_URL is http',
      { publicUrl: new URL('http://evergrant.example') },
      0,
    ],
  ])('%s', async (_what, config, warnings) => {
    const other = await serve(config);
    await other.stop();
    expect(lines.filter((line) => line.includes('TRUSTED_PROXIES'))).toHaveLength(warnings);
  });

  it.each([
    ['causes a warning if JWTs for any service are accepted', { ...jwt, audience: null }, 1],
    ['causes no warning with an audience', { ...jwt, audience: 'evergrant' }, 0],
    ['causes no warning with a shared secret', issuer.config, 0],
    ['causes no warning if JWTs are not accepted', null, 0],
  ])('%s', async (_what, config, warnings) => {
    const other = await serve({ jwt: config });
    await other.stop();
    expect(lines.filter((line) => line.includes('JWT_AUDIENCE'))).toHaveLength(warnings);
  });
});
