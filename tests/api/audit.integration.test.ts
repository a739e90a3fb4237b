/** The audit: what is in it, that nothing is done without it, and that it tells what was done to it. */
import { randomBytes, randomUUID } from 'node:crypto';
import mongoose, { type Connection } from 'mongoose';
import { createAuditLog } from '../../src/api/audit-log';
import { verifyAudit } from '../../src/api/verify-audit';
import { type Answer, type Api, expectError, startApi } from './_api';
import { type OpenApiDocument, operationsOf } from './_contract';

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

const entries = () => database.collection<any>('audit_entries');
const handouts = () => database.collection<any>('handout_batches');

/** An organisation of its own with a key, and what its audit says. */
async function organisation() {
  const name = `org-${randomUUID()}`;
  const key = await api.key(['admin', 'tokens'], name);
  const ask = (method: string, path: string, body?: unknown) =>
    api.send(method, path, { key, body });
  return {
    name,
    key,
    ask,
    patch: (id: string, body: unknown) => ask('PATCH', `/api/admin/accounts/${id}`, body),
    audit: async (): Promise<any[]> =>
      (await ask('GET', '/api/admin/audit?limit=500')).body.items.toReversed(),
    verify: async (query = ''): Promise<any> =>
      (await ask('GET', `/api/admin/audit/verify${query}`)).body,
  };
}

describe('every action', () => {
  it('is in it, before and after, whatever route there is or will be', async () => {
    const document = (await api.send('GET', '/openapi.json', { key: null }))
      .body as OpenApiDocument;
    const actions = operationsOf(document).filter(({ method }) => method !== 'GET');
    expect(actions.length).toBeGreaterThan(12);
    const one = await organisation();
    for (const { method, path } of actions)
      await one.ask(method, path.replaceAll(/\{\w+\}/g, 'nothing'), { reason: 'a test' });
    const said = await one.audit();
    for (const { name } of actions) {
      const [asked, answered, ...more] = said.filter(({ action }) => action === name);
      expect({ name, asked: asked?.details.phase, more }).toEqual({
        name,
        asked: 'asked',
        more: [],
      });
      expect(answered?.details).toMatchObject({ phase: 'answered', asked: asked?.sequence });
      expect(answered?.details.status).toBeGreaterThanOrEqual(400);
    }
    expect(await one.verify()).toMatchObject({ intact: true, entries: actions.length * 2 });
  });

  it('says who, what, of what and how it ended, and no token', async () => {
    const one = await organisation();
    const { access_token, refresh_token } = api.consent();
    const created = await one.ask('POST', '/api/admin/accounts', {
      provider: 'ebay',
      external_id: 'shop-1',
      label: 'Shop',
      access_token,
      refresh_token,
    });
    await one.patch(created.body.id, { disabled: true });
    await one.patch(created.body.id, { refresh_token: api.consent().refresh_token });
    await one.ask('POST', '/api/admin/keys', { name: 'shop', scopes: ['tokens'] });
    const said = await one.audit();
    expect(said.map(({ action, details }) => [action, details])).toMatchObject([
      [
        'POST /api/admin/accounts',
        {
          phase: 'asked',
          path: '/api/admin/accounts',
          provider: 'ebay',
          members: ['provider', 'external_id', 'label', 'access_token', 'refresh_token'],
        },
      ],
      ['POST /api/admin/accounts', { phase: 'answered', status: 201, made: created.body.id }],
      [
        'PATCH /api/admin/accounts/{id}',
        { path: `/api/admin/accounts/${created.body.id}`, disabled: true },
      ],
      ['PATCH /api/admin/accounts/{id}', { status: 200 }],
      ['PATCH /api/admin/accounts/{id}', { members: ['refresh_token'] }],
      ['PATCH /api/admin/accounts/{id}', { status: 200 }],
      ['POST /api/admin/keys', { name: 'shop', scopes: ['tokens'] }],
      ['POST /api/admin/keys', { status: 201, made: expect.any(String) }],
    ]);
    expect(new Set(said.map(({ actor }) => actor)).size).toBe(1);
    expect(one.key).toContain(said[0].actor);
    expect(JSON.stringify(said)).not.toMatch(/marker/);
  });

  it('is not done where it cannot be written down', async () => {
    const { id } = await api.connect({ label: 'as it was' });
    const refusing = api.with({
      audit: { append: () => Promise.reject(new mongoose.mongo.MongoNetworkError('away')) },
    });
    const answer = await refusing('PATCH', `/api/admin/accounts/${id}`, { body: { label: 'new' } });
    expectError(answer, 503, 'database_unavailable');
    expectError(await refusing('DELETE', `/api/admin/accounts/${id}`), 503, 'database_unavailable');
    expect(await api.harness.account(id)).toMatchObject({ label: 'as it was' });
  });

  it('by a page is in it as well, and so are signing in and out', async () => {
    const one = await organisation();
    const account = await api.addAccount({ organisation: one.name });
    const post = (path: string, form: Record<string, string>, cookie = ''): Promise<Answer> =>
      api.send('POST', path, {
        key: null,
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          'sec-fetch-site': 'same-origin',
          cookie,
        },
        text: new URLSearchParams(form).toString(),
      });
    await post('/sign-in', { key: 'evg_wrong' });
    const signedIn = await post('/sign-in', { key: one.key });
    const cookie = signedIn.headers.get('set-cookie')?.split(';', 1)[0] ?? '';
    await post(`/admin/accounts/${account.id}/disable`, { reason: 'closed down' }, cookie);
    await post('/sign-out', {}, cookie);
    expect(await one.audit()).toMatchObject([
      { action: 'sign-in', details: { by: 'key' } },
      {
        action: 'POST /admin/accounts/{id}/disable',
        details: { path: `/admin/accounts/${account.id}/disable`, reason: 'closed down' },
      },
      { action: 'POST /admin/accounts/{id}/disable', details: { phase: 'answered', status: 303 } },
      { action: 'sign-out' },
    ]);
  });

  it('is told to the organisation alone whose it is, page by page', async () => {
    const [one, other] = [await organisation(), await organisation()];
    for (let index = 0; index < 3; index += 1) await one.patch('nothing', { label: `${index}` });
    expect(await other.audit()).toEqual([]);
    const first = await one.ask('GET', '/api/admin/audit?limit=4');
    const second = await one.ask(
      'GET',
      `/api/admin/audit?limit=4&before=${first.body.next_cursor}`,
    );
    const sequences = [first, second].map(({ body }) =>
      body.items.map((item: any) => item.sequence),
    );
    expect(sequences).toEqual([
      [6, 5, 4, 3],
      [2, 1],
    ]);
    expect(second.body.next_cursor).toBeNull();
    for (const before of ['x', Buffer.from('["x"]').toString('base64url')])
      expectError(
        await one.ask('GET', `/api/admin/audit?before=${before}`),
        400,
        'invalid_request',
      );
  });
});

