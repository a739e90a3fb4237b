/** Callers receive 503 while a replica set has no primary: MongoDB answers, and refuses every read and write. */

import { RETRYABLE_CODES } from '../../src/store/mongo/unavailability';
import { type Decide, refusal, refuseAll } from '../support/mongodb-proxy';
import { type Api, expectError } from './_api';
import { type ProxiedApi, startProxiedApi } from './_proxied-api';

let running: ProxiedApi;
let api: Api;
let proxy: ProxiedApi['proxy'];
let send: Api['send'];
beforeAll(async () => {
  running = await startProxiedApi();
  ({ api, proxy, send } = running);
});
afterEach(() => proxy.intervene(null));
afterAll(() => running?.stop());

const ready = async () => (await send('GET', '/readyz', { key: null })).body;

describe.each(Object.entries(RETRYABLE_CODES))('the code %s (%s)', (code, codeName) => {
  const noPrimary = refuseAll(Number(code), codeName);

  it('F8 is answered with 503 and Retry-After to a token request and a refresh, and the process is not ready', async () => {
    const { id } = await api.addAccount();
    proxy.intervene(noPrimary);
    for (const [method, path] of [
      ['GET', `/api/tokens/${id}`],
      ['GET', `/api/admin/accounts/${id}`],
      ['POST', `/api/admin/accounts/${id}/refresh`],
    ] as const) {
      const answer = await send(method, path);
      expectError(answer, 503, 'database_unavailable');
      expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
    }
    expect(await ready()).toMatchObject({ status: 'not_ready', mongodb: 'unreachable' });
    proxy.intervene(null);
    expect(await ready()).toMatchObject({ status: 'ready', mongodb: 'ok' });
    expect((await send('GET', `/api/admin/accounts/${id}`)).status).toBe(200);
  });

  it('F8 is answered with 503 to a change that the driver does not retry', async () => {
    const { id } = await api.addAccount();
    const writes: ReadonlySet<string> = new Set(['findAndModify', 'update', 'insert', 'delete']);
    const noWrites: Decide = ({ name, collection }) =>
      writes.has(name) && collection === 'accounts' ? refusal(Number(code), codeName) : null;
    proxy.intervene(noWrites);
    const body = { label: 'another' };
    expectError(
      await send('PATCH', `/api/admin/accounts/${id}`, { body }),
      503,
      'database_unavailable',
    );
    expectError(await send('DELETE', `/api/admin/accounts/${id}`), 503, 'database_unavailable');
  });
});
