/**
 * Incidents, limits, an outage and throttling of an OAuth app. Two workers with separate stores share every limiter,
 * and the sandbox's ledger shows what was really sent.
 */
import type { LedgerEntry } from '../../src/sandbox/ledger';
import type { Store } from '../../src/store/store';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';
import { overLimit } from '../support/pace';
import { startUpSweepsEnd } from '../support/sweeps';

/** Due accounts of the app whose secret is rolled; `DUE_ACCOUNTS=1000` takes minutes. */
const ACCOUNTS = Number(process.env['DUE_ACCOUNTS'] ?? 50);
/** Half a minute in production. */
const PROBE_MS = 2_000;
const PER_SECOND = 8;
const OUTAGE_ACCOUNTS = 100;
const MINUTE = 60_000;
const LONG_MS = ACCOUNTS > 50 ? 900_000 : 120_000;

let h: Harness;
let key: string;
let other: Store;
beforeAll(async () => {
  const ebay = { adapter: 'ebay', dialect: 'ebay', refreshAfterAge: 'never' } as const;
  h = await startHarness({
    worker: false,
    limits: { probeEveryMs: PROBE_MS },
    providers: {
      secret: ebay,
      limited: { ...ebay, rate: `${PER_SECOND}/s` },
      counted: { ...ebay, quota: '20/day', reserve: '25%' },
      outage: ebay,
      throttled: ebay,
      poison: ebay,
    },
  });
  key = await h.key({ scopes: ['admin', 'internal', 'operator', 'tokens'] });
  await h.startWorker();
  await startUpSweepsEnd(h, LONG_MS);
  other = await h.openStore();
  await h.startWorker({ config: h.config, store: other });
  await startUpSweepsEnd(h, LONG_MS, 2);
}, LONG_MS);
afterAll(async () => {
  await h?.stop();
  await other?.close();
});

let endOutage = () => undefined as void;
afterEach(() => {
  endOutage();
  h.sandbox.setClientSecret(h.clientSecret);
});

/** Proven accounts, because others give no evidence of an incident. */
const add = (provider: string, expiresInMs = MINUTE) =>
  h.addAccount({ provider, dialect: 'ebay', expiresInMs, proven: true });

async function addMany(provider: string, count: number, expiresInMs?: number) {
  const accounts = [];
  for (let n = 0; n < count; n += 1)
    accounts.push(await add(provider, expiresInMs ?? (5 + ((n * 7) % count) / 100) * MINUTE));
  return accounts;
}

/** Requests that the provider received since a place in its ledger. */
function received(since: number): LedgerEntry[] {
  return h.sandbox.ledger.slice(since).filter(({ event }) => event === 'received');
}

async function sweep(provider: string): Promise<any> {
  const { body } = await h.request(key, 'POST', '/api/admin/internal/refresh-tokens', { provider });
  const [{ workflow_id: workflowId, run_id: runId }] = body.started;
  return h.client.workflow.getHandle(workflowId, runId).result();
}

async function limiterOf(provider: string): Promise<any> {
  const { body } = await h.request(key, 'GET', '/api/admin/status');
  return body.apps.find((limiter: any) => limiter.provider === provider);
}

const events = async (provider: string) =>
  (await h.store.logEntries.list({ organisation: 'default', provider, limit: 5_000 }))
    .filter(({ account_id }) => account_id === null)
    .map(({ action }) => action)
    .filter((action) => action !== 'worker_heartbeat')
    .toReversed();

/** Webhook events of the provider's incidents, each with the incident's start. */
async function told(provider: string) {
  const raised = await h.store.events.list({ organisation: 'default', limit: 200 });
  return raised
    .flatMap(({ type, data }) =>
      'since' in data && data.provider === provider ? [{ type, ...data }] : [],
    )
    .toReversed();
}

const generations = async (provider: string) =>
  (await h.store.accounts.list({ organisation: 'default', provider, limit: 5_000 })).map(
    ({ generation }) => generation,
  );

/** Expects a few requests until the circuit opens, and then single probes with a pause before each. */
function expectProbes(requests: readonly LedgerEntry[], atFirst: number): void {
  const pauses = requests.slice(1).map(({ at }, index) => at - (requests[index]?.at ?? 0));
  const probes = pauses.findLastIndex((pause) => pause < PROBE_MS - 750) + 2;
  expect(probes).toBeLessThanOrEqual(atFirst);
  expect(requests.length).toBeGreaterThan(probes);
}

