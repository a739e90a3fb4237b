/** The sessions of an organisation: an administrator lists them and ends them. */
import { randomBytes } from 'node:crypto';
import mongoose from 'mongoose';
import { sessionRecord } from '../store/_session-record';
import { type Answer, type Api, expectError, startApi } from './_api';
import { secretIssuer } from './_jwt';

const issuer = secretIssuer();
let api: Api;
beforeAll(async () => {
  api = await startApi({ worker: false, jwt: issuer.config });
});
afterAll(() => api.stop());

const FORM = {
  'content-type': 'application/x-www-form-urlencoded',
  'sec-fetch-site': 'same-origin',
};

/** An organisation with an administrator and signed-in people. */
async function organisation() {
  const name = `org-${randomBytes(4).toString('hex')}`;
  const key = await api.key(['admin'], name);
  const ask = (method: string, path: string, body?: unknown): Promise<Answer> =>
    api.send(method, path, { key, body });
  return {
    name,
    key,
    ask,
    sessions: async (query = ''): Promise<any[]> =>
      (await ask('GET', `/api/admin/sessions${query}`)).body.items,
    /** The cookie of a person who signed in with a key, or with a JWT of this subject. */
    async signIn(sub?: string): Promise<string> {
      const presented =
        sub === undefined ? key : await issuer.sign({ sub, organisation: name, scope: 'read' });
      const text = new URLSearchParams({ key: presented }).toString();
      const answer = await api.send('POST', '/sign-in', { key: null, headers: FORM, text });
      return answer.headers.get('set-cookie')?.split(';', 1)[0] ?? '';
    },
  };
}

const page = (cookie: string) =>
  api.send('GET', '/admin/accounts', { key: null, headers: { cookie } });
const isSignedIn = async (cookie: string) => (await page(cookie)).status === 200;

it('shows the actor, the credential and the times of each session, and no secret', async () => {
  const one = await organisation();
  const cookie = await one.signIn('alma');
  const before = Date.now();
  const [session] = await one.sessions();
  expect(session).toEqual({
    id: cookie.slice('evergrant_session='.length, -44),
    actor: 'jwt:alma',
    by: 'jwt',
    scopes: ['read'],
    created_at: expect.any(String),
    seen_at: session.created_at,
    expires_at: expect.any(String),
  });
  // The expiry of the JWT.
  expect(Date.parse(session.expires_at)).toBeLessThanOrEqual(before + 61_000);
  expect(JSON.stringify(session)).not.toContain(cookie.slice(-43));
});

it('ends one session at once, in every process', async () => {
  const one = await organisation();
  const [first, second] = [await one.signIn(), await one.signIn()];
  const other = api.with({});
  const asOther = async (cookie: string) =>
    (await other('GET', '/admin/accounts', { key: null, headers: { cookie } })).status;
  expect(await asOther(first)).toBe(200);
  const id = first.slice('evergrant_session='.length, -44);
  expect((await one.ask('DELETE', `/api/admin/sessions/${id}`)).status).toBe(204);
  expect(await asOther(first)).toBe(303);
  expect([await isSignedIn(first), await isSignedIn(second)]).toEqual([false, true]);
  expectError(await one.ask('DELETE', `/api/admin/sessions/${id}`), 404, 'not_found');
});

it('ends all sessions of one person and no other, and the audit names the person', async () => {
  const one = await organisation();
  const alma = [await one.signIn('alma'), await one.signIn('alma')];
  const otto = await one.signIn('otto');
  const elsewhere = await (await organisation()).signIn('alma');
  const answer = await one.ask('POST', '/api/admin/sessions/end', { actor: 'jwt:alma' });
  expect({ status: answer.status, body: answer.body }).toEqual({ status: 200, body: { ended: 2 } });
  for (const cookie of alma) expect(await isSignedIn(cookie)).toBe(false);
  for (const cookie of [otto, elsewhere]) expect(await isSignedIn(cookie)).toBe(true);
  const { body } = await one.ask('GET', '/api/admin/audit?limit=2');
  expect(body.items[1]).toMatchObject({
    action: 'POST /api/admin/sessions/end',
    details: { phase: 'asked', actor: 'jwt:alma' },
  });
});

