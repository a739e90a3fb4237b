/** Disconnecting an account: the results per token, retries, crashes, a refresh in flight, and what is left in MongoDB. */
import mongoose, { type Connection } from 'mongoose';
import type { ScriptedAnswer } from '../../src/sandbox/scripted-answer';
import { eventually } from '../support/eventually';
import { type Harness, type NewAccount, startHarness } from '../support/harness';

let h: Harness;
let key: string;
let database: Connection;
beforeAll(async () => {
  h = await startHarness({ providers: ['google', 'ebay'] });
  key = await h.key();
  database = await mongoose.createConnection(h.mongodbUri).asPromise();
});
afterAll(async () => {
  await database?.close();
  await h?.stop();
});
afterEach(() => jest.restoreAllMocks());

const accounts = () => database.collection<{ _id: string }>('accounts');
const pathOf = (id: string) => `/api/admin/accounts/${id}/disconnect`;
const google = (account: NewAccount = {}) => h.addAccount({ provider: 'google', ...account });
const disconnect = (id: string) => h.request(key, 'POST', pathOf(id));
const show = async (id: string) => (await h.request(key, 'GET', pathOf(id))).body;
const script = (subject: string, answer: ScriptedAnswer, times = 1) =>
  h.sandbox.script({ subject, request: 'revocation', times, answer });
const withdrawn = (id: string) =>
  h.sandbox.ledger.filter(({ event, subject }) => event === 'withdrawn' && subject === id);

/** Waits for the end of a disconnection. */
async function ended(id: string) {
  await h.client.workflow.getHandle(`disconnect/${id}`).result();
  return show(id);
}

const resultsOf = (body: { tokens: { grant: string; kind: string; result: string | null }[] }) =>
  body.tokens.map(({ grant, kind, result }) => [grant, kind, result]);

async function expectNoTokens(id: string): Promise<void> {
  expect(JSON.stringify(await accounts().findOne({ _id: id }))).not.toContain('ENC:');
}

