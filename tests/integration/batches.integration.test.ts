/**
 * Sweeps with more due accounts than get a workflow each. Batches must keep the same promises as single refreshes, and
 * the sandbox's ledger shows what was really sent.
 */
import type { Store } from '../../src/store/store';
import { rotationMarks } from '../../src/temporal/rotation-marks';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';
import { overLimit } from '../support/pace';
import { startUpSweepsEnd } from '../support/sweeps';

const UP_TO = 5;
/** The first page, which is listed before the sweep knows that it refreshes in batches; it becomes one batch. */
const FIRST_PAGE = 200;
const MANY = 30;
/** At most as many as a batch sends at once. */
const ENDED = 20;
const PER_SECOND = 8;
const MINUTE = 60_000;
const LONG_MS = 120_000;
const PROVIDERS = [
  'plain',
  'mixed',
  'few',
  'asked',
  'limited',
  'ended',
  'stopped',
  'told',
  'strict',
  'single',
];

let h: Harness;
let key: string;
let other: Store;
beforeAll(async () => {
  const ebay = { adapter: 'ebay', dialect: 'ebay', refreshAfterAge: 'never' } as const;
  const providers = {
    ...Object.fromEntries(PROVIDERS.map((id) => [id, { ...ebay, perAccountUpTo: UP_TO }])),
    limited: { ...ebay, perAccountUpTo: UP_TO, rate: `${PER_SECOND}/s` },
    strict: { adapter: 'etsy', dialect: 'etsy', perAccountUpTo: UP_TO } as const,
    single: { ...ebay, perAccountUpTo: UP_TO, batchesAtOnce: 1 },
  };
  h = await startHarness({ worker: false, providers });
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

type Added = Awaited<ReturnType<Harness['addAccount']>>;

async function addMany(provider: string, count: number): Promise<Added[]> {
  const dialect = provider === 'strict' ? 'etsy' : 'ebay';
  const accounts: Added[] = [];
  for (let n = 0; n < count; n += 1)
    accounts.push(await h.addAccount({ provider, dialect, expiresInMs: (5 + n / 100) * MINUTE }));
  return accounts;
}

async function startSweep(provider: string) {
  const { body } = await h.request(key, 'POST', '/api/admin/internal/refresh-tokens', { provider });
  const [{ workflow_id: workflowId, run_id: runId }] = body.started;
  const handle = h.client.workflow.getHandle(workflowId, runId);
  return { workflowId, runId, handle, result: () => handle.result() };
}

const received = (ids: readonly string[], since = 0) =>
  h.sandbox.ledger
    .slice(since)
    .filter(({ event, subject = '' }) => event === 'received' && ids.includes(subject));
const idsOf = (accounts: readonly Added[]) => accounts.map(({ id }) => id);

async function workflowsOf(ids: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for await (const { workflowId } of h.client.workflow.list({
    query: 'WorkflowType = "refreshAccountWorkflow"',
  }))
    found.push(workflowId);
  return ids.filter((id) => found.includes(`refresh-account/${id}`));
}

/** Expects that each account was presented once and has exactly one entry. */
async function expectRefreshedOnce(ids: readonly string[]): Promise<void> {
  expect(received(ids)).toHaveLength(ids.length);
  for (const id of ids) {
    expect(await h.account(id)).toMatchObject({ state: 'active', generation: 2, claim: null });
    expect((await h.entries(id)).map(({ action }) => action)).toEqual(['token_refreshed']);
  }
}

it('a batch refreshes more accounts than get a workflow each, once and with one log entry each that names the sweep', async () => {
  const ids = idsOf(await addMany('plain', MANY));
  const sweep = await startSweep('plain');
  expect(await sweep.result()).toMatchObject({
    due: MANY,
    refreshed: MANY,
    failed: 0,
    in_flight: 0,
    skipped: 0,
    deferred: 0,
  });
  await expectRefreshedOnce(ids);
  const [entry] = await h.entries(ids[0] ?? '');
  expect(entry).toMatchObject({
    source: 'scheduled',
    workflow_id: sweep.workflowId,
    run_id: sweep.runId,
    diagnostics: { caller: sweep.workflowId },
  });
  expect(await workflowsOf(ids)).toEqual([]);
});

it(
  'a sweep runs as many batches at once as its provider allows',
  async () => {
    const due = FIRST_PAGE + 2;
    await addMany('single', due);
    const sweep = await startSweep('single');
    expect(await sweep.result()).toMatchObject({ due, refreshed: due });
    const [first, second] = await Promise.all(
      [1, 2].map((n) =>
        h.client.workflow.getHandle(`refresh-batch/${sweep.runId}/${n}`).describe(),
      ),
    );
    expect(second?.startTime.getTime()).toBeGreaterThanOrEqual(first?.closeTime?.getTime() ?? NaN);
  },
  LONG_MS,
);

it('each account gets its own workflow up to the threshold', async () => {
  const ids = idsOf(await addMany('few', UP_TO));
  expect(await (await startSweep('few')).result()).toMatchObject({ due: UP_TO, refreshed: UP_TO });
  // Temporal's visibility lags behind.
  await eventually(async () => (await workflowsOf(ids)).length === ids.length);
});

it(
  'a refused account or a 5xx continues in the workflow of the account, which retries the 5xx',
  async () => {
    const [refused, down, ...rest] = (await addMany('mixed', MANY)) as [Added, Added, ...Added[]];
    h.sandbox.revoke(refused.plain.refreshToken);
    h.sandbox.script({ subject: down.id, answer: { kind: 'unavailable' } });
    expect(await (await startSweep('mixed')).result()).toMatchObject({
      due: MANY,
      refreshed: MANY - 2,
      failed: 2,
      needs_reconnect: 1,
      retrying: 1,
      failures: { invalid_grant: 1, provider_unavailable: 1 },
    });
    await expectRefreshedOnce(idsOf(rest));
    expect(await workflowsOf(idsOf([refused, down, ...rest]))).toEqual([refused.id, down.id]);
    expect(await h.account(refused.id)).toMatchObject({ state: 'needs_reconnect' });
    // The batch made the first attempt, and the workflow does not repeat it.
    expect(await h.entries(refused.id)).toHaveLength(1);
    expect(received([refused.id])).toHaveLength(1);
    await eventually(async () => (await h.account(down.id)).generation === 2, 30_000);
    expect(received([down.id])).toHaveLength(2);
  },
  LONG_MS,
);

it(
  'a caller that requests an account during its batch receives the outcome of the batch',
  async () => {
    const [slow, ...rest] = (await addMany('asked', MANY)) as [Added, ...Added[]];
    h.sandbox.script({
      subject: slow.id,
      answer: { kind: 'normal', delayMs: 1_500, delayAt: 'before_commit' },
    });
    const sweep = await startSweep('asked');
    await eventually(() => received([slow.id]).length === 1);
    const path = `/api/admin/accounts/${slow.id}/refresh`;
    const { body } = await h.request(key, 'POST', path, { force: true });
    expect(body).toMatchObject({ outcome: 'refreshed', generation: 2 });
    expect(await sweep.result()).toMatchObject({ due: MANY, refreshed: MANY });
    await expectRefreshedOnce(idsOf([slow, ...rest]));
  },
  LONG_MS,
);

it(
  `a limit of ${PER_SECOND} requests per second holds across the batches of two workers`,
  async () => {
    const ids = idsOf(await addMany('limited', 2 * MANY));
    const since = h.sandbox.ledger.length;
    const [one, two] = [await startSweep('limited'), await startScheduled('limited')];
    await Promise.all([one.result(), two.result()]);
    await expectRefreshedOnce(ids);
    const times = received(ids, since).map(({ at }) => at);
    expect(overLimit(times, PER_SECOND)).toEqual([]);
  },
  LONG_MS,
);

/** Starts a sweep as the schedule would, next to the triggered one. */
async function startScheduled(provider: string) {
  const handle = await h.client.workflow.start('sweepWorkflow', {
    workflowId: `sweep/${provider}-beside`,
    taskQueue: h.config.temporal.taskQueue,
    args: [{ provider }],
  });
  return { result: () => handle.result() };
}

it.each(['terminate', 'cancel'] as const)(
  'an operator who stops a sweep (%s) loses nothing of the running batch',
  async (how) => {
    // All are sent at once, because a cancelled batch begins nothing more.
    const accounts = await addMany('ended', ENDED);
    const ids = idsOf(accounts);
    h.sandbox.script({
      subject: ids[0] ?? '',
      answer: { kind: 'normal', delayMs: 2_000, delayAt: 'after_commit' },
    });
    const sweep = await startSweep('ended');
    await eventually(() => received([ids[0] ?? '']).length === 1);
    await sweep.handle[how]();
    // The entry is the last write of a refresh.
    await eventually(async () => {
      const entries = await Promise.all(ids.map((id) => h.entries(id)));
      return entries.every(({ length }) => length > 0);
    });
    await expectRefreshedOnce(ids);
  },
  LONG_MS,
);

it(
  'workers that stop finish the refreshes that they have begun in a batch, and other workers do the rest',
  async () => {
    // More than a batch refreshes at once, so that some have not begun.
    const all = 5 * MANY;
    const ids = idsOf(await addMany('stopped', all));
    const slow = { kind: 'normal', delayMs: 1_500, delayAt: 'after_commit' } as const;
    for (const subject of ids) h.sandbox.script({ subject, answer: slow });
    const sweep = await startSweep('stopped');
    await eventually(() => received(ids).length > MANY);
    await h.stopWorkers();
    expect(received(ids).length).toBeLessThan(all);
    await h.startWorker();
    expect(await sweep.result()).toMatchObject({ due: all, refreshed: all, failed: 0 });
    await expectRefreshedOnce(ids);
  },
  LONG_MS,
);

it('the history of a sweep shows the results of its batches, and names no account', async () => {
  const ids = idsOf(await addMany('told', MANY));
  const sweep = await startSweep('told');
  await sweep.result();
  const path = `/api/admin/workflows/${encodeURIComponent(sweep.workflowId)}/history`;
  const { body } = await h.request(key, 'GET', path);
  const said = body.items.map(({ what }: any) => what);
  expect(said).toContain(`Refresh ${MANY} accounts (told)`);
  expect(said).toContain(`the batch is finished: ${MANY} refreshed`);
  for (const id of ids) expect(JSON.stringify(body)).not.toContain(id);
});

it('F26 Temporal keeps the rotations of a batch, which reveal a restored database', async () => {
  const ids = idsOf(await addMany('strict', MANY));
  await (await startSweep('strict')).result();
  await expectRefreshedOnce(ids);
  const marked = async () => {
    const marks = [];
    for await (const ofOne of rotationMarks(h.client).newest(null)) marks.push(...ofOne);
    return marks;
  };
  await eventually(async () => (await marked()).length >= MANY);
  expect(await marked()).toEqual(
    expect.arrayContaining(ids.map((accountId) => ({ accountId, generation: 2 }))),
  );
});
