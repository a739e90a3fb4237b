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

it('shows the text of a key once: no list has it, and the database only its hash', async () => {
  const { api_key, ...shown } = (await create({ name: 'once', scopes: ['read'] })).body;
  const list = await api.get('/api/admin/keys');
  expect(list.body.items).toContainEqual(shown);
  const secret = api_key.split('_').slice(2).join('_');
  expect(list.text).not.toContain(secret);
  expect(api.logs.join('')).not.toContain(secret);
});

it('lists the keys of the own organisation only', async () => {
  const theirs = `org-${randomUUID()}`;
  const key = await api.key(['admin'], theirs);
  const { items } = (await api.send('GET', '/api/admin/keys', { key })).body;
  expect(items).toEqual([expect.objectContaining({ organisation: theirs, scopes: ['admin'] })]);
});

it('lets only a holder of the scope "internal" hand it on', async () => {
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

it('revokes a key once; one that was not used lately is refused from the next request on', async () => {
  const { id, api_key: key } = (await create({ name: 'brief', scopes: ['read'] })).body;
  expect((await api.delete(`/api/admin/keys/${id}`)).status).toBe(204);
  expectError(await api.send('GET', '/api/admin/accounts', { key }), 401, 'unauthenticated');
  expectError(await api.delete(`/api/admin/keys/${id}`), 404, 'not_found');
});

describe('a key that was used', () => {
  /** The API as a process of its own whose clock the test moves, and a store that counts. */
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

  it('is refused five seconds after it was revoked at the latest, however often it is used', async () => {
    const { ask, clock } = process();
    const { id, api_key: key } = (await create({ name: 'brief', scopes: ['read'] })).body;
    expect((await ask(key)).status).toBe(200);
    await api.delete(`/api/admin/keys/${id}`);
    // The request that is nearly too late does not start the time anew.
    clock.aheadMs = 4_000;
    expect((await ask(key)).status).toBe(200);
    clock.aheadMs = 5_000;
    expectError(await ask(key), 401, 'unauthenticated');
  });

  it('is not kept for longer by a lookup that was slow', async () => {
    const { ask, clock } = process({ lookupMs: 3_000 });
    const { id, api_key: key } = (await create({ name: 'brief', scopes: ['read'] })).body;
    expect((await ask(key)).status).toBe(200);
    await api.delete(`/api/admin/keys/${id}`);
    clock.aheadMs = 5_000;
    expectError(await ask(key), 401, 'unauthenticated');
  });

  it('is not kept for longer by a clock that was set back', async () => {
    const { ask, clock } = process();
    const { id, api_key: key } = (await create({ name: 'brief', scopes: ['read'] })).body;
    expect((await ask(key)).status).toBe(200);
    await api.delete(`/api/admin/keys/${id}`);
    clock.aheadMs = -60_000;
    expectError(await ask(key), 401, 'unauthenticated');
  });

  it('does not vouch for another one, whose refusal is kept for some seconds, too', async () => {
    const { ask, lookups } = process();
    const key = await api.key(['read']);
    expect((await ask(key)).status).toBe(200);
    const wrong = `${key.slice(0, -4)}AAAA`;
    for (let request = 0; request < 2; request += 1)
      expectError(await ask(wrong), 401, 'unauthenticated');
    expect(lookups.count).toBe(2);
  });
});