it(
  `a replaced client secret with ${ACCOUNTS} accounts costs only single probes, marks no account, and the app recovers without an operator`,
  async () => {
    const due = await addMany('secret', ACCOUNTS);
    const since = h.sandbox.ledger.length;
    h.sandbox.setClientSecret('rolled-by-somebody');
    // This sweep counts the accounts listed when the circuit opened; the next one counts all.
    expect(await sweep('secret')).toMatchObject({ refreshed: 0, needs_reconnect: 0 });
    expect(await limiterOf('secret')).toMatchObject({
      state: 'open',
      cause: 'credentials',
      reason: { code: 'invalid_client' },
    });

    // Meanwhile callers get the failure or the valid token at once, and nothing is sent to the provider.
    const [one] = due;
    const path = `/api/admin/accounts/${one?.id}/refresh`;
    for (let n = 0; n < 5; n += 1) {
      const { body } = await h.request(key, 'POST', path, { force: true });
      expect(body.failure).toMatchObject({ code: 'invalid_client' });
      const token = await h.request(key, 'GET', `/api/tokens/${one?.id}?min_valid_seconds=3600`);
      expect(token.body).toMatchObject({ active: true, access_token: one?.plain.accessToken });
    }
    expect(await sweep('secret')).toMatchObject({
      due: ACCOUNTS,
      deferred: ACCOUNTS,
      refreshed: 0,
    });
    const sent = received(since).length;
    await eventually(() => received(since).length >= sent + 3);
    expectProbes(received(since), 5);
    for (const { id } of due.slice(0, 20))
      expect(await h.account(id)).toMatchObject({
        state: 'active',
        failedAttempts: 0,
        nextAttemptAt: null,
        lastError: null,
      });
    expect(await events('secret')).toEqual(['app_incident']);

    h.sandbox.setClientSecret(h.clientSecret);
    await eventually(
      async () =>
        (await generations('secret')).filter((generation) => generation > 1).length >= ACCOUNTS,
      LONG_MS,
    );
    expect(await limiterOf('secret')).toMatchObject({ state: 'closed', reason: null });
    expect(await events('secret')).toEqual(['app_incident', 'app_recovered']);
    const [incident, ...later] = await told('secret');
    expect(incident).toMatchObject({ type: 'app.incident', reason: 'invalid_client' });
    expect(later).toMatchObject([{ type: 'app.recovered', since: incident?.since }]);
    const all = await h.store.accounts.list({ organisation: 'default', limit: 5_000 });
    expect(all.filter(({ state }) => state !== 'active')).toEqual([]);
  },
  LONG_MS,
);

it(
  'two workers share a limit per second and together stay below it',
  async () => {
    const count = PER_SECOND * 4;
    await addMany('limited', count);
    const since = h.sandbox.ledger.length;
    expect(await sweep('limited')).toMatchObject({ due: count, refreshed: count, deferred: 0 });
    const times = received(since).map(({ at }) => at);
    expect(times).toHaveLength(count);
    expect(overLimit(times, PER_SECOND)).toEqual([]);
  },
  LONG_MS,
);

it(
  'sweeps stop at the quota less its reserve, and token requests continue',
  async () => {
    const accounts = await addMany('counted', 24);
    const since = h.sandbox.ledger.length;
    expect(await sweep('counted')).toMatchObject({
      due: 24,
      refreshed: 15,
      deferred: 9,
      failed: 0,
    });
    const sent = new Set(received(since).map(({ subject }) => subject));
    expect(sent.size).toBe(15);
    expect(await limiterOf('counted')).toMatchObject({
      used_today: 15,
      quota: 20,
      forecast_per_day: expect.any(Number),
      warning: expect.stringMatching(/some accounts will not be refreshed in time/),
    });

    const left = accounts.filter(({ id }) => !sent.has(id));
    const asked = [];
    for (const { id } of left.slice(0, 6))
      asked.push((await h.request(key, 'POST', `/api/admin/accounts/${id}/refresh`, {})).body);
    expect(asked.map(({ outcome }) => outcome)).toEqual([...Array(5).fill('refreshed'), 'skipped']);
    expect(asked[5]).toMatchObject({ reason: 'quota_exhausted', log_entry_id: null });
    expect(await h.account(left[5]?.id ?? '')).toMatchObject({ claim: null, failedAttempts: 0 });
    expect(received(since)).toHaveLength(20);
  },
  LONG_MS,
);

