/** Health, the error shape, and the headers of every response, including internal errors. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { Client, Connection } from '@temporalio/client';
import type { Store } from '../../src/store/store';
import { createRefreshClient } from '../../src/temporal/refresh-client';
import { createScheduleClient } from '../../src/temporal/schedule-client';
import { createWorkflowClient } from '../../src/temporal/workflow-client';
import { startTcpProxy } from '../support/tcp-proxy';
import { type Answer, type Api, expectError, type RequestOptions, startApi } from './_api';

type Send = Api['send'];

let api: Api;
beforeAll(async () => {
  api = await startApi({ worker: false });
});
afterAll(() => api.stop());

/** A cause that callers must not see. */
const CAUSE = 'E11000 at mongodb://evergrant:hunter2@db.internal:27017';
/** The API with a store that fails in an unexpected way. */
function broken(): Send {
  const accounts = Object.assign(Object.create(api.store.accounts), {
    list: () => Promise.reject(new Error(CAUSE)),
    find: () => Promise.reject(new TypeError(CAUSE)),
  });
  return api.with({ store: { ...api.store, accounts } });
}

describe('health', () => {
  it('says without a key that the process is running', async () => {
    const answer = await api.send('GET', '/healthz', { key: null });
    expect({ status: answer.status, body: answer.body }).toEqual({
      status: 200,
      body: { status: 'ok' },
    });
  });

  it('says without a key that MongoDB and Temporal are reachable', async () => {
    const answer = await api.send('GET', '/readyz', { key: null });
    expect({ status: answer.status, body: answer.body }).toEqual({
      status: 200,
      body: { status: 'ready', mongodb: 'ok', temporal: 'ok' },
    });
  });
});

describe('the API without MongoDB', () => {
  let store: Store;
  let send: Send;
  beforeAll(async () => {
    const proxy = await startTcpProxy();
    store = await api.harness.openStore({ uri: proxy.through(api.harness.mongodbUri) });
    await proxy.stop();
    send = api.with({ store });
  });
  afterAll(() => store.close());

  it('is not ready, and names it', async () => {
    const answer = await send('GET', '/readyz', { key: null });
    expect({ status: answer.status, body: answer.body }).toEqual({
      status: 503,
      body: { status: 'not_ready', mongodb: 'unreachable', temporal: 'ok' },
    });
    expect((await send('GET', '/healthz', { key: null })).status).toBe(200);
  });

  it('refuses other requests with the reason', async () => {
    const answer = await send('GET', '/api/admin/accounts');
    expectError(answer, 503, 'database_unavailable');
    expect(answer.body.error.message).toContain('MongoDB');
  });
});

describe('the API without Temporal', () => {
  let connection: Connection;
  let send: Send;
  beforeAll(async () => {
    connection = Connection.lazy({
      address: `127.0.0.1:${await closedPort()}`,
      connectTimeout: '2s',
    });
    const client = new Client({ connection, namespace: api.harness.namespace });
    send = api.with({
      refreshes: createRefreshClient(client, 'evergrant', api.store),
      schedules: createScheduleClient(client, api.harness.providers, 'evergrant'),
      workflows: createWorkflowClient(client, 'evergrant'),
    });
  });
  afterAll(() => connection.close());

  it('is not ready, and names it', async () => {
    const answer = await send('GET', '/readyz', { key: null });
    expect({ status: answer.status, body: answer.body }).toEqual({
      status: 503,
      body: { status: 'not_ready', mongodb: 'ok', temporal: 'unreachable' },
    });
  });

  it('refuses to list workflows, with the reason', async () => {
    const paths = ['schedules', 'sweeps', 'workflows', 'workflows/sweep%2Febay/history', 'status'];
    const answers = await Promise.all(paths.map((path) => send('GET', `/api/admin/${path}`)));
    for (const answer of answers) expectError(answer, 503, 'temporal_unavailable');
  });

  it.each([
    ['a refresh', (id: string) => `/api/admin/accounts/${id}/refresh`],
    ['a sweep', () => '/api/admin/internal/refresh-tokens'],
  ])('refuses %s with the reason, and changes nothing', async (_what, path) => {
    const { id } = await api.connect();
    const answer = await send('POST', path(id));
    expectError(answer, 503, 'temporal_unavailable');
    expect(answer.body.error.message).toContain('Temporal');
    const account = await api.harness.account(id);
    expect(account).toMatchObject({ generation: 1, claim: null, lastAttempt: null });
  });

  it('continues to serve routes that need no Temporal', async () => {
    expect((await send('GET', '/api/admin/accounts')).status).toBe(200);
  });

  it('reports a missing namespace as an internal error, not as Temporal being unreachable', async () => {
    const { connection: live } = api.client;
    const client = new Client({ connection: live, namespace: `absent-${Date.now()}` });
    const astray = api.with({ refreshes: createRefreshClient(client, 'evergrant', api.store) });
    expectError(await astray('POST', '/api/admin/internal/refresh-tokens'), 500, 'internal_error');
  });
});