describe('the chain', () => {
  it('has no gap and no fork, however many processes write to it at once', async () => {
    const one = await organisation();
    const { store, vault } = api.harness;
    const log = () => createAuditLog({ store, vault, retentionDays: 400, now: () => new Date() });
    const logs = [log(), log(), log(), log()];
    const event = { organisation: one.name, actor: 'k', action: 'a' };
    const written = await Promise.all(
      Array.from({ length: 100 }, async (_, index) =>
        logs[index % logs.length]?.append({ ...event, details: { index } }),
      ),
    );
    const sequences = written.map((entry) => entry?.sequence ?? 0).toSorted((a, b) => a - b);
    expect(sequences).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    expect(await one.verify('?limit=5000')).toMatchObject({ intact: true, entries: 100 });
  });

  it('has an entry once that was written twice', async () => {
    const one = await organisation();
    const { store, vault } = api.harness;
    const log = createAuditLog({ store, vault, retentionDays: 400, now: () => new Date() });
    const event = {
      id: randomUUID(),
      organisation: one.name,
      actor: 'k',
      action: 'a',
      details: {},
    };
    for (let times = 0; times < 3; times += 1) await log.append(event);
    await log.append({ ...event, id: randomUUID() });
    expect((await one.audit()).map(({ sequence }) => sequence)).toEqual([1, 2]);
  });

  /** An organisation with entries 1 to 6, and hand-outs in entry 7. */
  async function withHandouts() {
    const one = await organisation();
    const account = await api.addAccount({ organisation: one.name, expiresInMs: 3_600_000 });
    for (let index = 0; index < 3; index += 1) await one.patch('nothing', { label: `${index}` });
    // At once: all four in the batch of one second.
    await Promise.all(Array.from({ length: 4 }, () => one.ask('GET', `/api/tokens/${account.id}`)));
    await api.handouts.flush();
    const intact = await one.verify();
    expect(intact).toMatchObject({ intact: true, first: 1, entries: 7, handouts: 4, break: null });
    return { ...one, known: `${intact.last.sequence}:${intact.last.hash}` };
  }
  const at = (organisationName: string, sequence: number) => ({
    organisation: organisationName,
    sequence,
  });

  it.each<[string, (name: string) => Promise<unknown>, object]>([
    [
      'an entry that was changed',
      (name) => entries().updateOne(at(name, 3), { $set: { actor: 'nobody' } }),
      { sequence: 3, kind: 'edited' },
    ],
    [
      'an entry whose details are no JSON any more',
      (name) => entries().updateOne(at(name, 2), { $set: { details: '{' } }),
      { sequence: 2, kind: 'edited' },
    ],
    [
      'an entry that was taken out',
      (name) => entries().deleteOne(at(name, 4)),
      { sequence: 4, kind: 'dropped' },
    ],
    [
      'the beginning that was taken away',
      (name) => entries().deleteMany({ organisation: name, sequence: { $lt: 3 } }),
      { sequence: 1, kind: 'dropped' },
    ],
    [
      'entries that changed places',
      async (name) => {
        await entries().updateOne(at(name, 3), { $set: { sequence: 1_000 } });
        await entries().updateOne(at(name, 4), { $set: { sequence: 3 } });
        await entries().updateOne(at(name, 1_000), { $set: { sequence: 4 } });
      },
      { sequence: 3, kind: 'reordered' },
    ],
    [
      'an entry that somebody else added',
      async (name) => {
        const last = await entries().findOne(at(name, 7));
        await entries().insertOne({
          ...last,
          _id: randomUUID(),
          sequence: 8,
          previous_hash: last.hash,
          hash: randomBytes(32).toString('base64url'),
        });
      },
      { sequence: 8, kind: 'edited' },
    ],
    [
      'a hand-out that was changed',
      (name) =>
        handouts().updateOne({ organisation: name }, { $set: { 'rows.0.key_id': 'nobody' } }),
      { sequence: 7, kind: 'edited' },
    ],
    [
      'a hand-out that was taken out',
      async (name) => {
        const [first] = (await handouts().findOne({ organisation: name })).rows;
        await handouts().updateOne({ organisation: name }, { $pull: { rows: first } });
      },
      { sequence: 7, kind: 'dropped' },
    ],
    [
      'a batch of hand-outs that was taken out',
      (name) => handouts().deleteOne({ organisation: name }),
      { sequence: 7, kind: 'dropped' },
    ],
    [
      'hand-outs that changed places',
      async (name) => {
        await handouts().updateOne({ organisation: name }, { $set: { 'rows.0.position': 9 } });
      },
      { sequence: 7, kind: 'edited' },
    ],
  ])('names %s', async (_what, tamper, found) => {
    const one = await withHandouts();
    await tamper(one.name);
    expect(await one.verify()).toMatchObject({ intact: false, break: found });
  });

  it('names the end that was cut off to who knows it, and who looks at a page alone', async () => {
    const one = await withHandouts();
    expect(await one.verify(`?known=${one.known}`)).toMatchObject({ intact: true });
    expect(await one.verify('?after=2&limit=2')).toMatchObject({ entries: 2, next_after: 4 });
    await entries().deleteMany({ organisation: one.name, sequence: { $gt: 5 } });
    expect(await one.verify()).toMatchObject({ intact: true, entries: 5 });
    expect(await one.verify(`?known=${one.known}`)).toMatchObject({
      intact: false,
      break: { sequence: 7, kind: 'dropped' },
    });
    const other = `5:${'x'.repeat(43)}`;
    expect((await one.verify(`?known=${other}`)).break).toMatchObject({ sequence: 5 });
    for (const known of ['7', '0:x', `x${one.known}`])
      expectError(
        await one.ask('GET', `/api/admin/audit/verify?known=${known}`),
        400,
        'invalid_request',
      );
  });

  it('may begin later once the time of what is missing is over, and its hand-outs may be gone', async () => {
    const one = await withHandouts();
    await entries().deleteMany({ organisation: one.name, sequence: { $lt: 5 } });
    await handouts().deleteMany({ organisation: one.name });
    const { store, vault } = api.harness;
    const later = (days: number) =>
      verifyAudit(
        { store, vault, now: () => new Date(Date.now() + days * 24 * 3_600_000) },
        { organisation: one.name, after: 0, limit: 100 },
      );
    expect((await later(399)).break).toMatchObject({ sequence: 1, kind: 'dropped' });
    expect(await later(401)).toMatchObject({ break: null, first: 5, entries: 3, handouts: 0 });
  });

  it('says in the log where it ends, outside the database', async () => {
    const one = await organisation();
    await one.patch('nothing', { label: 'x' });
    const [asked] = await one.audit();
    const head = `${asked.sequence}:${asked.hash}`;
    expect(api.logs.filter((line) => line.includes(`"audit_head":"${head}"`))).toHaveLength(1);
  });
});
