/** API keys and JWTs of the scope `tokens` that are restricted to providers, kinds or accounts. */
import mongoose from 'mongoose';
import { type Answer, type Api, expectError, startApi } from './_api';
import { secretIssuer } from './_jwt';

const HOUR_MS = 3_600_000;
const KEYS = '/api/admin/keys';

const issuer = secretIssuer();
let api: Api;
let accounts: Record<'ebay' | 'booking' | 'etsy', Awaited<ReturnType<Api['addAccount']>>>;
beforeAll(async () => {
  api = await startApi({ worker: false, providers: ['ebay', 'etsy'], jwt: issuer.config });
  const fresh = { expiresInMs: HOUR_MS, refreshedAgoMs: 0 };
  accounts = {
    ebay: await api.addAccount(fresh),
    booking: await api.addAccount(fresh),
    etsy: await api.addAccount({ ...fresh, provider: 'etsy' }),
  };
  await api.patch(`/api/admin/accounts/${accounts.booking.id}`, { kind: 'booking' });
});
afterAll(() => api.stop());

const create = (members: object) =>
  api.post(KEYS, { name: 'bound', scopes: ['tokens'], ...members });
const keyFor = async (bounds: object): Promise<string> => (await create(bounds)).body.api_key;
const tokenOf = (id: string, key: string) => api.send('GET', `/api/tokens/${id}`, { key });
/** The accounts for which the key gets a token. */
async function reached(key: string): Promise<string[]> {
  const asked = await Promise.all(
    Object.entries(accounts).map(async ([name, { id }]) => {
      const { status } = await tokenOf(id, key);
      return { name, status };
    }),
  );
  expect(asked.every(({ status }) => [200, 404].includes(status))).toBe(true);
  return asked.filter(({ status }) => status === 200).map(({ name }) => name);
}

describe.each([
  ['an API key', (bounds: object) => keyFor(bounds)],
  [
    'a JWT',
    (bounds: object) =>
      issuer.sign({ organisation: api.organisation, scope: 'tokens', token_bounds: bounds }),
  ],
])('%s', (_what, credential) => {
  it.each([
    ['a provider', () => ({ providers: ['ebay'] }), ['ebay', 'booking']],
    ['several providers', () => ({ providers: ['ebay', 'etsy'] }), ['ebay', 'booking', 'etsy']],
    ['a kind', () => ({ kinds: ['booking'] }), ['booking']],
    ['an account', () => ({ accounts: [accounts.etsy.id] }), ['etsy']],
    [
      'a provider and an account',
      () => ({ providers: ['ebay'], accounts: [accounts.etsy.id] }),
      [],
    ],
    ['a provider and a kind', () => ({ providers: ['ebay'], kinds: ['booking'] }), ['booking']],
  ])(
    'T1.3 that is restricted to %s gets tokens of its accounts only',
    async (_to, bounds, names) => {
      expect(await reached(await credential(bounds()))).toEqual(names);
    },
  );

  it('T1.3 finds out nothing about an account out of its bounds', async () => {
    const key = await credential({ providers: ['ebay'] });
    const absent = `acc_${'0'.repeat(24)}`;
    const { id } = await api.addAccount({ provider: 'etsy', expiresInMs: HOUR_MS });
    // The account is in the memory of the process.
    expect((await tokenOf(id, api.admin)).status).toBe(200);
    const [outside, nowhere] = [await tokenOf(id, key), await tokenOf(absent, key)];
    const said = ({ text, body }: Answer, of: string) =>
      text.replaceAll(of, '<id>').replaceAll(body.error.request_id, '<request>');
    expectError(outside, 404, 'not_found');
    expect(said(outside, id)).toBe(said(nowhere, absent));
    await api.tokenAccesses.flush();
    const { body } = await api.get(`/api/admin/accounts/${id}/token-accesses`);
    expect(body.items).toHaveLength(1);
  });
});

it('T1.3 a restricted key shows its lists, and an unrestricted key shows null', async () => {
  const bounds = { providers: ['ebay'], kinds: ['booking'], accounts: [accounts.ebay.id] };
  const created = await create(bounds);
  expect(created.body).toMatchObject(bounds);
  const { items } = (await api.get(KEYS)).body;
  expect(items).toContainEqual(expect.objectContaining({ id: created.body.id, ...bounds }));
  expect((await create({ kinds: ['x'] })).body).toMatchObject({ providers: null, accounts: null });
});

it('T1.3 a restricted key cannot have another scope, when it is created or later', async () => {
  for (const scopes of [['tokens', 'read'], ['admin']])
    expectError(await create({ scopes, providers: ['ebay'] }), 400, 'invalid_request');
  const { id } = (await create({ providers: ['ebay'] })).body;
  const granted = await api.post(`${KEYS}/${id}/grant`, { scopes: ['read'] });
  expectError(granted, 400, 'invalid_request');
  expect((await api.post(`${KEYS}/${id}/grant`, { scopes: ['tokens'] })).status).toBe(200);
});

it.each([{ providers: [] }, { kinds: [''] }, { accounts: 'acc_1' }, { kinds: ['x'.repeat(65)] }])(
  'refuses a key with the list %j',
  async (bounds) => {
    expectError(await create(bounds), 400, 'invalid_request');
  },
);

it('T1.3 refuses a JWT with an unreadable restriction, or with one and another scope', async () => {
  const sign = (claims: object) => issuer.sign({ organisation: api.organisation, ...claims });
  for (const token_bounds of [{}, [], 'ebay', null, { providers: [] }, { provider: ['ebay'] }])
    expectError(
      await tokenOf(accounts.ebay.id, await sign({ scope: 'tokens', token_bounds })),
      401,
      'unauthenticated',
    );
  const both = await sign({ scope: 'tokens read', token_bounds: { providers: ['ebay'] } });
  expectError(await tokenOf(accounts.ebay.id, both), 401, 'unauthenticated');
});

it('T1.3 the authentication code of a key covers its restriction, and an older row stays valid', async () => {
  const database = await mongoose.createConnection(api.harness.mongodbUri).asPromise();
  try {
    const rows = database.collection<{ _id: string }>('api_keys');
    const asked = async (change: object, key: string) => {
      await rows.updateOne({ _id: key.split('_')[1] ?? '' }, change);
      // Another process, because this one caches the key.
      const answer = await api.with({})('GET', `/api/tokens/${accounts.etsy.id}`, { key });
      return answer.status;
    };
    const bound = () => keyFor({ providers: ['ebay'] });
    expect(await asked({ $unset: { bounds: '' } }, await bound())).toBe(401);
    expect(await asked({ $set: { bounds: null } }, await bound())).toBe(401);
    expect(await asked({ $set: { 'bounds.providers': null } }, await bound())).toBe(401);
    expect(await asked({ $push: { 'bounds.providers': 'etsy' } }, await bound())).toBe(401);
    const free = await api.key(['tokens'], api.organisation);
    expect(await asked({ $unset: { bounds: '' } }, free)).toBe(200);
    expect(await asked({ $set: { bounds: { providers: ['etsy'] } } }, free)).toBe(401);
  } finally {
    await database.close();
  }
});
