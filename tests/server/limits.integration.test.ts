/** What keeps one caller from being a burden to the others: guesses, sizes, slow connections, configurations. */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { Writable } from 'node:stream';
import { type RunningApi, serveApi } from '../../src/api/serve';
import type { Config } from '../../src/config';
import { createLogger } from '../../src/logging';
import { engines } from '../support/engines';
import { eventually } from '../support/eventually';
import { type Api, startApi } from './_api';
import { secretIssuer } from './_jwt';

const issuer = secretIssuer();

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
  it('are not looked at any more, after a while of guessing', async () => {
    const statuses = new Map<number, number>();
    for (let tried = 0; tried < 150; tried += 1) {
      const { status } = await ask(guess());
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    expect(Object.fromEntries(statuses)).toEqual({ 401: 30, 429: 120 });

    const right = await api.key(['admin']);
    const answer = await ask(right);
    expect(answer.status).toBe(429);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await answer.json()).toMatchObject({
      error: { code: 'too_many_failures', message: expect.stringContaining('Try again in') },
    });
    // What anybody may see is seen, and signatures are not guessed.
    expect((await ask(right, '/healthz')).status).toBe(200);
    const jwt = await issuer.sign({ organisation: api.organisation, scope: 'read' });
    expect((await ask(jwt)).status).toBe(200);
    expect((await ask(await secretIssuer().sign())).status).toBe(401);
  });

  it('do not shut out who was known before', async () => {
    const client = await api.key(['read']);
    expect((await ask(client)).status).toBe(200);
    for (let tried = 0; tried < 40; tried += 1) await ask(guess());
    expect((await ask(guess())).status).toBe(429);
    expect((await ask(client)).status).toBe(200);
  });

  it('are not hashed where they are too long', async () => {
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

  it('that send nothing or next to it do not slow the others down, and are ended', async () => {
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
  });
});

describe('the configuration', () => {
  const jwt = {
    keys: { jwksUrl: 'http://127.0.0.1:9/jwks' },
    issuer: 'https://id.example',
    organisationClaims: ['organisation'],
  };

  it.each([
    ['warned of where JWTs for any service are accepted', { ...jwt, audience: null }, 1],
    ['not, where the audience is named', { ...jwt, audience: 'evergrant' }, 0],
    ['not, where the secret is shared with us alone', issuer.config, 0],
    ['not, where no JWT is accepted', null, 0],
  ])('is %s', async (_what, config, warnings) => {
    const other = await serve({ jwt: config });
    await other.stop();
    expect(lines.filter((line) => line.includes('JWT_AUDIENCE'))).toHaveLength(warnings);
  });
});
