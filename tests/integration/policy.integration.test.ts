/** Policies of accounts and providers, and the expiry of refresh tokens, through real sweeps. */
import { ConfiguredProviders } from '../../src/providers/config/configured-providers';
import { applyPolicies } from '../../src/temporal/apply-policies';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

let h: Harness;
let key: string;
beforeAll(async () => {
  h = await startHarness({ worker: false });
  await startUpSweepOf(() => h.startWorker());
  key = await h.key({ scopes: ['admin', 'internal'] });
});
afterAll(() => h.stop());

/** Waits for the sweep that a starting worker triggers, so that none interferes. */
async function startUpSweepOf(start: () => Promise<unknown>): Promise<void> {
  const swept = () => h.logs.filter((line) => line.includes('"sweep finished"')).length;
  const before = swept();
  await start();
  await eventually(() => swept() > before);
}

const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();
const show = async (id: string) => (await h.request(key, 'GET', `/api/admin/accounts/${id}`)).body;
const patch = (id: string, body: object) =>
  h.request(key, 'PATCH', `/api/admin/accounts/${id}`, body);

/** Connects an account that is not due for another hour. */
async function connect(members: object = {}): Promise<string> {
  const grant = h.sandbox.issueGrant({ provider: 'ebay', subject: `s-${Math.random()}` });
  const { status, body } = await h.request(key, 'POST', '/api/admin/accounts', {
    provider: 'ebay',
    external_id: `shop-${Math.random()}`,
    refresh_token: grant.refresh_token,
    access_token: grant.access_token,
    expires_at: inMs(60 * MINUTE),
    ...members,
  });
  expect(status).toBe(201);
  return body.id;
}

async function sweep(): Promise<any> {
  const { body } = await h.request(key, 'POST', '/api/admin/internal/refresh-tokens');
  return h.client.workflow.getHandle(body.started[0].workflow_id).result();
}

const warnings = async (id: string) =>
  (await h.entries(id)).filter(({ action }) => action === 'refresh_token_expiring');

describe('the policy of one account', () => {
  it('makes the account due earlier than its provider does, is shown as given, and can be removed', async () => {
    const id = await connect();
    expect(await show(id)).toMatchObject({ policy: null, due: { due: false, reason: 'fresh' } });
    const policy = { refresh_before: '90m', jitter: 'none', back_off_max: '2h' };
    expect((await patch(id, { policy })).body).toMatchObject({
      policy,
      status: 'expiring_soon',
      due: { due: true, reason: 'access_token_expires' },
    });
    await sweep();
    expect(await show(id)).toMatchObject({ generation: 2, due: { due: false } });
    expect((await patch(id, { policy: null })).body).toMatchObject({ policy: null, status: 'ok' });
  });

  it('excludes the account from sweeps, but not from manual refreshes', async () => {
    const id = await connect({ expires_at: inMs(MINUTE), policy: { enabled: false } });
    await sweep();
    expect(await show(id)).toMatchObject({
      generation: 1,
      due: { due: false, reason: 'not_enabled' },
      due_at: null,
    });
    const forced = await h.request(key, 'POST', `/api/admin/accounts/${id}/refresh`, {
      force: true,
    });
    expect(forced.body).toMatchObject({ outcome: 'refreshed', generation: 2 });
  });

  it.each([
    [{ sweep_every: '5m' }, /policy/],
    [
      { refresh_before: 'soon' },
      /policy\.refresh_before: must be a duration such as 90s, 10m or 1h/,
    ],
    [{ enabled: 'no' }, /policy\.enabled/],
  ])('is refused with an explanation: %j', async (policy, message) => {
    const answer = await patch(await connect(), { policy });
    expect(answer.status).toBe(400);
    expect(answer.body.error.message).toMatch(message);
  });
});

