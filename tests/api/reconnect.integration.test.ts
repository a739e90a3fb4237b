/** PATCH with a new grant, and POST …/restore-grant: a grant is tried before it replaces the current one. */
import { randomBytes } from 'node:crypto';
import type { Rotation } from '../../src/sandbox/rotation';
import { eventually } from '../support/eventually';
import { type Api, expectError, startApi } from './_api';

let api: Api;
beforeAll(async () => {
  api = await startApi({ providers: ['ebay', 'etsy'] });
});
afterEach(() => api.harness.closeCircuits());
afterAll(() => api.stop());

const MINUTE_MS = 60_000;
const hour = { expiresInMs: 60 * MINUTE_MS, refreshedAgoMs: 0 };

const pathOf = (id: string) => `/api/admin/accounts/${id}`;
const show = async (id: string) => (await api.get(pathOf(id))).body;
const patch = (id: string, body: object) => api.patch(pathOf(id), body);
const refresh = (id: string, force = true) => api.post(`${pathOf(id)}/refresh`, { force });
const restore = (id: string) => api.post(`${pathOf(id)}/restore-grant`);
const served = async (id: string) => (await api.get(`/api/tokens/${id}`)).body;
const wrongToken = () => `v^1.1#wrong-${randomBytes(12).toString('hex')}`;
const requestsFor = (subject: string) =>
  api.sandbox.ledger.filter((entry) => entry.event === 'received' && entry.subject === subject)
    .length;

/** The tokens of a new consent of the same owner. */
function consent(rotation?: Rotation) {
  const subject = `again-${randomBytes(6).toString('hex')}`;
  const { refresh_token } = api.sandbox.issueGrant({
    provider: 'ebay',
    subject,
    ...(rotation === undefined ? {} : { rotation }),
  });
  return { subject, refresh_token };
}

describe('a wrong refresh token for a healthy account', () => {
  it('is refused with the provider’s reason, and the current grant is unchanged and still served', async () => {
    const { id, plain } = await api.addAccount(hour);
    const before = await show(id);
    const refresh_token = wrongToken();
    const answer = await patch(id, { refresh_token });
    expectError(answer, 422, 'grant_refused');
    expect(answer.body.error.message).toMatch(/keeps its current grant.*invalid_grant/);
    const after = await show(id);
    expect(after).toMatchObject({
      status: 'ok',
      last_error: null,
      failed_attempts: 0,
      candidate: null,
      replaced: null,
      last_reconnect: { outcome: 'refused', failure: { code: 'invalid_grant' } },
    });
    for (const member of ['generation', 'access_token_fingerprint', 'due_at', 'expires_at'])
      expect(after[member]).toEqual(before[member]);
    expect(await served(id)).toMatchObject({ active: true, access_token: plain.accessToken });
    expect(requestsFor(id)).toBe(0);
    const [entry] = await api.harness.entries(id);
    expect(entry).toMatchObject({
      id: after.last_reconnect.log_entry_id,
      error: { code: 'invalid_grant' },
      diagnostics: { submitted_grant: expect.any(String) },
      message: expect.stringMatching(/refused the new refresh token.*keeps its current grant/),
    });
  });

  it('does not prevent refreshes of the current grant', async () => {
    const { id } = await api.addAccount(hour);
    expectError(await patch(id, { refresh_token: wrongToken() }), 422, 'grant_refused');
    expect((await refresh(id)).body).toMatchObject({ outcome: 'refreshed', generation: 2 });
  });

  it('does not undo the other changes of the request', async () => {
    const { id } = await api.addAccount(hour);
    const answer = await patch(id, { refresh_token: wrongToken(), label: 'Renamed' });
    expectError(answer, 422, 'grant_refused');
    expect(await show(id)).toMatchObject({ label: 'Renamed', status: 'ok' });
  });
});