describe('an error', () => {
  it('R0.2 has the same shape for an unknown path', async () => {
    expectError(await api.get('/api/admin/nothing'), 404, 'not_found');
    expectError(await api.send('GET', '/nothing', { key: null }), 404, 'not_found');
    expectError(await api.send('PUT', '/api/admin/accounts'), 404, 'not_found');
  });

  it('does not reveal to a caller without a key which paths exist', async () => {
    for (const path of ['/api/admin/accounts', '/api/admin/nothing', '/api/'])
      expectError(await api.send('GET', path, { key: null }), 401, 'unauthenticated');
  });

  it('does not contain an unexpected cause, which the log has under the request id', async () => {
    for (const path of ['/api/admin/accounts', '/api/admin/accounts/acc_1']) {
      const answer = await broken()('GET', path);
      expectError(answer, 500, 'internal_error');
      for (const word of ['E11000', 'hunter2', 'mongodb:', 'TypeError', '.ts:'])
        expect(answer.text).not.toContain(word);
      const line = api.logs.find((one) => one.includes(answer.body.error.request_id));
      expect(line).toContain('request failed');
      expect(line).not.toContain('hunter2');
    }
  });

  it('has the request id of the caller if it is valid', async () => {
    const headers = { 'x-request-id': 'shop-42' };
    const answer = await api.send('GET', '/api/admin/nothing', { headers });
    expect(answer.body.error.request_id).toBe('shop-42');
    const odd = await api.send('GET', '/nothing', { headers: { 'x-request-id': '<b>"; x' } });
    expect(odd.body.error.request_id).toMatch(/^[\w-]+$/);
  });
});

describe('the headers of every response', () => {
  const requests: [string, number, string, string, RequestOptions][] = [
    ['health', 200, 'GET', '/healthz', {}],
    ['the document', 200, 'GET', '/openapi.json', {}],
    ['a list', 200, 'GET', '/api/admin/accounts', {}],
    ['a refused body', 400, 'POST', '/api/admin/accounts', { text: '{' }],
    ['a missing key', 401, 'GET', '/api/admin/accounts', { key: null }],
    ['a missing account', 404, 'GET', '/api/admin/accounts/acc_1', {}],
    ['a missing path', 404, 'GET', '/nothing', {}],
    ['a missing path of the API', 404, 'GET', '/api/nothing', {}],
    ['a body that is too large', 413, 'POST', '/api/admin/accounts', { text: 'x'.repeat(300_000) }],
  ];

  function expectSecure({ headers }: Answer, path: string): void {
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy.split(/;\s*/)).toEqual(
      expect.arrayContaining(["default-src 'none'", "frame-ancestors 'none'"]),
    );
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('x-request-id')).toMatch(/\S/);
    expect(headers.get('access-control-allow-origin')).toBeNull();
    expect(headers.get('cache-control')).toBe(path.startsWith('/api/') ? 'no-store' : null);
  }

  it.each(requests)('are secure for %s', async (_what, status, method, path, options) => {
    const answer = await api.send(method, path, options);
    expect(answer.status).toBe(status);
    expectSecure(answer, path);
  });

  it('are secure for an internal error', async () => {
    const answer = await broken()('GET', '/api/admin/accounts');
    expect(answer.status).toBe(500);
    expectSecure(answer, '/api/admin/accounts');
  });
});

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  server.close();
  await once(server, 'close');
  return address.port;
}