describe('a changed policy of a provider', () => {
  it('applies to existing accounts as soon as a worker has started with it', async () => {
    const id = await connect();
    const [ebay] = h.config.providers;
    if (ebay === undefined) throw new Error('the harness has a provider');
    const policy = { ...ebay.policy, refreshBeforeMs: 50 * MINUTE, refreshAfterAgeMs: null };
    const config = { ...h.config, providers: [{ ...ebay, policy }] };
    const providers = new ConfiguredProviders(config.providers);
    const store = await h.openStore({ rules: providers.rule });
    const before = await show(id);
    await h.stopWorkers();
    await applyPolicies({
      client: h.client,
      store,
      taskQueue: config.temporal.taskQueue,
      providers,
      log: () => undefined,
    });
    await startUpSweepOf(() => h.startWorker({ config, store }));
    await eventually(async () => (await show(id)).due_at !== before.due_at);
    expect(Date.parse((await show(id)).due_at)).toBe(Date.parse(before.expires_at) - 50 * MINUTE);
    await eventually(
      async () => (await store.settings.appliedPolicy('ebay')) === providers.policyText('ebay'),
    );
    await h.stopWorkers();
    await store.close();
    await startUpSweepOf(() => h.startWorker());
    await eventually(async () => (await show(id)).due_at === before.due_at);
  });
});

describe('the expiry of a refresh token', () => {
  it('causes a warning 30, 14, 7 and 1 days ahead, each once, in the terminal and in the summary', async () => {
    const far = await connect({ refresh_token_expires_at: inMs(31 * DAY) });
    const near = await connect({ refresh_token_expires_at: inMs(6.5 * DAY) });
    const summary = await sweep();
    expect(summary.refresh_tokens_expiring).toBe(1);
    expect(await warnings(far)).toEqual([]);
    expect(await warnings(near)).toMatchObject([
      {
        action: 'refresh_token_expiring',
        source: 'scheduled',
        request: null,
        response: null,
        message: expect.stringMatching(
          /expires at .+, in less than 7 days\. Ask the owner to reconnect/,
        ),
      },
    ]);
    expect((await sweep()).refresh_tokens_expiring).toBe(0);
    expect(await warnings(near)).toHaveLength(1);
  });

  it('causes another warning only as it comes closer, even after refreshes that keep the refresh token', async () => {
    const id = await connect({ refresh_token_expires_at: inMs(13 * DAY) });
    await sweep();
    await h.request(key, 'POST', `/api/admin/accounts/${id}/refresh`, { force: true });
    expect((await h.account(id)).refreshTokenWarnedDays).toBe(14);
    const due = (days: number) =>
      h.store.refreshTokenWarnings.due({
        provider: 'ebay',
        environment: null,
        now: new Date(Date.now() + days * DAY),
        limit: 100,
      });
    const ids = async (days: number) => (await due(days)).map((account) => account.id);
    expect(await ids(5.9)).not.toContain(id);
    expect(await ids(6.1)).toContain(id);
  });

  it('causes new warnings after a reconnect', async () => {
    const id = await connect({ refresh_token_expires_at: inMs(6 * DAY) });
    await sweep();
    const grant = h.sandbox.issueGrant({ provider: 'ebay', subject: `s-${Math.random()}` });
    await patch(id, {
      refresh_token: grant.refresh_token,
      refresh_token_expires_at: inMs(0.5 * DAY),
    });
    await sweep();
    const messages = (await warnings(id)).map(({ message }) => message);
    expect(messages).toHaveLength(2);
    expect(messages.some((message) => /in less than a day\./.test(message))).toBe(true);
  });
});

it('R0.2 a sweep that is requested during another one refreshes the accounts that became due meanwhile', async () => {
  await h.stopWorkers();
  const first = await h.request(key, 'POST', '/api/admin/internal/refresh-tokens');
  const again = await h.request(key, 'POST', '/api/admin/internal/refresh-tokens');
  expect(again.body).toEqual(first.body);
  const late = await connect({ expires_at: inMs(MINUTE) });
  await h.startWorker();
  await h.client.workflow.getHandle(first.body.started[0].workflow_id).result();
  expect((await h.account(late)).generation).toBe(2);
});