describe('a right refresh token', () => {
  it('replaces the current grant after the provider accepted it, and that grant is kept', async () => {
    const { id, refreshTokenFingerprint } = await added();
    const { subject, refresh_token } = consent();
    const answer = await patch(id, { refresh_token });
    expect(answer).toMatchObject({
      status: 200,
      body: {
        status: 'ok',
        generation: 2,
        candidate: null,
        last_reconnect: { outcome: 'accepted', failure: null },
        last_attempt: { outcome: 'refreshed', source: 'api' },
        replaced: { refresh_token_fingerprint: refreshTokenFingerprint },
      },
    });
    expect(requestsFor(subject)).toBe(1);
    expect(requestsFor(id)).toBe(0);
    expect(api.sandbox.isAccessTokenActive((await served(id)).access_token)).toBe(true);
  });

  it('repairs a broken account, and a wrong one does not', async () => {
    const account = await api.addAccount();
    api.sandbox.revoke(account.plain.refreshToken);
    await refresh(account.id);
    const broken = await show(account.id);
    expect(broken.status).toBe('needs_reconnect');
    expectError(await patch(account.id, { refresh_token: wrongToken() }), 422, 'grant_refused');
    expect(await show(account.id)).toMatchObject({
      status: 'needs_reconnect',
      status_reason: broken.status_reason,
      last_error: broken.last_error,
    });
    const answer = await patch(account.id, { refresh_token: consent().refresh_token });
    expect(answer).toMatchObject({
      status: 200,
      // The refresh token of this account is known to be invalid.
      body: { status: 'ok', status_reason: null, last_error: null, replaced: null },
    });
  });

  it('waits while the provider does not respond, and is retried automatically', async () => {
    const { id, plain } = await added();
    const { subject, refresh_token } = consent();
    api.sandbox.script({ subject, answer: { kind: 'unavailable' } });
    const answer = await patch(id, { refresh_token });
    expect(answer).toMatchObject({
      status: 202,
      body: {
        status: 'ok',
        generation: 1,
        last_error: null,
        candidate: {
          failed_attempts: 1,
          last_failure: { code: 'provider_unavailable', class: 'provider' },
        },
      },
    });
    expect(await served(id)).toMatchObject({ active: true, access_token: plain.accessToken });
    await eventually(async () => (await show(id)).generation === 2);
    expect(await show(id)).toMatchObject({
      candidate: null,
      last_reconnect: { outcome: 'accepted' },
    });
  });

  it('is refused while another grant is being tried, unless it is the same', async () => {
    const { id } = await added();
    const first = consent();
    let release = () => {};
    const until = new Promise<void>((resolve) => {
      release = resolve;
    });
    api.sandbox.script({
      subject: first.subject,
      answer: { kind: 'normal', delayMs: 10_000, until },
    });
    const patched = patch(id, { refresh_token: first.refresh_token });
    await eventually(() => requestsFor(first.subject) === 1);
    const same = patch(id, { refresh_token: first.refresh_token });
    expectError(await patch(id, { refresh_token: consent().refresh_token }), 409, 'conflict');
    release();
    expect([(await patched).status, (await same).status]).toEqual([200, 200]);
    expect(requestsFor(first.subject)).toBe(1);
  });

  it('is tried after a refresh of the current grant that is in progress, and both results count', async () => {
    const { id } = await added();
    const { subject, refresh_token } = consent();
    let release = () => {};
    const until = new Promise<void>((resolve) => {
      release = resolve;
    });
    api.sandbox.script({ subject: id, answer: { kind: 'normal', delayMs: 10_000, until } });
    const refreshed = refresh(id);
    await eventually(() => requestsFor(id) === 1);
    const patched = patch(id, { refresh_token });
    await eventually(async () => (await show(id)).candidate !== null);
    release();
    expect((await refreshed).body).toMatchObject({ outcome: 'refreshed', generation: 2 });
    expect(await patched).toMatchObject({ status: 200, body: { generation: 3, candidate: null } });
    expect([requestsFor(id), requestsFor(subject)]).toEqual([1, 1]);
  });

  it('that is refused after a lost response is reported as lost, not as wrong', async () => {
    const { id } = await api.addAccount({ ...hour, provider: 'etsy' });
    const subject = `${id}-again`;
    const { refresh_token } = api.sandbox.issueGrant({ provider: 'etsy', subject });
    api.sandbox.script({ subject, answer: { kind: 'drop', at: 'after_commit' } });
    await patch(id, { refresh_token });
    await eventually(async () => (await show(id)).last_reconnect !== null);
    const { last_reconnect, status } = await show(id);
    expect(status).toBe('ok');
    expect(last_reconnect).toMatchObject({
      outcome: 'refused',
      failure: {
        code: 'replay_refused',
        message: expect.stringMatching(/keeps its current grant\. The network lost the answer/),
      },
    });
  });

  it('is tried at once although a replay of the current grant is waiting', async () => {
    const { id } = await api.addAccount({ ...hour, provider: 'etsy' });
    api.sandbox.script({ subject: id, answer: { kind: 'drop', at: 'after_commit' } });
    // The refresh token is never replayed while the access token is valid, so the replay waits for most of an hour.
    expect((await refresh(id)).body.failure).toMatchObject({ code: 'answer_lost' });
    void refresh(id);
    const workflow = api.client.workflow.getHandle(`refresh-account/${id}`);
    await eventually(async () => {
      const { events } = await workflow.fetchHistory();
      const asked = events?.filter((event) => event.workflowExecutionUpdateAcceptedEventAttributes);
      return asked?.length === 2;
    });
    const { refresh_token } = api.sandbox.issueGrant({ provider: 'etsy', subject: `${id}-again` });
    expect(await patch(id, { refresh_token })).toMatchObject({
      status: 200,
      body: { candidate: null, last_reconnect: { outcome: 'accepted' } },
    });
  });

  it('that is the current one is refreshed, and nothing is replaced', async () => {
    const account = await api.addAccount(hour);
    const answer = await patch(account.id, { refresh_token: account.plain.refreshToken });
    expect(answer).toMatchObject({
      status: 200,
      body: { generation: 2, candidate: null, replaced: null, last_reconnect: null },
    });
  });

  it('that an earlier refresh used is refused without being sent', async () => {
    const account = await api.addAccount({ ...hour, provider: 'etsy' });
    await refresh(account.id);
    const answer = await patch(account.id, { refresh_token: account.plain.refreshToken });
    expectError(answer, 422, 'grant_refused');
    expect(answer.body.error.message).toContain('Nothing was sent');
    expect(requestsFor(account.id)).toBe(1);
    expect((await refresh(account.id)).body).toMatchObject({ outcome: 'refreshed' });
  });
});

