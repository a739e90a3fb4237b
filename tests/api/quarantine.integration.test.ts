/** Quarantine: while another system still refreshes a grant, Evergrant serves it and does not refresh it. */
import { randomUUID } from 'node:crypto';
import { createRefreshClient } from '../../src/temporal/refresh-client';
import { CLIENT_ID } from '../support/harness';
import { type Api, expectError, startApi } from './_api';

const MINUTE_MS = 60_000;
const RELEASE = /quarantine.*evergrant accounts release <id>.*PATCH \{"quarantine": false\}/;

let api: Api;
beforeAll(async () => {
  api = await startApi({ providers: ['ebay', 'etsy'] });
});
afterAll(() => api.stop());

type Held = Awaited<ReturnType<Api['addAccount']>>;
async function held(members: Parameters<Api['addAccount']>[0] = {}): Promise<Held> {
  const account = await api.addAccount(members);
  await api.patch(`/api/admin/accounts/${account.id}`, { quarantine: true });
  return account;
}
const show = async (id: string) => (await api.get(`/api/admin/accounts/${id}`)).body;
const refresh = (id: string, body = {}) => api.post(`/api/admin/accounts/${id}/refresh`, body);
const release = (body: unknown) => api.post('/api/admin/accounts/release', body);
const requestsFor = (subject: string) =>
  api.sandbox.ledger.filter((entry) => entry.event === 'received' && entry.subject === subject)
    .length;

describe('an account in quarantine', () => {
  it('is connected in quarantine with its usual status, and is not due', async () => {
    const account = await api.connect({ quarantine: true });
    expect(account).toMatchObject({
      quarantine: true,
      status: 'expired',
      due: { due: false, reason: 'quarantined' },
    });
    expect(await api.connect()).toMatchObject({ quarantine: false, due: { due: true } });
  });

  it('is refreshed by no route, even with force, and each refusal says how to release it', async () => {
    const { id } = await held();
    const debug = { account_id: id };
    for (const answer of [
      await refresh(id),
      await refresh(id, { force: true }),
      await api.post('/api/admin/ebay/token/refresh-debug', debug),
    ]) {
      expectError(answer, 409, 'conflict');
      expect(answer.body.error.message).toMatch(RELEASE);
    }
    expect(requestsFor(id)).toBe(0);
  });

  it('is not refreshed by a workflow that was running before', async () => {
    const { id } = await held();
    const account = await api.harness.account(id);
    const { taskQueue } = api.harness.config.temporal;
    const refreshes = createRefreshClient(api.client, taskQueue, api.store);
    const outcome = await refreshes.refresh(
      { ...account, quarantine: false },
      {
        source: 'scheduled',
        caller: 'test',
        requestedAt: new Date().toISOString(),
        force: true,
        capture: false,
      },
    );
    expect(outcome).toMatchObject({ outcome: 'skipped', reason: 'quarantined' });
    expect(requestsFor(id)).toBe(0);
  });

  it('is served while its token is valid, with a notice if the token expires too soon', async () => {
    const { id, plain } = await held({ expiresInMs: 10 * MINUTE_MS });
    const enough = await api.get(`/api/tokens/${id}?min_valid_seconds=60`);
    expect(enough.body).toMatchObject({ active: true, access_token: plain.accessToken });
    expect(enough.body).not.toHaveProperty('notice');
    const short = await api.get(`/api/tokens/${id}?min_valid_seconds=3600`);
    expect(short.body).toMatchObject({
      active: true,
      access_token: plain.accessToken,
      notice: { code: 'quarantined', message: expect.stringMatching(RELEASE) },
    });
    expect(requestsFor(id)).toBe(0);
  });

  it('has no token after its expiry, and the answer has a reason and no time for a retry', async () => {
    const { id } = await held({ expiresInMs: -MINUTE_MS });
    expect((await api.get(`/api/tokens/${id}`)).body).toEqual({
      active: false,
      reason: 'quarantined',
      message: expect.stringMatching(RELEASE),
      retry_after_seconds: null,
    });
    expect(requestsFor(id)).toBe(0);
  });

  it('is in the filtered list, and is counted by the status', async () => {
    const organisation = `org-${randomUUID()}`;
    const key = await api.key(['admin'], organisation);
    const { id } = await api.addAccount({ organisation });
    const other = await api.addAccount({ organisation });
    await api.send('PATCH', `/api/admin/accounts/${id}`, { key, body: { quarantine: true } });
    const ids = async (query: string) =>
      (await api.send('GET', `/api/admin/accounts?${query}`, { key })).body.items.map(
        (account: any) => account.id,
      );
    expect(await ids('quarantine=true')).toEqual([id]);
    expect(await ids('quarantine=false')).toEqual([other.id]);
    expectError(
      await api.send('GET', '/api/admin/accounts?quarantine=maybe', { key }),
      400,
      'invalid_request',
    );
    const { body } = await api.send('GET', '/api/admin/status', { key });
    expect(body.accounts).toMatchObject([{ provider: 'ebay', total: 2, quarantined: 1 }]);
  });
});

