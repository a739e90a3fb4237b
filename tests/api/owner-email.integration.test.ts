/** C21: the e-mail address of an account's owner. */
import { randomUUID } from 'node:crypto';
import mongoose, { type Connection } from 'mongoose';
import { OpenError } from '../../src/vault/sealing';
import { type Api, expectError, startApi } from './_api';

let api: Api;
let database: Connection;
beforeAll(async () => {
  api = await startApi({ worker: false });
  database = await mongoose.createConnection(api.harness.mongodbUri).asPromise();
});
afterAll(async () => {
  await database.close();
  await api.stop();
});

const newAddress = () => `anna.${randomUUID()}@example.com`;
const stored = (id: string) => database.collection<any>('accounts').findOne({ _id: id });
async function opened(id: string): Promise<string | null> {
  const account = await api.store.accounts.find(api.organisation, id);
  const { organisation } = api;
  return account?.ownerEmail
    ? api.harness.vault.openOwnerEmail(account.ownerEmail.sealed, { organisation, accountId: id })
    : null;
}

it('C21 stores the address encrypted, and shows it masked', async () => {
  const address = newAddress();
  const account = await api.connect({ owner_email: address });
  expect(account.owner_email).toBe('a***@example.com');
  expect((await stored(account.id)).owner_email.sealed).toMatch(/^ENC:v1:/);
  expect(await opened(account.id)).toBe(address);
  const list = await api.get('/api/admin/accounts?limit=500');
  expect(list.body.items).toContainEqual(
    expect.objectContaining({ id: account.id, owner_email: 'a***@example.com' }),
  );
  expect(list.text).not.toContain(address);
});

it('C21 changes and removes the address, and leaves it if a change does not name it', async () => {
  const { id } = await api.connect({ owner_email: newAddress() });
  const path = `/api/admin/accounts/${id}`;
  const address = newAddress();
  expect((await api.patch(path, { owner_email: address })).body.owner_email).toMatch(/^a\*{3}@/);
  await api.patch(path, { label: 'Another label' });
  expect(await opened(id)).toBe(address);
  expect((await api.patch(path, { owner_email: null })).body.owner_email).toBeNull();
  expect((await stored(id)).owner_email).toBeNull();
});

it('C21 imports the address, and refuses a line with a wrong one without its text', async () => {
  const external_id = `shop-${randomUUID()}`;
  const address = newAddress();
  const line = (members: object) =>
    JSON.stringify({ provider: 'ebay', refresh_token: api.consent().refresh_token, ...members });
  const answer = await api.send('POST', '/api/admin/accounts/import', {
    headers: { 'content-type': 'application/x-ndjson' },
    text: [
      line({ external_id, owner_email: address }),
      line({ external_id: `shop-${randomUUID()}`, owner_email: 'no address' }),
    ].join('\n'),
  });
  const [first, second] = answer.text
    .trimEnd()
    .split('\n')
    .map((text) => JSON.parse(text));
  expect(await opened(first.account_id)).toBe(address);
  expect(second).toMatchObject({
    result: 'refused',
    message: expect.stringContaining('owner_email'),
  });
  expect(second.message).not.toContain('no address');
});

it('C21 refuses a wrong address', async () => {
  const { id } = await api.connect();
  // oxlint-disable-next-line no-await-in-loop
  for (const owner_email of [
    'anna',
    'anna@',
    `${'a'.repeat(250)}@example.com`,
    'a@b.c\r\nBcc: d@e.f',
  ])
    expectError(
      await api.patch(`/api/admin/accounts/${id}`, { owner_email }),
      400,
      'invalid_request',
    );
});

it('C21 removes the address with the account, and keeps it nowhere in plain text', async () => {
  const address = newAddress();
  const { id } = await api.connect({ owner_email: address });
  await api.delete(`/api/admin/accounts/${id}`);
  expect(await stored(id)).toBeNull();
  for (const { name } of await database.listCollections()) {
    // oxlint-disable-next-line no-await-in-loop
    const documents = await database.collection(name).find().toArray();
    expect(JSON.stringify(documents)).not.toContain(address);
  }
  expect(api.logs.join('\n')).not.toContain(address);
});

it('C21 encrypts the address for its account: it does not decrypt on another one', async () => {
  const [one, other] = [await api.connect({ owner_email: newAddress() }), await api.connect()];
  const { owner_email } = await stored(one.id);
  const { organisation } = api;
  expect(() =>
    api.harness.vault.openOwnerEmail(owner_email.sealed, { organisation, accountId: other.id }),
  ).toThrow(OpenError);
});