describe('an account that cannot try a new grant', () => {
  it('in quarantine accepts it untried, and keeps the previous grant', async () => {
    const { id } = await added();
    await patch(id, { quarantine: true });
    const { subject, refresh_token } = consent();
    const answer = await patch(id, { refresh_token });
    expect(answer).toMatchObject({ status: 200, body: { generation: 2, candidate: null } });
    expect(answer.body.replaced).not.toBeNull();
    expect(requestsFor(subject)).toBe(0);
  });

  it('in quarantine keeps the working grant, however many untried grants replace it, and restores it untried', async () => {
    const { id, refreshTokenFingerprint } = await added();
    await patch(id, { quarantine: true });
    for (let n = 0; n < 2; n += 1) {
      const answer = await patch(id, { refresh_token: consent().refresh_token });
      expect(answer.body.replaced).toMatchObject({
        refresh_token_fingerprint: refreshTokenFingerprint,
      });
    }
    const restored = await restore(id);
    expect(restored).toMatchObject({
      status: 200,
      body: { refresh_token_fingerprint: refreshTokenFingerprint, candidate: null },
    });
  });

  it('refuses a new grant while it is disabled, unless the request enables it', async () => {
    const { id } = await added();
    await patch(id, { disabled: true });
    const { refresh_token } = consent();
    expectError(await patch(id, { refresh_token }), 409, 'conflict');
    expectError(await patch(id, { refresh_token, disabled: true }), 409, 'conflict');
    expect(await patch(id, { refresh_token, disabled: false })).toMatchObject({
      status: 200,
      body: { status: 'ok', generation: 2 },
    });
  });
});

describe('a replaced grant', () => {
  it('can be restored after it was tried, and its successor is kept', async () => {
    const { id, refreshTokenFingerprint } = await added();
    const reconnected = await patch(id, { refresh_token: consent().refresh_token });
    const answer = await restore(id);
    expect(answer).toMatchObject({
      status: 200,
      body: {
        generation: 3,
        refresh_token_fingerprint: refreshTokenFingerprint,
        candidate: null,
        replaced: {
          refresh_token_fingerprint: reconnected.body.refresh_token_fingerprint,
        },
      },
    });
    expect(requestsFor(id)).toBe(1);
  });

  it('that the provider no longer accepts is dropped, and the current grant stays', async () => {
    const account = await api.addAccount(hour);
    await patch(account.id, { refresh_token: consent().refresh_token });
    api.sandbox.revoke(account.plain.refreshToken);
    expectError(await restore(account.id), 422, 'grant_refused');
    expect(await show(account.id)).toMatchObject({ status: 'ok', generation: 2, replaced: null });
    expectError(await restore(account.id), 409, 'conflict');
  });

  it('cannot be restored if it is missing, in another organisation, or while the account is disabled', async () => {
    const { id } = await added();
    expectError(await restore(id), 409, 'conflict');
    await patch(id, { refresh_token: consent().refresh_token });
    const foreign = await api.key(['admin'], 'another');
    const path = `${pathOf(id)}/restore-grant`;
    expectError(await api.send('POST', path, { key: foreign }), 404, 'not_found');
    await patch(id, { disabled: true });
    expectError(await restore(id), 409, 'conflict');
  });
});

async function added() {
  const account = await api.addAccount(hour);
  const { refreshTokenFingerprint } = account.current;
  return { ...account, refreshTokenFingerprint };
}
