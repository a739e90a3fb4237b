/**
 * Rows that an attacker with write access to MongoDB created or changed. They grant nothing, they cause no requests, and
 * they are reported.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import mongoose, { type Connection } from 'mongoose';
import { eventually } from '../support/eventually';
import { type Receiver, startReceiver } from '../webhooks/_receiver';
import { type Api, expectError, startApi } from './_api';

const HOUR_MS = 3_600_000;
const TOKENS = '/api/tokens';
const KEYS = '/api/admin/keys';
const WEBHOOKS = '/api/admin/webhooks';

let api: Api;
let database: Connection;
let receiver: Receiver;
beforeAll(async () => {
  receiver = await startReceiver();
  api = await startApi({
    providers: ['ebay', 'etsy'],
    delivery: { pausesMs: [100], timeoutMs: 50_000, holdFirstMs: 1, holdMaxMs: 50 },
  });
  database = await mongoose.createConnection(api.harness.mongodbUri).asPromise();
});
afterAll(async () => {
  await database?.close();
  await api?.stop();
  await receiver?.stop();
});

type Row = Record<string, any> & { _id: string };
const rows = (collection: string) => database.collection<Row>(collection);
const rowOf = async (collection: string, id: string): Promise<Row> => {
  const row = await rows(collection).findOne({ _id: id });
  if (row === null) throw new Error(`no row ${collection}/${id}`);
  return row as Row;
};
const reports = (id: string) =>
  api.logs.map((line) => JSON.parse(line)).filter((line) => line.row_id === id);

describe('an API key', () => {
  /** A row as an attacker creates it: only the authentication code is wrong. */
  async function madeUp(organisation: string) {
    const [id, secret] = [randomBytes(8).toString('hex'), randomBytes(32).toString('base64url')];
    await rows('api_keys').insertOne({
      ...(await rowOf('api_keys', api.admin.split('_')[1] ?? '')),
      _id: id,
      organisation,
      name: 'made up',
      scopes: ['admin', 'tokens', 'internal'],
      secret_sha256: createHash('sha256').update(secret).digest('hex'),
      created_at: new Date(),
    });
    return { id, text: `evg_${id}_${secret}` };
  }

  it('gives no access if its row was invented, and is reported once, without its secret', async () => {
    const account = await api.addAccount({ expiresInMs: HOUR_MS });
    const { id, text } = await madeUp(api.organisation);
    for (let ask = 0; ask < 3; ask += 1)
      expectError(
        await api.send('GET', `${TOKENS}/${account.id}`, { key: text }),
        401,
        'unauthenticated',
      );
    const unknown = `evg_${randomBytes(8).toString('hex')}_${text.slice(-43)}`;
    const answers = [text, unknown].map((key) => api.send('GET', KEYS, { key }));
    const [forged, absent] = await Promise.all(answers);
    expect(forged?.body.error.message).toBe(absent?.body.error.message);
    expect(reports(id)).toEqual([
      expect.objectContaining({
        level: 'error',
        row: 'api_key',
        organisation: api.organisation,
        msg: expect.stringContaining('not written by Evergrant'),
      }),
    ]);
    expect(JSON.stringify(reports(id))).not.toContain(text.slice(-43));
  });

  it.each([
    ['scopes', { scopes: ['read', 'tokens'] }],
    ['organisation', { organisation: 'another' }],
    ['name', { name: 'the backup job' }],
    ['date', { created_at: new Date(0) }],
    ['secret', { secret_sha256: createHash('sha256').update('x'.repeat(43)).digest('hex') }],
    ['code', { code: null }],
  ])(
    'is refused after its %s was changed, and works after the change is undone',
    async (_what, change) => {
      const created = await api.post(KEYS, { name: 'reader', scopes: ['read'] });
      const { id, api_key: text } = created.body;
      const send = api.with({});
      const key = 'secret_sha256' in change ? `evg_${id}_${'x'.repeat(43)}` : text;
      const before = await rowOf('api_keys', id);
      await rows('api_keys').updateOne({ _id: id }, { $set: change });
      expectError(await send('GET', '/api/admin/accounts', { key }), 401, 'unauthenticated');
      await rows('api_keys').replaceOne({ _id: id }, before);
      // Uses another process, because this one caches a refusal for some seconds.
      const again = await api.with({})('GET', '/api/admin/accounts', { key: text });
      expect(again.status).toBe(200);
    },
  );

  it('is refused under the id of another key, even with that key’s code', async () => {
    const one = await api.post(KEYS, { name: 'reader', scopes: ['read'] });
    const { _id, ...row } = await rowOf('api_keys', one.body.id);
    const id = randomBytes(8).toString('hex');
    await rows('api_keys').insertOne({ _id: id, ...row });
    const key = one.body.api_key.replace(one.body.id, id);
    expectError(await api.send('GET', '/api/admin/accounts', { key }), 401, 'unauthenticated');
  });

  it('is listed as invalid and without scopes, and can be revoked', async () => {
    const organisation = `org-${randomUUID()}`;
    const key = await api.key(['admin'], organisation);
    const { id } = await madeUp(organisation);
    await rows('api_keys').insertOne({ _id: 'no key at all', organisation });
    const { body } = await api.send('GET', KEYS, { key });
    expect(body.items).toHaveLength(3);
    expect(body.items).toContainEqual(
      expect.objectContaining({ id, status: 'invalid', scopes: [] }),
    );
    expect(body.items).toContainEqual(
      expect.objectContaining({ name: 'test', status: 'valid', scopes: ['admin'] }),
    );
    expect((await api.send('DELETE', `${KEYS}/${id}`, { key })).status).toBe(204);
  });
});

