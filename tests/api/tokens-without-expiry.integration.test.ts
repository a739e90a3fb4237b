/** Access tokens without an expiry and without a refresh token, beside accounts that are refreshed. */

import { randomUUID } from 'node:crypto';
import { grantPlace } from '../../src/vault/vault';
import { type Api, expectError, startApi } from './_api';

const MINUTE_MS = 60_000;

let api: Api;
beforeAll(async () => {
  api = await startApi({ providers: ['ebay', 'shopify'] });
});
afterAll(() => api.stop());

const shop = () => `shop-${randomUUID()}.myshopify.com`;
const members = () => {
  const subject = shop();
  return {
    provider: 'shopify',
    external_id: subject,
    access_token: api.sandbox.issueEndlessToken({ provider: 'shopify', subject }),
  };
};
const endless = () => api.addAccount({ provider: 'shopify', endless: true });
/** The requests to the token endpoint, without the validations of a sweep. */
const requestsFor = (subject: string) =>
  api.sandbox.ledger.filter((entry) => entry.subject === subject && entry.event === 'received')
    .length;

describe('connecting a shop whose token does not expire', () => {
  it('accepts the access token alone, and the account stays ok', async () => {
    const answer = await api.post('/api/admin/accounts', members());
    expect(answer).toMatchObject({
      status: 201,
      body: {
        status: 'ok',
        due: { due: false, reason: 'does_not_expire' },
        expires_at: null,
        refresh_token_expires_at: null,
        refresh_token_fingerprint: null,
        access_token_fingerprint: expect.any(String),
      },
    });
    const later = api.with({ now: () => new Date('2099-01-01T00:00:00Z') });
    expect((await later('GET', `/api/admin/accounts/${answer.body.id}`)).body).toMatchObject({
      status: 'ok',
      due: { due: false },
    });
  });

  it.each([
    ['an expiry', { expires_at: '2030-01-01T00:00:00Z' }, /^refresh_token: required for .*expires/],
    ['no token at all', { access_token: undefined }, /^refresh_token: required, .*access_token/],
    [
      'a provider whose tokens expire',
      { provider: 'ebay' },
      /^refresh_token: required, .*eBay expire$/,
    ],
  ])('refuses it with %s, and names the missing member', async (_what, wrong, sentence) => {
    const answer = await api.post('/api/admin/accounts', { ...members(), ...wrong });
    expectError(answer, 400, 'invalid_request');
    expect(answer.body.error.message).toMatch(sentence);
  });

  it.each(['application/x-ndjson', 'text/csv'])('accepts it in an import as %s', async (type) => {
    const { provider, external_id, access_token } = members();
    const one = { provider, external_id, access_token };
    const wrong = { provider: 'ebay', external_id: 'x', access_token };
    const rows = [one, wrong];
    const text =
      type === 'text/csv'
        ? ['provider,external_id,refresh_token,access_token']
            .concat(rows.map((row) => `${row.provider},${row.external_id},,${row.access_token}`))
            .join('\n')
        : rows.map((row) => JSON.stringify(row)).join('\n');
    const answer = await api.harness.app.request('/api/admin/accounts/import', {
      method: 'POST',
      headers: { authorization: `Bearer ${api.admin}`, 'content-type': type },
      body: text,
    });
    const lines = (await answer.text()).trim().split('\n');
    const [created, refused] = lines.map((line) => JSON.parse(line));
    expect(created).toMatchObject({ result: 'created' });
    expect(refused).toMatchObject({
      result: 'refused',
      message: expect.stringMatching(/^refresh_token: required/),
    });
    const { current } = await api.harness.account(created.account_id);
    expect(current).toMatchObject({ refreshToken: null, expiresAt: null });
  });

  it('accepts a new token instead, and an expiring pair when the shop is migrated', async () => {
    const { body: before } = await api.post('/api/admin/accounts', members());
    const path = `/api/admin/accounts/${before.id}`;
    const { access_token } = members();
    const replaced = await api.patch(path, { access_token });
    expect(replaced.body).toMatchObject({ status: 'ok', generation: 2, expires_at: null });
    const pair = api.sandbox.issueGrant({ provider: 'shopify', subject: before.external_id });
    const { access_token: expiring, refresh_token, expires_at } = pair;
    const migrated = await api.patch(path, { access_token: expiring, refresh_token, expires_at });
    expect(migrated).toMatchObject({ status: 200, body: { generation: 3 } });
    expect(migrated.body.expires_at).not.toBeNull();
    expect(migrated.body.replaced).not.toBeNull();
    expect((await api.post(`${path}/refresh`, { force: true })).body.outcome).toBe('refreshed');
  });
});

