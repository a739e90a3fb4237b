/** API keys: shown once, stored as a hash, bound to their organisation. */
import { randomUUID } from 'node:crypto';
import { type Api, expectError, startApi } from './_api';

let api: Api;
beforeAll(async () => {
  api = await startApi({ worker: false });
});
afterAll(() => api.stop());

const create = (body: unknown, key = api.admin) =>
  api.send('POST', '/api/admin/keys', { key, body });

it('creates a key that works at once, within its scopes', async () => {
  const created = await create({ name: 'dashboard', scopes: ['read'] });
  expect(created.status).toBe(201);
  expect(created.body).toMatchObject({
    name: 'dashboard',
    organisation: api.organisation,
    scopes: ['read'],
  });
  const key = created.body.api_key;
  expect((await api.send('GET', '/api/admin/accounts', { key })).status).toBe(200);
  expectError(await create({ name: 'more', scopes: ['admin'] }, key), 403, 'forbidden');
});

it('shows the text of a key once, and stores only its hash', async () => {
  const { api_key, ...shown } = (await create({ name: 'once', scopes: ['read'] })).body;
  const list = await api.get('/api/admin/keys');
  expect(list.body.items).toContainEqual(shown);
  const secret = api_key.split('_').slice(2).join('_');
  expect(list.text).not.toContain(secret);
  expect(api.logs.join('')).not.toContain(secret);
});

it('lists only the keys of its organisation', async () => {
  const theirs = `org-${randomUUID()}`;
  const key = await api.key(['admin'], theirs);
  const { items } = (await api.send('GET', '/api/admin/keys', { key })).body;
  expect(items).toEqual([expect.objectContaining({ organisation: theirs, scopes: ['admin'] })]);
});

it('lets only a caller with the scope "internal" grant it', async () => {
  const body = { name: 'trigger', scopes: ['internal'] };
  expectError(await create(body, await api.key(['admin', 'read'])), 403, 'forbidden');
  expect((await create(body)).status).toBe(201);
});

it.each([
  { scopes: ['read'] },
  { name: 'x', scopes: [] },
  { name: 'x', scopes: ['root'] },
  { name: '', scopes: ['read'] },
  { name: 'x', scopes: ['read'], organisation: 'theirs' },
])('refuses %j', async (body) => {
  expectError(await create(body), 400, 'invalid_request');
});

it('revokes a key once, and refuses the next request of a key that is not cached', async () => {
  const { id, api_key: key } = (await create({ name: 'brief', scopes: ['read'] })).body;
  expect((await api.delete(`/api/admin/keys/${id}`)).status).toBe(204);
  expectError(await api.send('GET', '/api/admin/accounts', { key }), 401, 'unauthenticated');
  expectError(await api.delete(`/api/admin/keys/${id}`), 404, 'not_found');
});

describe('a key that was used', () => {
  /** Another API process with a clock that the test sets, and with a store that counts lookups. */
  function process({ lookupMs = 0 } = {}) {
    const clock = { aheadMs: 0 };
    const lookups = { count: 0 };
    const apiKeys = Object.create(api.store.apiKeys, {
      verify: {
        value: async (text: string) => {
          lookups.count += 1;
          const verified = await api.store.apiKeys.verify(text);
          clock.aheadMs += lookupMs;
          return verified;
        },
      },
    });
    const now = () => new Date(Date.now() + clock.aheadMs);
    const send = api.with({ now, store: { ...api.store, apiKeys } });
    const ask = (key: string) => send('GET', '/api/admin/accounts', { key });
    return { clock, lookups, ask };
  }

  it('is not looked up for each request', async () => {
    const { ask, lookups } = process();
    const key = await api.key(['read']);
    for (let request = 0; request < 5; request += 1) expect((await ask(key)).status).toBe(200);
    expect(lookups.count).toBe(1);
  });

  it('is refused at most five seconds after it was revoked, however often it is used', async () => {
    const { ask, clock } = process();
    const { id, api_key: key } = (await create({ name: 'brief', scopes: ['read'] })).body;
    expect((await ask(key)).status).toBe(200);
    await api.delete(`/api/admin/keys/${id}`);
    // A request shortly before the end does not extend the time.
    clock.aheadMs = 4_000;
    expect((await ask(key)).status).toBe(200);
    clock.aheadMs = 5_000;
    expectError(await ask(key), 401, 'unauthenticated');
  });

  it('is not cached longer because of a slow lookup', async () => {
    const { ask, clock } = process({ lookupMs: 3_000 });
    const { id, api_key: key } = (await create({ name: 'brief', scopes: ['read'] })).body;
    expect((await ask(key)).status).toBe(200);
    await api.delete(`/api/admin/keys/${id}`);
    clock.aheadMs = 5_000;
    expectError(await ask(key), 401, 'unauthenticated');
  });

  it('is not cached longer because the clock was set back', async () => {
    const { ask, clock } = process();
    const { id, api_key: key } = (await create({ name: 'brief', scopes: ['read'] })).body;
    expect((await ask(key)).status).toBe(200);
    await api.delete(`/api/admin/keys/${id}`);
    clock.aheadMs = -60_000;
    expectError(await ask(key), 401, 'unauthenticated');
  });

  it('does not make another key valid, whose refusal is cached as well', async () => {
    const { ask, lookups } = process();
    const key = await api.key(['read']);
    expect((await ask(key)).status).toBe(200);
    const wrong = `${key.slice(0, -4)}AAAA`;
    for (let request = 0; request < 2; request += 1)
      expectError(await ask(wrong), 401, 'unauthenticated');
    expect(lookups.count).toBe(2);
  });
});