describe('release', () => {
  it('makes an account refreshable, and due at its due time', async () => {
    const due = await held();
    const fresh = await held({ expiresInMs: 60 * MINUTE_MS, refreshedAgoMs: 0 });
    const answer = await release({ account_ids: [due.id, fresh.id, 'acc_none'] });
    expect(answer).toMatchObject({ status: 200, body: { released: 2 } });
    expect(await show(due.id)).toMatchObject({ quarantine: false, due: { due: true } });
    expect(await show(fresh.id)).toMatchObject({ due: { due: false, reason: 'fresh' } });
    expect((await refresh(due.id)).body).toMatchObject({ outcome: 'refreshed' });
  });

  it('of one account by PATCH does the same', async () => {
    const { id } = await held();
    const answer = await api.patch(`/api/admin/accounts/${id}`, { quarantine: false });
    expect(answer.body).toMatchObject({ quarantine: false, due: { due: true } });
  });

  it('of a provider does not release accounts of other providers or organisations', async () => {
    const [ebay, etsy] = [await held(), await held({ provider: 'etsy' })];
    const foreign = await api.addAccount({ provider: 'etsy', organisation: `org-${randomUUID()}` });
    await api.store.accounts.patch(
      foreign.organisation,
      foreign.id,
      { quarantine: true },
      new Date(),
    );
    expect((await release({ provider: 'etsy' })).body).toEqual({ released: 1 });
    expect(await show(etsy.id)).toMatchObject({ quarantine: false });
    expect(await show(ebay.id)).toMatchObject({ quarantine: true });
    expect(await api.harness.account(foreign.id)).toMatchObject({ quarantine: true });
  });

  it('without a selection, or of an unknown provider, is refused', async () => {
    expectError(await release({}), 400, 'invalid_request');
    expectError(await release({ provider: 'nobody' }), 404, 'unknown_provider');
    expectError(await release({ account_ids: [] }), 400, 'invalid_request');
  });

  it('needs a key with the scope admin', async () => {
    const key = await api.key(['read']);
    const body = { provider: 'etsy' };
    expectError(
      await api.send('POST', '/api/admin/accounts/release', { key, body }),
      403,
      'forbidden',
    );
  });
});

it('R2.2 a rotating grant moves in while the old system still runs, and no refresh token is sent twice', async () => {
  const subject = `shop-${randomUUID()}`;
  let grant: { access_token: string; refresh_token: string } = api.sandbox.issueGrant({
    provider: 'etsy',
    subject,
  });
  const moveIn = async () => {
    const members = { access_token: grant.access_token, refresh_token: grant.refresh_token };
    const line = { provider: 'etsy', external_id: subject, ...members };
    const answer = await api.harness.app.request('/api/admin/accounts/import?quarantine=true', {
      method: 'POST',
      headers: { authorization: `Bearer ${api.admin}`, 'content-type': 'application/x-ndjson' },
      body: JSON.stringify(line),
    });
    return JSON.parse((await answer.text()).split('\n')[0] ?? '');
  };
  const first = await moveIn();
  expect(first).toMatchObject({ result: 'created' });
  // The old system refreshes again after its accounts were imported.
  const answer = await fetch(api.sandbox.tokenEndpoint('etsy'), {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: grant.refresh_token,
      client_id: CLIENT_ID,
    }),
  });
  expect(answer.status).toBe(200);
  grant = (await answer.json()) as typeof grant;
  expect(await moveIn()).toMatchObject({ result: 'updated', account_id: first.account_id });

  await release({ provider: 'etsy', account_ids: [first.account_id] });
  const outcome = await refresh(first.account_id, { force: true });
  expect(outcome.body).toMatchObject({ outcome: 'refreshed', generation: 3 });
  const received = api.sandbox.ledger.filter(
    (entry) => entry.event === 'received' && entry.subject === subject,
  );
  expect(received).toHaveLength(2);
  expect(received.filter((entry) => entry.rotatedTokenPresented)).toEqual([]);
});

it('the list uses the refreshBefore of each provider for ok and expiring soon, with and without a provider filter', async () => {
  const organisation = `org-${randomUUID()}`;
  const key = await api.key(['read'], organisation);
  const add = (provider: 'ebay' | 'etsy') =>
    api.addAccount({ provider, organisation, expiresInMs: 12 * MINUTE_MS });
  const [ebay, etsy] = [await add('ebay'), await add('etsy')];
  const ids = async (query: string) =>
    (await api.send('GET', `/api/admin/accounts?${query}`, { key })).body.items.map(
      (account: any) => account.id,
    );
  // refreshBefore is 15 minutes for eBay and 10 minutes for Etsy.
  expect(await ids('status=expiring_soon')).toEqual([ebay.id]);
  expect(await ids('status=ok')).toEqual([etsy.id]);
  expect(await ids('status=expiring_soon&provider=ebay')).toEqual([ebay.id]);
  expect(await ids('status=ok&provider=ebay')).toEqual([]);
});
