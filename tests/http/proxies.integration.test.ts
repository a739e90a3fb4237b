/** Clients behind a reverse proxy: only a trusted proxy names them, and failures of one client do not block others. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent, fetch } from 'undici';
import { type Network, parseNetwork } from '../../src/domain/access/network';
import type { Config } from '../../src/process/config';
import { createLogger } from '../../src/process/logging';
import { type RunningApi, serveApi } from '../../src/server/serve';
import { type Api, startApi } from '../api/_api';
import { assembled, nowSeconds, secretIssuer } from '../api/_jwt';
import { engines } from '../support/engines';

const issuer = secretIssuer();

let api: Api;
beforeAll(async () => {
  api = await startApi({ worker: false });
});
afterAll(() => api.stop());

interface Behind {
  running: RunningApi;
  proxy: Server;
  /** The proxy's URL, which clients use. */
  url: string;
}
const open: Behind[] = [];
afterEach(async () => {
  for (const { running, proxy } of open.splice(0)) {
    proxy.close().closeAllConnections();
    await running.stop();
  }
});

/** The API behind a proxy that appends to `X-Forwarded-For`, as nginx does, and reports https for its clients. */
async function behindProxy(config: Partial<Config>): Promise<Behind> {
  const running = await serveApi({
    config: { ...api.harness.config, jwt: issuer.config, ...config },
    temporal: { address: engines.temporalAddress },
    store: api.store,
    vault: api.harness.vault,
    logger: createLogger('fatal'),
    port: 0,
  });
  const proxy = createServer((incoming, outgoing) => {
    const { 'x-forwarded-for': claimed, ...headers } = incoming.headers;
    const from = incoming.socket.remoteAddress ?? '';
    const onward = request(new URL(incoming.url ?? '/', running.url), {
      method: incoming.method ?? 'GET',
      headers: {
        ...headers,
        'x-forwarded-for': claimed === undefined ? from : `${String(claimed)}, ${from}`,
        'x-forwarded-proto': 'https',
        'x-forwarded-host': 'evergrant.example',
      },
    });
    onward.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(onward);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const { port } = proxy.address() as AddressInfo;
  const behind = { running, proxy, url: `http://127.0.0.1:${port}` };
  open.push(behind);
  return behind;
}

/** All of 127.0.0.0/8 is this machine, so each client can have a different address. */
const FORGER = new Agent({ localAddress: '127.0.0.66' });
const CLIENT = new Agent({ localAddress: '127.0.0.7' });
afterAll(() => Promise.all([FORGER.close(), CLIENT.close()]));

const TRUSTED = ['127.0.0.1/32']
  .map(parseNetwork)
  .filter((network): network is Network => network !== null);

const ask = async (url: string, dispatcher: Agent, key: string, headers = {}) => {
  const answer = await fetch(`${url}/api/admin/accounts`, {
    dispatcher,
    headers: { authorization: `Bearer ${key}`, ...headers },
  });
  await answer.arrayBuffer();
  return answer.status;
};
const signIn = async (url: string, dispatcher: Agent, key: string) =>
  fetch(`${url}/sign-in`, {
    dispatcher,
    method: 'POST',
    redirect: 'manual',
    headers: { 'sec-fetch-site': 'same-origin' },
    body: new URLSearchParams({ key }),
  });
const guess = () =>
  `evg_${randomBytes(8).toString('hex')}_${randomBytes(32).toString('base64url')}`;
const forged = () =>
  assembled(
    { alg: 'HS256', kid: randomBytes(4).toString('hex') },
    { sub: 'somebody', exp: nowSeconds() + 60, organisation: api.organisation },
    randomBytes(32).toString('base64url'),
  );

/** @returns how often each status was answered */
async function flood(url: string, from: Agent): Promise<Record<string, number>> {
  const statuses = await Promise.all([
    ...Array.from({ length: 100 }, () => ask(url, from, forged())),
    ...Array.from({ length: 100 }, () => ask(url, from, guess())),
    ...Array.from({ length: 30 }, async () => (await signIn(url, from, 'wrong')).status),
  ]);
  const counts: Record<string, number> = {};
  for (const status of statuses) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

describe.each([
  ['that is not trusted', []],
  ['that is trusted', TRUSTED],
])(
  'a flood of forged JWTs, wrong keys and wrong sign-ins through a proxy %s',
  (_which, trustedProxies) => {
    it('gets 30 responses with 401, then 429', async () => {
      const { url } = await behindProxy({ trustedProxies });
      expect(await flood(url, FORGER)).toEqual({ 401: 30, 429: 200 });
    });

    it('does not block a valid key, JWT or sign-in, even from the same address', async () => {
      const { url } = await behindProxy({ trustedProxies });
      await flood(url, FORGER);
      const jwt = () => issuer.sign({ organisation: api.organisation, scope: 'read' });
      for (const from of [CLIENT, FORGER]) {
        expect(await ask(url, from, await api.key(['read']))).toBe(200);
        expect(await ask(url, from, await jwt())).toBe(200);
        expect((await signIn(url, from, await api.key(['read']))).status).toBe(303);
        expect((await signIn(url, from, await jwt())).status).toBe(303);
      }
    });

    it('does not replace the 401 of an expired JWT, which tells its client to get a new one', async () => {
      const { url } = await behindProxy({ trustedProxies });
      await flood(url, FORGER);
      const expired = await issuer.sign({ organisation: api.organisation, exp: nowSeconds() - 60 });
      expect(await ask(url, FORGER, expired)).toBe(401);
    });
  },
);

describe('failures', () => {
  it('count for their client if the proxy is trusted', async () => {
    const { url } = await behindProxy({ trustedProxies: TRUSTED });
    await flood(url, FORGER);
    expect(await ask(url, FORGER, guess())).toBe(429);
    expect(await ask(url, CLIENT, guess())).toBe(401);
    expect((await signIn(url, CLIENT, 'wrong')).status).toBe(401);
  });

  it('count for all clients together if the proxy is not trusted', async () => {
    const { url } = await behindProxy({ trustedProxies: [] });
    await flood(url, FORGER);
    expect(await ask(url, CLIENT, guess())).toBe(429);
  });

  it('count for the client, whatever it writes to the left of its address', async () => {
    const { url } = await behindProxy({ trustedProxies: TRUSTED });
    for (let tried = 0; tried < 30; tried += 1)
      await ask(url, FORGER, guess(), { 'x-forwarded-for': `198.51.100.${tried}` });
    expect(await ask(url, FORGER, guess(), { 'x-forwarded-for': '127.0.0.7' })).toBe(429);
    expect(await ask(url, CLIENT, guess())).toBe(401);
  });

  it('count for the sender if it is not a trusted proxy', async () => {
    const { running } = await behindProxy({ trustedProxies: TRUSTED });
    for (let tried = 0; tried < 30; tried += 1)
      await ask(running.url, FORGER, guess(), { 'x-forwarded-for': `198.51.100.${tried}` });
    expect(await ask(running.url, FORGER, guess(), { forwarded: 'for=127.0.0.7' })).toBe(429);
    expect(await ask(running.url, CLIENT, guess())).toBe(401);
  });

  it('reach the limit sooner with guesses at one key', async () => {
    const { url } = await behindProxy({ trustedProxies: TRUSTED });
    const right = await api.key(['read']);
    const statuses: number[] = [];
    for (let tried = 0; tried < 12; tried += 1) {
      const secret = randomBytes(32).toString('base64url');
      statuses.push(await ask(url, FORGER, right.replace(/_[\w-]{43}$/, `_${secret}`)));
    }
    expect(statuses).toEqual([...Array.from({ length: 10 }, () => 401), 429, 429]);
    expect(await ask(url, FORGER, right)).toBe(200);
    expect(await ask(url, FORGER, guess())).toBe(401);
  });
});

describe('the origin of a page', () => {
  /** Sends a form as a browser without `Sec-Fetch-Site` does. */
  const post = async (url: string, origin: string, headers = {}) => {
    const body = new URLSearchParams({ theme: 'dark' });
    const init = {
      method: 'POST',
      redirect: 'manual',
      headers: { origin, ...headers },
      body,
    } as const;
    return (await fetch(`${url}/theme`, init)).status;
  };

  it('is the public one that a trusted proxy reports', async () => {
    const { url } = await behindProxy({ trustedProxies: TRUSTED });
    expect(await post(url, 'https://evergrant.example')).toBe(303);
    expect(await post(url, 'http://evergrant.example')).toBe(403);
    expect(await post(url, url)).toBe(403);
    const docs = await (await fetch(`${url}/docs`)).text();
    expect(docs).toContain('https://evergrant.example/api/');
  });

  it('is not taken from a proxy that is not trusted', async () => {
    const { url, running } = await behindProxy({ trustedProxies: [] });
    expect(await post(url, 'https://evergrant.example')).toBe(403);
    const claimed = { 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' };
    expect(await post(running.url, 'http://evil.example', claimed)).toBe(403);
    expect(await post(running.url, running.url, claimed)).toBe(303);
  });

  it('may be that of PUBLIC_URL', async () => {
    const { url } = await behindProxy({ publicUrl: new URL('https://evergrant.example/') });
    expect(await post(url, 'https://evergrant.example')).toBe(303);
    expect(await post(url, 'https://evil.example')).toBe(403);
  });
});

describe('a sign-in', () => {
  it('has the client’s address in the audit', async () => {
    const { url } = await behindProxy({ trustedProxies: TRUSTED });
    expect((await signIn(url, CLIENT, await api.key(['read']))).status).toBe(303);
    const { body } = await api.get('/api/admin/audit?action=sign-in&limit=1');
    expect(body.items[0].details).toMatchObject({ address: '127.0.0.7' });
  });

  it('sets a cookie only for https if a trusted proxy reports https', async () => {
    const cookie = async (trustedProxies: Network[]) => {
      const { url } = await behindProxy({ trustedProxies });
      const answer = await signIn(url, CLIENT, await api.key(['read']));
      return answer.headers.get('set-cookie');
    };
    expect(await cookie(TRUSTED)).toMatch(/^__Host-evergrant_session=.*; Secure/);
    expect(await cookie([])).not.toContain('Secure');
  });
});