describe('a webhook', () => {
  /** A webhook of a separate organisation. */
  async function webhook(path = `/${randomUUID()}`) {
    const organisation = `org-${randomUUID()}`;
    const key = await api.key(['admin'], organisation);
    const send = (method: string, at: string, body?: unknown) =>
      api.send(method, at, { key, body });
    const { body } = await send('POST', WEBHOOKS, { url: receiver.url(path) });
    const at = `${WEBHOOKS}/${body.id}`;
    return { id: String(body.id), organisation, at, path, send };
  }

  async function refusedAccount(organisation: string) {
    const account = await api.addAccount({ organisation });
    api.sandbox.revoke(account.plain.refreshToken);
    const key = await api.key(['admin'], organisation);
    await api.send('POST', `/api/admin/accounts/${account.id}/refresh`, { key, body: {} });
  }

  it.each([
    ['its URL was changed', (stolen: string) => ({ url: receiver.url(stolen) })],
    ['it was moved to another organisation', () => ({ organisation: 'victim' })],
    [
      'it was given other events',
      () => ({ event_types: ['account.needs_reconnect', 'token.refreshed'] }),
    ],
  ])('receives nothing after %s, and is shown as invalid', async (_what, change) => {
    const one = await webhook();
    const valid = await webhook();
    const stolen = `/${randomUUID()}`;
    const changed = change(stolen);
    await rows('webhook_endpoints').updateOne({ _id: one.id }, { $set: changed });
    const organisation = 'organisation' in changed ? changed.organisation : one.organisation;
    // Another endpoint of the same organisation shows that the event was dispatched.
    await rows('webhook_endpoints').updateOne({ _id: valid.id }, { $set: {} });
    const key = await api.key(['admin'], organisation);
    const witnessPath = `/${randomUUID()}`;
    await api.send('POST', WEBHOOKS, { key, body: { url: receiver.url(witnessPath) } });
    await refusedAccount(organisation);
    await arrived(witnessPath);
    const { body } = await api.send('GET', one.at, { key });
    expect(body).toMatchObject({
      state: 'invalid',
      state_reason: expect.stringContaining('not written by Evergrant'),
    });
    expect(receiver.at(stolen)).toEqual([]);
    expect(receiver.at(one.path)).toEqual([]);
    expect(reports(one.id)).toEqual([
      expect.objectContaining({ level: 'error', row: 'webhook_endpoint', organisation }),
    ]);
  });

  it('cannot be enabled, changed, tested or given a secret once it is invalid, but can be deleted', async () => {
    const { id, at, send } = await webhook();
    await rows('webhook_endpoints').updateOne(
      { _id: id },
      { $set: { url: receiver.url('/stolen') } },
    );
    expectError(await send('POST', `${at}/enable`), 409, 'conflict');
    expectError(await send('POST', `${at}/disable`), 409, 'conflict');
    expectError(await send('POST', `${at}/test`), 409, 'conflict');
    expectError(await send('POST', `${at}/rotate-secret`, {}), 409, 'conflict');
    expectError(await send('PATCH', at, { description: 'x' }), 409, 'conflict');
    expectError(await send('PATCH', at, { url: receiver.url('/own') }), 409, 'conflict');
    expect(receiver.at('/stolen')).toEqual([]);
    expect((await send('DELETE', at)).status).toBe(204);
  });

  it('receives nothing from a delivery that was moved to it from another organisation', async () => {
    const [mine, theirs] = [await webhook(), await webhook()];
    await refusedAccount(mine.organisation);
    await arrived(mine.path);
    const delivery = await rows('webhook_deliveries').findOne({ endpoint_id: mine.id });
    const id = `dlv_${randomBytes(12).toString('hex')}`;
    await rows('webhook_deliveries').insertOne({
      ...(delivery as Row),
      _id: id,
      organisation: theirs.organisation,
      endpoint_id: theirs.id,
      state: 'pending',
      next_try_at: new Date(),
      start_at: new Date(),
    });
    await eventually(async () => (await rowOf('webhook_deliveries', id))['state'] === 'skipped');
    expect(receiver.at(theirs.path)).toEqual([]);
  });

  it('stays valid after all actions of an admin', async () => {
    const { at, path, send, organisation } = await webhook(`/${randomUUID()}`);
    const other = `/${randomUUID()}`;
    expect((await send('PATCH', at, { url: receiver.url(other) })).body.state).toBe('enabled');
    await send('PATCH', at, { event_types: ['account.needs_reconnect'], description: 'mine' });
    expect((await send('POST', `${at}/disable`)).body.state).toBe('disabled');
    expect((await send('POST', `${at}/enable`)).body.state).toBe('enabled');
    expect((await send('POST', `${at}/rotate-secret`, {})).status).toBe(200);
    await Promise.all([
      send('PATCH', at, { event_types: ['account.needs_reconnect', 'account.recovered'] }),
      send('PATCH', at, { url: receiver.url(other) }),
      send('POST', `${at}/enable`),
    ]);
    await refusedAccount(organisation);
    await arrived(other);
    expect((await send('GET', at)).body).toMatchObject({
      state: 'enabled',
      event_types: ['account.needs_reconnect', 'account.recovered'],
    });
    expect(receiver.at(path)).toEqual([]);
  });
});

