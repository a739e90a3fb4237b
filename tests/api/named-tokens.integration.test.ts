/** Tokens by provider and external id, and the list of the accounts that have tokens for the caller. */
import { randomUUID } from 'node:crypto';
import { type Answer, type Api, expectError, startApi } from './_api';

const fresh = { expiresInMs: 3_600_000, refreshedAgoMs: 0 };

let api: Api;
beforeAll(async () => {
  api = await startApi({ worker: false, providers: ['ebay', 'etsy', 'shopify'] });
});
afterAll(() => api.stop());

const named = (provider: string, externalId: string, query = '', key = api.admin) =>
  api.send('GET', `/api/tokens/${provider}/${encodeURIComponent(externalId)}${query}`, { key });
const idOf = async (answer: Answer): Promise<string | undefined> => {
  expect(answer).toMatchObject({ status: 200, body: { active: true } });
  return answer.body.access_token;
};
const boundKey = async (bounds: object): Promise<string> => {
  const body = { name: 'bound', scopes: ['tokens'], ...bounds };
  return (await api.post('/api/admin/keys', body)).body.api_key;
};

describe('a token by external id', () => {
  it('T1.1 is the token of the account, and its access is recorded under the id of the account', async () => {
    const account = await api.addAccount(fresh);
    const answer = await named('ebay', account.externalId);
    expect(await idOf(answer)).toBe(account.plain.accessToken);
    const byId = await api.get(`/api/tokens/${account.id}`);
    const { 'x-request-id': _one, ...headers } = Object.fromEntries(answer.headers);
    const { 'x-request-id': _other, ...headersById } = Object.fromEntries(byId.headers);
    expect(headers).toEqual(headersById);
    await api.tokenAccesses.flush();
    const { body } = await api.get(`/api/admin/accounts/${account.id}/token-accesses`);
    expect(body.items).toHaveLength(2);
  });

  it('T1.1 is found by the external id as the provider or the caller spells it', async () => {
    const externalId = `shop-${randomUUID()}.myshopify.com`;
    const input = {
      provider: 'shopify',
      external_id: externalId,
      access_token: `shpat_${'0'.repeat(32)}`,
    };
    const added = await api.post('/api/admin/accounts', input);
    expect(added.status).toBe(201);
    expect((await named('shopify', externalId.toUpperCase())).status).toBe(200);
    const odd = `a/b ü ${randomUUID()}`;
    await api.connect({ external_id: odd, access_token: 'v^1.1#odd', expires_at: later() });
    expect((await named('ebay', odd)).body).toMatchObject({ access_token: 'v^1.1#odd' });
  });

  it('T1.1 comes from the default environment of the provider, or from the named one', async () => {
    const account = await api.addAccount({ ...fresh, environment: 'sandbox' });
    expectError(await named('ebay', account.externalId), 404, 'not_found');
    const answer = await named('ebay', account.externalId, '?environment=sandbox');
    expect(await idOf(answer)).toBe(account.plain.accessToken);
  });

  it('T1.1 needs the kind if accounts differ only in it, among those that the key may use', async () => {
    const external_id = `shop-${randomUUID()}`;
    for (const kind of ['booking', 'stopsale'])
      await api.connect({ external_id, kind, access_token: `v^1.1#${kind}`, expires_at: later() });
    expectError(await named('ebay', external_id), 409, 'conflict');
    const one = await named('ebay', external_id, '?kind=stopsale&min_valid_seconds=5');
    expect(await idOf(one)).toBe('v^1.1#stopsale');
    const key = await boundKey({ kinds: ['booking'] });
    expect(await idOf(await named('ebay', external_id, '', key))).toBe('v^1.1#booking');
  });

  it('T1.1 does not exist for a key that may not use the account, as for an absent account', async () => {
    const { externalId } = await api.addAccount(fresh);
    const absent = `shop-${randomUUID()}`;
    for (const bounds of [{ providers: ['etsy'] }, { accounts: ['acc_1'] }, { kinds: ['x'] }]) {
      const key = await boundKey(bounds);
      const outside = await named('ebay', externalId, '', key);
      const nowhere = await named('ebay', absent, '', key);
      expectError(outside, 404, 'not_found');
      expect(outside.body.error.message.replaceAll(externalId, '<id>')).toBe(
        nowhere.body.error.message.replaceAll(absent, '<id>'),
      );
    }
    expectError(await named('shopware', externalId), 404, 'not_found');
  });

  it('refuses text that cannot be stored, unknown numbers and repeated parameters', async () => {
    for (const [id, query] of [
      ['a\0b', ''],
      ['a', '?min_valid_seconds=x'],
      ['a', '?kind=a&kind=b'],
      ['a', '?kind[$ne]=a'],
    ])
      expectError(await named('ebay', id ?? '', query), 400, 'invalid_request');
  });
});