describe('a disconnection', () => {
  it('C40 revokes both tokens, deletes them, and keeps the account with its history', async () => {
    const { id, label, plain } = await google({ expiresInMs: 3_600_000, refreshedAgoMs: 0 });
    expect(await show(id)).toMatchObject({
      status: 'connected',
      tokens: [],
      revocation: {
        supported: true,
        effect: expect.stringContaining('other accounts of the same person'),
        takes_along: { other_grants: { answer: 'yes', source: expect.stringContaining('https:') } },
      },
    });
    const begun = await disconnect(id);
    expect(begun.status).toBe(202);
    expect(['revoking', 'disconnected']).toContain(begun.body.status);
    const body = await ended(id);
    expect(body).toMatchObject({ status: 'disconnected', attempts: 1, next_attempt_at: null });
    expect(resultsOf(body)).toEqual([
      ['current', 'refresh_token', 'revoked'],
      ['current', 'access_token', 'revoked'],
    ]);
    expect(h.sandbox.isAccessTokenActive(plain.accessToken)).toBe(false);
    await expectNoTokens(id);
    const { body: account } = await h.request(key, 'GET', `/api/admin/accounts/${id}`);
    expect(account).toMatchObject({ label, status: 'disconnected', due_at: null });
    const actions = (await h.entries(id)).map(({ action }) => action);
    expect(actions).toEqual(['account_disconnected', 'disconnect_started']);
    const event = await eventually(async () => {
      const query = { organisation: account.organisation, limit: 50 };
      const events = await h.store.events.list(query);
      return events.find(({ type }) => type === 'account.disconnected') ?? false;
    });
    expect(event).toMatchObject({
      data: { account_id: id, refresh_token_result: 'revoked', access_token_result: 'revoked' },
    });
    const tokens = await h.key({ scopes: ['tokens'] });
    expect(await h.request(tokens, 'GET', `/api/tokens/${id}`)).toMatchObject({
      body: { active: false, reason: 'disconnected' },
    });
    expect(await h.request(key, 'POST', `/api/admin/accounts/${id}/refresh`, {})).toMatchObject({
      status: 409,
    });
    // A repeated request starts nothing.
    expect(await disconnect(id)).toMatchObject({ status: 202, body: { attempts: 1 } });
    expect(withdrawn(id)).toHaveLength(2);
  });

  it('C41 reports a refusal of the provider, and deletes the tokens', async () => {
    const { id } = await google();
    const refusal = { error: 'invalid_client' };
    script(id, { kind: 'respond', status: 401, body: JSON.stringify(refusal) }, 2);
    await disconnect(id);
    expect(resultsOf(await ended(id)).map(([, , result]) => result)).toEqual([
      'refused',
      'refused',
    ]);
    await expectNoTokens(id);
  });

  it('C41 reports a provider that cannot revoke, and sends nothing', async () => {
    const { id } = await h.addAccount();
    expect((await show(id)).revocation).toMatchObject({ supported: false, takes_along: null });
    await disconnect(id);
    expect(resultsOf(await ended(id)).map(([, , result]) => result)).toEqual([
      'not_supported',
      'not_supported',
    ]);
    await expectNoTokens(id);
    expect(withdrawn(id)).toEqual([]);
  });

  it('C42 retries after a 503, answers a second request with the running one, and refuses a reconnect meanwhile', async () => {
    const { id } = await google();
    script(id, { kind: 'unavailable' });
    const first = await disconnect(id);
    const waiting = await eventually(async () => {
      const body = await show(id);
      return body.next_attempt_at === null ? false : body;
    });
    expect(waiting).toMatchObject({ status: 'revoking', attempts: 1 });
    expect(resultsOf(waiting)).toEqual([
      ['current', 'refresh_token', null],
      ['current', 'access_token', 'revoked'],
    ]);
    const second = await disconnect(id);
    expect(second).toMatchObject({ status: 202, body: { started_at: first.body.started_at } });
    const path = `/api/admin/accounts/${id}`;
    expect(await h.request(key, 'POST', `${path}/reconnect`, {})).toMatchObject({ status: 409 });
    expect(await h.request(key, 'PATCH', path, { disabled: false })).toMatchObject({
      status: 409,
    });
    const body = await ended(id);
    expect(body).toMatchObject({ status: 'disconnected', attempts: 2 });
    expect(resultsOf(body).map(([, , result]) => result)).toEqual(['revoked', 'revoked']);
  });

  it('C42 gives up after a day, and then deletes the tokens', async () => {
    const { id } = await google();
    script(id, { kind: 'unavailable' }, Infinity);
    await disconnect(id);
    await eventually(async () => (await show(id)).next_attempt_at !== null);
    const yesterday = new Date(Date.now() - 24 * 3600_000);
    await accounts().updateOne(
      { _id: id },
      { $set: { 'disconnection.started_at': yesterday } as object },
    );
    const body = await ended(id);
    expect(resultsOf(body).map(([, , result]) => result)).toEqual(['unknown', 'unknown']);
    await expectNoTokens(id);
  });

  it.each(['before', 'after'] as const)(
    'C43 deletes the tokens if the worker is lost %s the write that deletes them',
    async (when) => {
      const { id } = await google();
      const finish = h.store.disconnections.finish.bind(h.store.disconnections);
      jest.spyOn(h.store.disconnections, 'finish').mockImplementationOnce(async (...given) => {
        if (when === 'after') await finish(...given);
        throw new Error('the worker is lost');
      });
      await disconnect(id);
      expect(await ended(id)).toMatchObject({ status: 'disconnected', attempts: 1 });
      await expectNoTokens(id);
      expect(withdrawn(id)).toHaveLength(2);
      const actions = (await h.entries(id)).map(({ action }) => action);
      expect(actions.filter((action) => action === 'account_disconnected')).toHaveLength(1);
    },
  );

  it('C44 revokes the grant of a refresh in flight, which loses by the fence', async () => {
    const { id } = await google();
    h.sandbox.script({ subject: id, answer: { kind: 'normal', delayMs: 2_000 } });
    const refreshed = h.request(key, 'POST', `/api/admin/accounts/${id}/refresh`, { force: true });
    await eventually(() =>
      h.sandbox.ledger.some(({ event, subject }) => event === 'committed' && subject === id),
    );
    expect((await disconnect(id)).body).toMatchObject({ status: 'revoking', attempts: 0 });
    await refreshed;
    const body = await ended(id);
    expect(resultsOf(body)).toContainEqual(['orphaned', 'access_token', 'revoked']);
    expect(resultsOf(body).every(([, , result]) => result === 'revoked')).toBe(true);
    await expectNoTokens(id);
    expect((await h.account(id)).state).toBe('disconnected');
  });

  it('C44 revokes candidate and fallback tokens, too', async () => {
    const { id } = await google();
    const path = `/api/admin/accounts/${id}`;
    const candidate = h.sandbox.issueGrant({ provider: 'google', subject: `${id}-new` });
    const drop: ScriptedAnswer = { kind: 'drop', at: 'before_commit' };
    h.sandbox.script({ subject: `${id}-new`, times: Infinity, answer: drop });
    const { status } = await h.request(key, 'PATCH', path, {
      refresh_token: candidate.refresh_token,
      fallback_access_token: candidate.access_token,
    });
    expect(status).toBe(202);
    await disconnect(id);
    const body = await ended(id);
    expect(resultsOf(body)).toContainEqual(['candidate', 'refresh_token', 'revoked']);
    expect(resultsOf(body)).toContainEqual(['fallback', 'access_token', 'revoked']);
    await expectNoTokens(id);
    expect(h.sandbox.isAccessTokenActive(candidate.access_token)).toBe(false);
  });

  it('C45 ends the links made before it, and a new grant brings the account back', async () => {
    const { id } = await google();
    const link = await h.request(key, 'POST', `/api/admin/accounts/${id}/reconnect`, {});
    expect(link.status).toBe(201);
    await disconnect(id);
    await ended(id);
    const session = `/api/admin/connect/sessions/${link.body.id}`;
    expect((await h.request(key, 'GET', session)).body).toMatchObject({ status: 'revoked' });
    expect(await h.request(key, 'POST', `/api/admin/accounts/${id}/reconnect`, {})).toMatchObject({
      status: 201,
    });
    const grant = h.sandbox.issueGrant({ provider: 'google', subject: id });
    const path = `/api/admin/accounts/${id}`;
    const { refresh_token } = grant;
    expect(await h.request(key, 'PATCH', path, { refresh_token })).toMatchObject({
      status: 200,
      body: { status: 'expired', replaced: null },
    });
    expect(await h.request(key, 'POST', `${path}/refresh`, {})).toMatchObject({
      body: { outcome: 'refreshed' },
    });
    expect(await show(id)).toMatchObject({ status: 'connected', tokens: [] });
  });

  it('is refused in quarantine, and to another organisation', async () => {
    const { id } = await google();
    await h.request(key, 'PATCH', `/api/admin/accounts/${id}`, { quarantine: true });
    expect(await disconnect(id)).toMatchObject({ status: 409 });
    const other = await h.key({ organisation: 'another' });
    for (const method of ['GET', 'POST'])
      expect(await h.request(other, method, pathOf(id))).toMatchObject({ status: 404 });
    expect((await h.account(id)).state).toBe('active');
  });
});