it('names the session in the audit of a sign-in and of a sign-out', async () => {
  const one = await organisation();
  const cookie = await one.signIn();
  const [{ id }] = await one.sessions();
  await api.send('POST', '/sign-out', { key: null, headers: { ...FORM, cookie } });
  expect(await one.sessions()).toEqual([]);
  expect(await isSignedIn(cookie)).toBe(false);
  const { body } = await one.ask('GET', '/api/admin/audit');
  expect(body.items).toMatchObject([
    { action: 'sign-out', details: { session: id } },
    { action: 'sign-in', details: { by: 'key', session: id, address: 'unknown' } },
  ]);
});

it('ends the sessions of a revoked key', async () => {
  const one = await organisation();
  const cookie = await one.signIn();
  const [session] = await one.sessions();
  expect((await one.ask('DELETE', `/api/admin/keys/${session.actor}`)).status).toBe(204);
  expect(await isSignedIn(cookie)).toBe(false);
  expect(await api.store.sessionRecords.find(session.id)).toBeNull();
});

it('shows no session that has expired', async () => {
  const one = await organisation();
  const expired = sessionRecord({
    organisation: one.name,
    createdAt: new Date(Date.now() - 2 * 3_600_000),
  });
  await api.store.sessionRecords.create(expired);
  expect(await one.sessions()).toEqual([]);
});

it('skips rows that Evergrant did not write, and lists the sessions after them', async () => {
  const one = await organisation();
  const began = Date.now();
  const genuine = sessionRecord({ organisation: one.name, createdAt: new Date(began) });
  await api.store.sessionRecords.create(genuine);
  const database = await mongoose.createConnection(api.harness.mongodbUri).asPromise();
  const rows = database.collection<any>('sessions');
  const row = await rows.findOne({ _id: genuine.id });
  const copy = (at: number, members: object) => ({
    ...row,
    created_at: new Date(began + at),
    ...members,
  });
  const { scopes: _, ...bare } = copy(1_000, { _id: `bare-${genuine.id}` });
  await rows.insertMany([
    bare,
    copy(1_001, { _id: { made: genuine.id } }),
    ...Array.from({ length: 150 }, (_unused, at) => copy(1 + at, { _id: `${at}-${genuine.id}` })),
    copy(0, { _id: `text-${genuine.id}`, created_at: 'now' }),
  ]);
  await database.close();
  for (const query of ['', '?limit=1']) {
    const { status, body } = await one.ask('GET', `/api/admin/sessions${query}`);
    expect({ status, ids: body.items?.map(({ id }: { id: string }) => id) }).toEqual({
      status: 200,
      ids: [genuine.id],
    });
    expect(body.next_cursor).toBeNull();
  }
});

it('lists the sessions page by page, newest first, also of one actor', async () => {
  const one = await organisation();
  const began = Date.now();
  const records = [0, 1, 2, 3, 4].map((at) =>
    sessionRecord({
      organisation: one.name,
      actor: at % 2 === 0 ? 'even' : 'odd',
      // Sessions of the same moment are ordered by their ids.
      createdAt: new Date(began + Math.floor(at / 2)),
    }),
  );
  for (const record of records) await api.store.sessionRecords.create(record);
  const seen: string[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const { body }: Answer = await one.ask('GET', `/api/admin/sessions?limit=2${cursor}`);
    seen.push(...body.items.map(({ id }: { id: string }) => id));
    cursor = body.next_cursor === null ? null : `&before=${body.next_cursor}`;
  }
  const expected = records
    .toSorted((a, b) => b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : -1))
    .map(({ id }) => id);
  expect(seen).toEqual(expected);
  expect(await one.sessions('?actor=odd')).toHaveLength(2);
  for (const before of ['x', Buffer.from('["x","y"]').toString('base64url')])
    expectError(
      await one.ask('GET', `/api/admin/sessions?before=${before}`),
      400,
      'invalid_request',
    );
});
