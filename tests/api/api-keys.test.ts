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

it('revokes a key once, from the next request on', async () => {
  const { id, api_key: key } = (await create({ name: 'brief', scopes: ['read'] })).body;
  expect((await api.delete(`/api/admin/keys/${id}`)).status).toBe(204);
  expectError(await api.send('GET', '/api/admin/accounts', { key }), 401, 'unauthenticated');
  expectError(await api.delete(`/api/admin/keys/${id}`), 404, 'not_found');
});