describe('the list of accounts with tokens', () => {
  const list = (key: string, query = '') => api.send('GET', `/api/tokens${query}`, { key });
  const idsOf = ({ body }: Answer) => body.items.map(({ id }: { id: string }) => id);
  const organisation = `org-${randomUUID()}`;
  let key: string;
  let ids: Record<'ebay' | 'booking' | 'etsy', string>;
  beforeAll(async () => {
    const adder = await api.key(['admin'], organisation);
    key = await api.key(['tokens'], organisation);
    const add = async (provider: string) =>
      (await api.addAccount({ ...fresh, organisation, provider })).id;
    ids = { ebay: await add('ebay'), booking: await add('ebay'), etsy: await add('etsy') };
    await api.send('PATCH', `/api/admin/accounts/${ids.booking}`, {
      key: adder,
      body: { kind: 'booking' },
    });
    await api.send('PATCH', `/api/admin/accounts/${ids.etsy}`, {
      key: adder,
      body: { disabled: true },
    });
  });

  it('T1.2 names every account of the organisation with its state, and no token', async () => {
    const { status, body } = await list(key);
    expect(status).toBe(200);
    expect(body.next_cursor).toBeNull();
    expect(new Set(body.items.map(({ id }: { id: string }) => id))).toEqual(
      new Set(Object.values(ids)),
    );
    const { label, externalId } = await api.harness.account(ids.booking);
    expect(body.items).toContainEqual({
      id: ids.booking,
      provider: 'ebay',
      environment: 'production',
      external_id: externalId,
      kind: 'booking',
      label,
      status: 'ok',
    });
    expect(body.items).toContainEqual(
      expect.objectContaining({ id: ids.etsy, status: 'disabled' }),
    );
  });

  it('T1.2 comes in pages, and can be filtered by provider', async () => {
    const found: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: Answer = await list(
        key,
        `?limit=1${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
      );
      found.push(...idsOf(page));
      cursor = page.body.next_cursor;
    }
    expect(found).toEqual(Object.values(ids).toSorted());
    expect(idsOf(await list(key, '?provider=etsy'))).toEqual([ids.etsy]);
    expectError(await list(key, '?cursor=x'), 400, 'invalid_request');
  });

  it('T1.2 T1.3 holds only the accounts that the key may use', async () => {
    const admin = await api.key(['admin'], organisation);
    const listed = async (bounds: object, query = '') => {
      const body = { name: 'bound', scopes: ['tokens'], ...bounds };
      const created = await api.send('POST', '/api/admin/keys', { key: admin, body });
      return new Set(idsOf(await list(created.body.api_key, query)));
    };
    expect(await listed({ providers: ['ebay'] })).toEqual(new Set([ids.ebay, ids.booking]));
    expect(await listed({ kinds: ['booking'] })).toEqual(new Set([ids.booking]));
    expect(await listed({ accounts: [ids.etsy] })).toEqual(new Set([ids.etsy]));
    expect(await listed({ providers: ['etsy'], kinds: ['booking'] })).toEqual(new Set());
    expect(await listed({ providers: ['etsy'] }, '?provider=ebay')).toEqual(new Set());
  });
});

function later(): string {
  return new Date(Date.now() + 3_600_000).toISOString();
}