describe('an encrypted token', () => {
  const refresh = (id: string) => api.post(`/api/admin/accounts/${id}/refresh`, { force: true });
  const sentFor = (id: string) =>
    api.sandbox.ledger.filter(({ event, subject }) => event === 'received' && subject === id)
      .length;
  const entryOf = async (id: string) => (await api.harness.entries(id))[0];

  /** It is reported like any value that cannot be decrypted, and it is not sent. */
  async function expectNotSent(id: string, sentBefore: number) {
    expect((await refresh(id)).body).toMatchObject({ outcome: 'failed', reason: 'row_corrupt' });
    expect(sentFor(id)).toBe(sentBefore);
    expect(await entryOf(id)).toMatchObject({
      outcome: 'not_sent',
      error: { code: 'row_corrupt' },
    });
    expect(await api.harness.account(id)).toMatchObject({
      state: 'needs_reconnect',
      lastError: { code: 'row_corrupt' },
    });
  }

  it('that an earlier refresh replaced is not sent instead of the current one', async () => {
    const { id } = await api.addAccount({ rotation: { mode: 'strict' } });
    const earlier = await rowOf('accounts', id);
    expect((await refresh(id)).body).toMatchObject({ outcome: 'refreshed' });
    const sent = sentFor(id);
    const { refresh_token } = earlier['current'];
    await rows('accounts').updateOne(
      { _id: id },
      { $set: { 'current.refresh_token': refresh_token } },
    );
    await expectNotSent(id, sent);
  });

  it('is not sent with the whole earlier grant, either', async () => {
    const { id } = await api.addAccount();
    const earlier = await rowOf('accounts', id);
    expect((await refresh(id)).body).toMatchObject({ outcome: 'refreshed' });
    const sent = sentFor(id);
    await rows('accounts').updateOne({ _id: id }, { $set: { current: earlier['current'] } });
    await expectNotSent(id, sent);
  });

  it('that was kept beside the current grant is not sent instead of it', async () => {
    const { id } = await api.addAccount();
    expect((await refresh(id)).body).toMatchObject({ outcome: 'refreshed' });
    const sent = sentFor(id);
    const { previous } = await rowOf('accounts', id);
    await rows('accounts').updateOne({ _id: id }, { $set: { current: previous } });
    await expectNotSent(id, sent);
  });

  it('is not served if it is an earlier access token', async () => {
    const { id } = await api.addAccount({ expiresInMs: HOUR_MS });
    const { current } = await rowOf('accounts', id);
    expect((await refresh(id)).body).toMatchObject({ outcome: 'refreshed' });
    const sent = sentFor(id);
    await rows('accounts').updateOne(
      { _id: id },
      { $set: { 'current.access_token': current.access_token } },
    );
    // A refresh obtains another token, as for any value that cannot be decrypted.
    const answer = await api.get(`${TOKENS}/${id}`);
    expect(answer).toMatchObject({ status: 200, body: { active: true } });
    expect(sentFor(id)).toBe(sent + 1);
    expect(
      api.logs.some(
        (line) => line.includes('a stored token cannot be decrypted') && line.includes(id),
      ),
    ).toBe(true);
  });

  it.each([
    ['provider', { provider: 'etsy' }],
    ['environment', { environment: 'sandbox' }],
    ['external id', { external_id: 'another-shop' }],
    ['organisation', { organisation: 'another' }],
  ])('is not sent for another %s', async (_what, change) => {
    const { id } = await api.addAccount();
    await rows('accounts').updateOne({ _id: id }, { $set: change });
    const key = await api.key(['admin'], 'organisation' in change ? 'another' : api.organisation);
    const answer = await api.send('POST', `/api/admin/accounts/${id}/refresh`, {
      key,
      body: { force: true },
    });
    expect(answer.body).toMatchObject({ outcome: 'failed', reason: 'row_corrupt' });
    expect(sentFor(id)).toBe(0);
    expect(api.sandbox.ledger.some(({ subject }) => subject === id)).toBe(false);
  });
});

async function arrived(path: string): Promise<void> {
  await eventually(() => receiver.at(path).length > 0);
}
