/** The audit records every action, no action happens without it, and changes to it are detected. */
import { randomBytes, randomUUID } from 'node:crypto';
import mongoose, { type Connection } from 'mongoose';
import type { AuditChain } from '../../src/domain/audit/audit-anchor';
import { createAuditLog } from '../../src/services/audit/audit-log';
import { verifyAudit } from '../../src/services/audit/verify-audit';
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
const tokenAccesses = () => database.collection<any>('token_access_batches');

/** A separate organisation with a key, and the entries of its audit. */
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
  it('has an entry before and after it, on every route', async () => {
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

  it('that concerns no organisation is in the operators’ audit, on every route', async () => {
    const document = (await api.send('GET', '/openapi.json', { key: null }))
      .body as OpenApiDocument;
    const scopesOf = ({ security = [] }: { security?: Record<string, string[]>[] }) =>
      security.flatMap(({ bearer }) => bearer ?? []);
    const actions = operationsOf(document)
      .filter(({ method }) => method !== 'GET')
      .filter(({ operation }) =>
        scopesOf(operation).some((scope) => scope === 'operator' || scope === 'internal'),
      );
    expect(actions.length).toBeGreaterThan(8);
    const name = `org-${randomUUID()}`;
    const key = await api.key(['operator', 'internal'], name);
    for (const { method, path } of actions) {
      const place = path.replaceAll(/\{\w+\}/g, 'nothing');
      await api.send(method, place, { key, body: { provider: 'none' } });
    }
    const of = (found: any) => found.filter(({ actor }: any) => key.includes(actor));
    const { body } = await api.get('/api/admin/audit?chain=operator&limit=500');
    const said = of(body.items);
    for (const { name: action } of actions) {
      const phases = said.filter((entry: any) => entry.action === action);
      expect({ action, count: phases.length }).toEqual({ action, count: 2 });
      for (const { details } of phases) expect(details.organisation).toBe(name);
    }
    const admin = await api.key(['admin'], name);
    const own = await api.send('GET', '/api/admin/audit', { key: admin });
    expect(of(own.body.items)).toEqual([]);
  });

  it('has its actor, action, object and outcome in the audit, and no token', async () => {
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
    const reconnected = {
      quarantine: true,
      disabled: false,
      refresh_token: api.consent().refresh_token,
    };
    await one.patch(created.body.id, reconnected);
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
      ['PATCH /api/admin/accounts/{id}', { members: ['quarantine', 'disabled', 'refresh_token'] }],
      ['PATCH /api/admin/accounts/{id}', { status: 200 }],
      ['POST /api/admin/keys', { name: 'shop', scopes: ['tokens'] }],
      ['POST /api/admin/keys', { status: 201, made: expect.any(String) }],
    ]);
    expect(new Set(said.map(({ actor }) => actor)).size).toBe(1);
    expect(one.key).toContain(said[0].actor);
    expect(JSON.stringify(said)).not.toMatch(/marker/);
  });

  it('has the members of every route that accepts JSON', async () => {
    const { body: document } = await api.send('GET', '/openapi.json', { key: null });
    const one = await organisation();
    const expected: string[] = [];
    for (const [path, operations] of Object.entries<any>(document.paths)) {
      for (const [method, { requestBody }] of Object.entries<any>(operations)) {
        const schema = requestBody?.content['application/json']?.schema;
        if (schema === undefined) continue;
        const resolved = schema.$ref
          ? document.components.schemas[schema.$ref.split('/').at(-1)]
          : schema;
        const [name = 'nothing'] = Object.keys(resolved.properties);
        await one.ask(method.toUpperCase(), path.replaceAll(/\{\w+\}/g, 'nothing'), {
          [name]: null,
        });
        expected.push(`${method.toUpperCase()} ${path}: ${name}`);
      }
    }
    const asked = (await one.audit()).filter(({ details }) => details.phase === 'asked');
    expect(asked.map(({ action, details }) => `${action}: ${details.members}`)).toEqual(expected);
    expect(expected.length).toBeGreaterThan(12);
  });

  it('has only the member names of the route’s schema, however a caller sends a token', async () => {
    const one = await organisation();
    const token = `v^1.1#i^1#marker-${randomBytes(12).toString('hex')}`;
    const path = '/api/admin/accounts';
    const json = { 'content-type': 'application/json' };
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const malformed: [string, Record<string, string>][] = [
      [JSON.stringify({ refresh_token: token }), form],
      [JSON.stringify({ refresh_token: token }), {}],
      [JSON.stringify({ [token]: token, provider: 'ebay' }), json],
      [JSON.stringify([token]), json],
      [JSON.stringify(token), json],
      [JSON.stringify({ refresh_token: { [token]: token } }), json],
      [`{"refresh_token": "${token}`, json],
      [`${token}=${token}`, form],
      [token, { 'content-type': 'multipart/form-data; boundary=x' }],
      [
        `--x\r\ncontent-disposition: form-data; name="${token}"\r\n\r\n${token}\r\n--x--`,
        { 'content-type': 'multipart/form-data; boundary=x' },
      ],
    ];
    for (const [text, headers] of malformed) {
      const { status } = await api.send('POST', path, { key: one.key, headers, text });
      expect([400, 415]).toContain(status);
    }
    const said = await one.audit();
    expect(said).toHaveLength(malformed.length * 2);
    expect(JSON.stringify(said)).not.toContain('marker-');
    expect(
      JSON.stringify(await entries().find({ organisation: one.name }).toArray()),
    ).not.toContain('marker-');
    expect(said.map(({ details }) => details)).toContainEqual(
      expect.objectContaining({ provider: 'ebay', members: ['provider'], unknown_members: 1 }),
    );
    expect(await one.verify()).toMatchObject({ intact: true });
  });

  it.each([
    'application/json',
    'application/json; charset=utf-8',
    'Application/JSON; x=y',
    'application/merge-patch+json',
    'application/x.y-z+json',
  ])('has the members of a body of the type %s', async (type) => {
    const one = await organisation();
    const { id } = await api.addAccount({ organisation: one.name });
    const answer = await api.send('PATCH', `/api/admin/accounts/${id}`, {
      key: one.key,
      headers: { 'content-type': type },
      text: JSON.stringify({ disabled: true }),
    });
    expect(answer.status).toBe(200);
    expect((await one.audit())[0].details).toMatchObject({ disabled: true, members: ['disabled'] });
  });

  it('has only plain values, whatever the caller sends instead', async () => {
    const one = await organisation();
    const deep = 60_000;
    for (const scopes of [
      '[{"toString":1,"valueOf":1}]',
      '[null,["tokens"],"tokens"]',
      `${'['.repeat(deep)}${']'.repeat(deep)}`,
    ]) {
      const text = `{"name":"x","scopes":${scopes}}`;
      const answer = await api.send('POST', '/api/admin/keys', { key: one.key, text });
      expectError(answer, 400, 'invalid_request');
    }
    const asked = (await one.audit()).filter(({ details }) => details.phase === 'asked');
    expect(asked.map(({ details }) => details.scopes)).toEqual([[], ['tokens'], []]);
  });

  it('has the beginning of a long value, without any part of a token', async () => {
    const one = await organisation();
    const token = `v^1.1#i^1#marker-${randomBytes(300).toString('hex')}`;
    const long = [`${'word '.repeat(20)}${token} ${'word '.repeat(10_000)}`, token.repeat(100)];
    // The limit of the search is within the token.
    long.push(...[990, 995, 999].map((before) => `${'w '.repeat(before / 2)}${token}`));
    for (const name of long) await one.ask('POST', '/api/admin/keys', { name, scopes: ['read'] });
    const asked = (await one.audit()).filter(({ details }) => details.phase === 'asked');
    const shown = asked.map(({ details }) => details.name);
    expect(shown).toHaveLength(long.length);
    expect(shown[0]).toMatch(/^(?:word ){20}<masked> (?:word )+/);
    for (const text of shown) expect(text.length).toBeLessThanOrEqual(200);
    expect(shown.join()).not.toMatch(/v\^1|marker/);
  });

  it('is refused if it cannot be recorded', async () => {
    const { id } = await api.connect({ label: 'as it was' });
    const refusing = api.with({
      audit: { append: () => Promise.reject(new mongoose.mongo.MongoNetworkError('away')) },
    });
    const answer = await refusing('PATCH', `/api/admin/accounts/${id}`, { body: { label: 'new' } });
    expectError(answer, 503, 'database_unavailable');
    expectError(await refusing('DELETE', `/api/admin/accounts/${id}`), 503, 'database_unavailable');
    expect(await api.harness.account(id)).toMatchObject({ label: 'as it was' });
  });

  it('on a page has entries as well, and so have sign-in and sign-out', async () => {
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
    const parts =
      '--x\r\ncontent-disposition: form-data; name="reason"\r\n\r\nopen again\r\n--x--\r\n';
    await api.send('POST', `/admin/accounts/${account.id}/enable`, {
      key: null,
      headers: {
        'content-type': 'multipart/form-data; boundary=x',
        'sec-fetch-site': 'same-origin',
        cookie,
      },
      text: parts,
    });
    await post('/sign-out', {}, cookie);
    expect(await one.audit()).toMatchObject([
      { action: 'sign-in', details: { by: 'key' } },
      {
        action: 'POST /admin/accounts/{id}/disable',
        details: { path: `/admin/accounts/${account.id}/disable`, reason: 'closed down' },
      },
      { action: 'POST /admin/accounts/{id}/disable', details: { phase: 'answered', status: 303 } },
      { action: 'POST /admin/accounts/{id}/enable', details: { reason: 'open again' } },
      { action: 'POST /admin/accounts/{id}/enable', details: { phase: 'answered', status: 303 } },
      { action: 'sign-out' },
    ]);
  });

  it('is shown only to its organisation, page by page', async () => {
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
  it('has no gap and no fork when several processes write to it at once', async () => {
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

  it('contains an entry once after a repeated write', async () => {
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

  /** An organisation with the entries 1 to 6, and with three batches of one token access each. */
  async function withAccesses() {
    const one = await organisation();
    const account = await api.addAccount({ organisation: one.name, expiresInMs: 3_600_000 });
    for (let index = 0; index < 3; index += 1) await one.patch('nothing', { label: `${index}` });
    for (let index = 0; index < 3; index += 1) await one.ask('GET', `/api/tokens/${account.id}`);
    const intact = await one.verify();
    expect(intact).toMatchObject({
      intact: true,
      first: 1,
      entries: 6,
      breaks: [],
      breaks_total: 0,
      token_accesses: { first: 1, entries: 3, accesses: 3, breaks: [] },
    });
    return { ...one, known: `${intact.last.sequence}:${intact.last.hash}` };
  }
  const at = (organisationName: string, sequence: number) => ({
    organisation: organisationName,
    sequence,
  });

  it.each<[string, (name: string) => Promise<unknown>, object]>([
    [
      'a changed entry',
      (name) => entries().updateOne(at(name, 3), { $set: { actor: 'nobody' } }),
      { sequence: 3, kind: 'edited' },
    ],
    [
      'an entry whose details are not JSON',
      (name) => entries().updateOne(at(name, 2), { $set: { details: '{' } }),
      { sequence: 2, kind: 'edited' },
    ],
    [
      'an entry whose members are of other types',
      (name) =>
        entries().updateOne(at(name, 2), {
          $set: { at: 'soon', actor: null, details: 5, kept_until: {}, previous_kept_until: 'x' },
        }),
      { sequence: 2, kind: 'edited' },
    ],
    [
      'a removed entry',
      (name) => entries().deleteOne(at(name, 4)),
      { sequence: 4, kind: 'dropped' },
    ],
    [
      'a removed beginning',
      (name) => entries().deleteMany({ organisation: name, sequence: { $lt: 3 } }),
      { sequence: 1, kind: 'dropped' },
    ],
    [
      'entries in another order',
      async (name) => {
        await entries().updateOne(at(name, 3), { $set: { sequence: 1_000 } });
        await entries().updateOne(at(name, 4), { $set: { sequence: 3 } });
        await entries().updateOne(at(name, 1_000), { $set: { sequence: 4 } });
      },
      { sequence: 3, kind: 'reordered' },
    ],
    [
      'an entry that another writer added',
      async (name) => {
        const last = await entries().findOne(at(name, 6));
        await entries().insertOne({
          ...last,
          _id: randomUUID(),
          sequence: 7,
          previous_hash: last.hash,
          hash: randomBytes(32).toString('base64url'),
        });
      },
      { sequence: 7, kind: 'edited' },
    ],
  ])('names %s', async (_what, tamper, found) => {
    const one = await withAccesses();
    await tamper(one.name);
    const verified = await one.verify();
    expect(verified).toMatchObject({ intact: false, token_accesses: { breaks: [] } });
    expect(verified.breaks[0]).toMatchObject(found);
  });

  it.each<[string, (name: string) => Promise<unknown>, object]>([
    [
      'a changed token access',
      (name) => tokenAccesses().updateOne(at(name, 2), { $set: { 'rows.0.key_id': 'nobody' } }),
      { sequence: 2, kind: 'edited' },
    ],
    [
      'a removed token access',
      (name) => tokenAccesses().updateOne(at(name, 2), { $set: { rows: [] } }),
      { sequence: 2, kind: 'edited' },
    ],
    [
      'unreadable token accesses',
      (name) => tokenAccesses().updateOne(at(name, 2), { $set: { rows: [null, 5, { at: 'x' }] } }),
      { sequence: 2, kind: 'edited' },
    ],
    [
      'a batch whose members are of other types',
      (name) =>
        tokenAccesses().updateOne(at(name, 2), { $set: { rows: 'none', at: null, remove_at: 1 } }),
      { sequence: 2, kind: 'edited' },
    ],
    [
      'a removed batch of token accesses',
      (name) => tokenAccesses().deleteOne(at(name, 2)),
      { sequence: 2, kind: 'dropped' },
    ],
  ])('names %s', async (_what, tamper, found) => {
    const one = await withAccesses();
    await tamper(one.name);
    const verified = await one.verify();
    expect(verified).toMatchObject({ intact: false, breaks: [] });
    expect(verified.token_accesses.breaks).toMatchObject([found]);
  });

  it('is checked after each broken entry, also page by page', async () => {
    const one = await withAccesses();
    await entries().updateOne(at(one.name, 2), { $set: { actor: 'nobody' } });
    await entries().updateOne(at(one.name, 5), { $set: { details: '{}' } });
    const whole = await one.verify();
    expect(whole).toMatchObject({ intact: false, entries: 4, breaks_total: 2 });
    expect(whole.breaks.map(({ sequence }: any) => sequence)).toEqual([2, 5]);
    const found: number[] = [];
    for (let after: number | null = 0; after !== null; ) {
      const page = await one.verify(`?limit=1&after=${after}`);
      found.push(...page.breaks.map(({ sequence }: any) => sequence));
      after = page.next_after;
    }
    expect(found).toEqual([2, 5]);
  });

  it('is reported with its first broken entries and the count of all', async () => {
    const one = await organisation();
    for (let index = 0; index < 15; index += 1) await one.patch('nothing', { label: `${index}` });
    await entries().updateMany({ organisation: one.name }, { $set: { actor: 'nobody' } });
    const verified = await one.verify();
    expect(verified).toMatchObject({ intact: false, entries: 0, breaks_total: 30 });
    expect(verified.breaks).toHaveLength(20);
  });

  it('is intact with any name of an actor', async () => {
    const one = await organisation();
    const { store, vault } = api.harness;
    const log = createAuditLog({ store, vault, retentionDays: 400, now: () => new Date() });
    const odd = [
      'oidc:\ud800',
      'oidc:\udfff\u0000',
      '',
      `oidc:${'x'.repeat(2_000_000)}`,
      'oidc:\u202e😀',
    ];
    for (const actor of odd)
      await log.append({
        organisation: one.name,
        actor,
        action: 'sign-in',
        details: { by: actor },
      });
    expect(await one.verify()).toMatchObject({ intact: true, entries: odd.length, breaks: [] });
    expect(await one.audit()).toHaveLength(odd.length);
  });

  it('is reported as cut off to a caller that knows its end, also with a single page', async () => {
    const one = await withAccesses();
    expect(await one.verify(`?known=${one.known}`)).toMatchObject({ intact: true });
    expect(await one.verify('?after=2&limit=2')).toMatchObject({ entries: 2, next_after: 4 });
    await entries().deleteMany({ organisation: one.name, sequence: { $gt: 5 } });
    expect(await one.verify()).toMatchObject({ intact: true, entries: 5 });
    expect(await one.verify(`?known=${one.known}`)).toMatchObject({
      intact: false,
      breaks: [{ sequence: 6, kind: 'dropped' }],
    });
    const other = `5:${'x'.repeat(43)}`;
    expect((await one.verify(`?known=${other}`)).breaks).toMatchObject([{ sequence: 5 }]);
    for (const known of ['7', '0:x', `x${one.known}`])
      expectError(
        await one.ask('GET', `/api/admin/audit/verify?known=${known}`),
        400,
        'invalid_request',
      );
  });

  it('may begin later when the missing entries are past their retention', async () => {
    const one = await withAccesses();
    await entries().deleteMany({ organisation: one.name, sequence: { $lt: 5 } });
    await tokenAccesses().deleteMany({ organisation: one.name, sequence: { $lt: 3 } });
    const { store, vault } = api.harness;
    const later = (chain: AuditChain, days: number) =>
      verifyAudit(
        { store, vault, now: () => new Date(Date.now() + days * 24 * 3_600_000) },
        { organisation: one.name, chain, after: 0, limit: 100 },
      );
    const dropped = { breaks: [{ sequence: 1, kind: 'dropped' }] };
    expect(await later('actions', 399)).toMatchObject(dropped);
    expect(await later('actions', 401)).toMatchObject({ breaks: [], first: 5, entries: 2 });
    expect(await later('token-accesses', 29)).toMatchObject(dropped);
    expect(await later('token-accesses', 31)).toMatchObject({ breaks: [], first: 3, entries: 1 });
  });

  it('has its end in the log, outside the database', async () => {
    const one = await organisation();
    await one.patch('nothing', { label: 'x' });
    const [asked] = await one.audit();
    const head = `${asked.sequence}:${asked.hash}`;
    expect(api.logs.filter((line) => line.includes(`"audit_head":"${head}"`))).toHaveLength(1);
  });
});