it(
  'F10 F22 an outage opens the circuit within ten requests, one account at a time probes it, and after it the soonest expiry is refreshed first',
  async () => {
    // More than a sweep starts at once, because those may come in any order.
    const accounts = await addMany('outage', OUTAGE_ACCOUNTS);
    const since = h.sandbox.ledger.length;
    endOutage = h.sandbox.script({ times: Infinity, answer: { kind: 'unavailable' } });
    expect(await sweep('outage')).toMatchObject({
      due: OUTAGE_ACCOUNTS,
      refreshed: 0,
      needs_reconnect: 0,
    });
    expect(await limiterOf('outage')).toMatchObject({ state: 'open', cause: 'outage' });
    const sent = received(since).length;
    await eventually(() => received(since).length >= sent + 2);
    expectProbes(received(since), 10);
    expect(await events('outage')).toEqual(['provider_outage']);

    endOutage();
    const back = h.sandbox.ledger.length;
    const all = async () =>
      h.store.accounts.list({ organisation: 'default', provider: 'outage', limit: 5_000 });
    await eventually(
      async () => (await all()).every((one) => one.generation === 2 || one.failedAttempts > 0),
      LONG_MS,
    );
    expect(await events('outage')).toEqual(['provider_outage', 'provider_recovered']);
    expect((await told('outage')).map(({ type }) => type)).toEqual([
      'app.incident',
      'app.recovered',
    ]);
    // Accounts tried during the outage wait for their own back-off; all others come in order.
    const tried = new Set(h.sandbox.ledger.slice(since, back).map(({ subject }) => subject));
    const order = received(back)
      .map(({ subject = '' }) => subject)
      .filter((id) => !tried.has(id));
    const wanted = accounts
      .toSorted(
        (a, b) => Date.parse(a.current.expiresAt ?? '') - Date.parse(b.current.expiresAt ?? ''),
      )
      .map(({ id }) => id)
      .filter((id) => !tried.has(id));
    // A random order would give a third.
    expect(displacement(order, wanted)).toBeLessThan(wanted.length / 4);
    const seconds = received(back).map(({ at }) =>
      Math.floor((at - (received(back)[0]?.at ?? 0)) / 1_000),
    );
    expect(seconds.filter((second) => second === 0).length).toBeLessThanOrEqual(5);
    const healed = await all();
    expect(healed.filter(({ state }) => state !== 'active')).toEqual([]);
    expect(healed.filter(({ id, generation }) => !tried.has(id) && generation !== 2)).toEqual([]);
  },
  LONG_MS,
);

/** The average distance of the ids from their expected position. */
function displacement(order: readonly string[], wanted: readonly string[]): number {
  expect(order.toSorted()).toEqual(wanted.toSorted());
  const off = order.map((id, index) => Math.abs(wanted.indexOf(id) - index));
  return off.reduce((sum, one) => sum + one, 0) / off.length;
}

it(
  'F11 a 429 holds back all workers and callers for the time that the provider asks',
  async () => {
    const [first, ...others] = await addMany('throttled', 12);
    const waitMs = 10_000;
    h.sandbox.script({
      subject: first?.id ?? '',
      answer: { kind: 'rate_limited', retryAfter: '10' },
    });
    const since = h.sandbox.ledger.length;
    const path = (id = '') => `/api/admin/accounts/${id}/refresh`;
    const { body } = await h.request(key, 'POST', path(first?.id), {});
    expect(body).toMatchObject({ outcome: 'failed', failure: { code: 'rate_limited' } });
    const held = await Promise.all(
      others.map(async ({ id }) => (await h.request(key, 'POST', path(id), {})).body),
    );
    for (const one of held) expect(one).toMatchObject({ outcome: 'skipped', reason: 'throttled' });
    expect(await sweep('throttled')).toMatchObject({ refreshed: others.length, deferred: 0 });
    const throttledAt = h.sandbox.ledger.slice(since).find(({ status }) => status === 429)?.at ?? 0;
    // Only these accounts, because those of other tests may be backing off.
    const ids = new Set([first, ...others].map((account) => account?.id));
    const own = received(since).filter(({ subject }) => ids.has(subject ?? ''));
    for (const { at } of own.slice(1)) expect(at - throttledAt).toBeGreaterThan(waitMs - 500);
    for (const { id } of others)
      expect(await h.account(id)).toMatchObject({ failedAttempts: 0, lastError: null });
  },
  LONG_MS,
);

it(
  'a faulty account whose failure looks like one of the app opens the circuit once, and then only this account backs off',
  async () => {
    const accounts = await addMany('poison', 6);
    const [poison] = accounts.toSorted(
      (a, b) => Date.parse(a.current.expiresAt ?? '') - Date.parse(b.current.expiresAt ?? ''),
    );
    const answer = { kind: 'respond', status: 401, body: '{"error":"invalid_client"}' } as const;
    h.sandbox.script({ subject: poison?.id ?? '', times: Infinity, answer });
    await sweep('poison');
    await eventually(async () => {
      const all = await Promise.all(accounts.map(({ id }) => h.account(id)));
      return all.filter(({ generation }) => generation >= 2).length === 5;
    }, LONG_MS);
    await eventually(async () => (await h.account(poison?.id ?? '')).failedAttempts >= 1, LONG_MS);
    expect(await events('poison')).toEqual(['app_incident', 'app_recovered']);
    expect(await limiterOf('poison')).toMatchObject({ state: 'closed' });
    const { state, nextAttemptAt } = await h.account(poison?.id ?? '');
    expect(state).toBe('active');
    expect(nextAttemptAt?.getTime()).toBeGreaterThan(Date.now());
  },
  LONG_MS,
);
