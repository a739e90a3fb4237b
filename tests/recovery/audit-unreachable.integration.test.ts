/** MongoDB is unreachable during token requests: tokens are served from memory, and the audit loses no access. */
import { randomBytes } from 'node:crypto';
import { SERVED_UNRECORDED } from '../../src/services/tokens/token-access-log';
import { type Api, startApi } from '../api/_api';
import { engines } from '../support/engines';
import { eventually } from '../support/eventually';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';

let proxy: TcpProxy;
let api: Api;
beforeAll(async () => {
  proxy = await startTcpProxy();
  const database = `evergrant_${randomBytes(6).toString('hex')}`;
  const uri = new URL(proxy.through(engines.mongodbUri(database)));
  uri.searchParams.set('directConnection', 'true');
  api = await startApi({ worker: false, mongodbUri: uri.href });
});
afterAll(async () => {
  proxy?.restore();
  await api?.stop();
  await proxy?.stop();
});

it('a token is served from memory while MongoDB is unreachable, logged at once, and audited afterwards', async () => {
  const { id } = await api.addAccount({ expiresInMs: 3_600_000, refreshedAgoMs: 0 });
  const key = await api.key(['admin', 'tokens']);
  const send = await api.served();
  const ask = (requestId: string) =>
    send('GET', `/api/tokens/${id}`, { key, headers: { 'x-request-id': requestId } });
  const unrecorded = () =>
    api.logs
      .map((line) => JSON.parse(line))
      .filter(({ msg }) => msg === SERVED_UNRECORDED)
      .map(({ request_id, account_id, kept }) => ({ request_id, account_id, kept }));
  expect((await ask('before')).body.active).toBe(true);
  proxy.drop();
  for (const requestId of ['during-1', 'during-2'])
    expect((await ask(requestId)).body.active).toBe(true);
  expect(unrecorded()).toEqual([
    { request_id: 'during-1', account_id: id, kept: true },
    { request_id: 'during-2', account_id: id, kept: true },
  ]);
  proxy.restore();
  await eventually(async () => {
    const { items } = (await api.get(`/api/admin/accounts/${id}/token-accesses`)).body;
    const recorded = items.map(({ request_id }: any) => request_id).toSorted();
    return recorded.join() === 'before,during-1,during-2';
  }, 60_000);
  const { body } = await send('GET', '/api/admin/audit/verify', { key });
  expect(body).toMatchObject({ intact: true, token_accesses: { accesses: 3 } });
  expect((await ask('after')).body.active).toBe(true);
  expect(unrecorded()).toHaveLength(2);
});