describe('an account whose token does not expire', () => {
  it('serves its token without an expiry, whatever min_valid_seconds is', async () => {
    const { id, plain } = await endless();
    for (const query of ['', '?min_valid_seconds=86400']) {
      expect((await api.get(`/api/tokens/${id}${query}`)).body).toMatchObject({
        active: true,
        access_token: plain.accessToken,
        expires_at: null,
        fallback: false,
      });
    }
    expect(requestsFor(id)).toBe(0);
  });

  it('reports a token that cannot be decrypted, and does not try to refresh it', async () => {
    const { id, plain } = await endless();
    const account = await api.harness.account(id);
    const { current: spoiled, organisation } = account;
    const place = grantPlace({ ...account, id: 'another' }, 2);
    await api.store.accounts.patch(
      organisation,
      id,
      {
        grant: {
          ...spoiled,
          accessToken: api.harness.vault.sealToken(plain.accessToken, place, 'access_token'),
        },
      },
      new Date(),
    );
    expect((await api.get(`/api/tokens/${id}`)).body).toMatchObject({
      active: false,
      reason: 'access_token_unreadable',
      retry_after_seconds: null,
    });
    expect(requestsFor(id)).toBe(0);
  });

  it.each([
    ['refreshed', 'refresh', {}, 'does_not_expire', /does not expire/],
    ['refreshed by force', 'refresh', { force: true }, 'no_refresh_token', /cannot be refreshed/],
    ['refreshed for debugging', 'debug', {}, 'no_refresh_token', /cannot be refreshed/],
  ])(
    'is skipped with an explanation when it is %s, and nothing is sent',
    async (_how, what, body, reason, message) => {
      const { id } = await endless();
      const answer =
        what === 'debug'
          ? await api.post('/api/admin/shopify/token/refresh-debug', { account_id: id })
          : await api.post(`/api/admin/accounts/${id}/refresh`, body);
      expect(answer.body).toMatchObject({
        outcome: 'skipped',
        reason,
        message: expect.stringMatching(message),
        failure: null,
      });
      expect(requestsFor(id)).toBe(0);
      const { state, claim } = await api.harness.account(id);
      expect({ state, claim }).toEqual({ state: 'active', claim: null });
    },
  );

  it('is skipped by a sweep that refreshes shops with expiring tokens', async () => {
    const [forever, due] = [
      await endless(),
      await api.addAccount({ provider: 'shopify', expiresInMs: MINUTE_MS }),
    ];
    const { body } = await api.post('/api/admin/internal/refresh-tokens', { provider: 'shopify' });
    const handle = api.client.workflow.getHandle(body.started[0].workflow_id);
    expect(await handle.result()).toMatchObject({ due: 1, refreshed: 1 });
    expect(requestsFor(forever.id)).toBe(0);
    expect((await api.harness.account(due.id)).generation).toBe(2);
  });

  it('counts as ok, in the list, the status and R4.5', async () => {
    const organisation = `org-${randomUUID()}`;
    const key = await api.key(['read'], organisation);
    const { id } = await api.addAccount({ provider: 'shopify', organisation, endless: true });
    await api.store.accounts.patch(organisation, id, { kind: 'booking' }, new Date());
    const listed = async (status: string) =>
      (await api.send('GET', `/api/admin/accounts?status=${status}`, { key })).body.items.length;
    expect(await listed('ok')).toBe(1);
    expect([await listed('expiring_soon'), await listed('expired')]).toEqual([0, 0]);
    const status = await api.send('GET', '/api/admin/status', { key });
    expect(status.body.by_status).toMatchObject({ ok: 1, expired: 0, expiring_soon: 0 });
    const { body } = await api.send('GET', '/api/oauth/token-refresh/status', { key });
    expect(body.stats).toMatchObject({
      booking_oauth_count: 1,
      booking_expiring_soon: 0,
      booking_expired: 0,
    });
  });
});

it('no response and no log line contains a token', () => {
  expect(api.leaks()).toEqual([]);
});
