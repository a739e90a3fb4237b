/** An outage of MongoDB of any length is one wait in a workflow's history, because the server retries. */
import { ApplicationFailure } from '@temporalio/common';
import { Worker } from '@temporalio/worker';
import type { Store } from '../../src/store/store';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';

const workflowsPath = require.resolve('../../src/workflows');
/** Retries in an outage here. In a week there would be 60,480, ten seconds apart; none adds to the history. */
const FEW = 3;
const MANY = 20;

const store = { isAway: false, probes: 0, claimsAlreadyMade: 0 };

/** As the activities report it, but without the pause of some seconds between retries. */
const away = () =>
  ApplicationFailure.create({
    message: 'MongoDB is unreachable, so nothing was sent to the provider.',
    type: 'database_unavailable',
    nextRetryDelay: '1 ms',
  });

let h: Harness;
let key: string;
beforeAll(async () => {
  h = await startHarness({ worker: false, providers: ['ebay'] });
  key = await h.key();
  const { grants, settings } = h.store;
  await h.startWorker({
    config: h.config,
    store: {
      ...h.store,
      grants: overridden(grants, {
        claim: async (input) => {
          if (store.isAway) throw away();
          if (store.claimsAlreadyMade === 0) return grants.claim(input);
          store.claimsAlreadyMade -= 1;
          return { kind: 'already_claimed', account: await h.account(input.accountId) };
        },
      }),
      settings: overridden(settings, {
        recordWritable: async (at) => {
          store.probes += 1;
          if (store.isAway) throw away();
          await settings.recordWritable(at);
        },
      }),
    } satisfies Store,
  });
});
beforeEach(() => Object.assign(store, { isAway: false, probes: 0, claimsAlreadyMade: 0 }));
afterAll(() => h?.stop());

/** The same object with some methods replaced; the others keep their private members. */
function overridden<T extends object>(of: T, methods: Partial<T>): T {
  return new Proxy(of, {
    get(target, name) {
      if (name in methods) return methods[name as keyof T];
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

const workflow = (id: string, runId?: string) =>
  h.client.workflow.getHandle(`refresh-account/${id}`, runId);
const eventsOf = async (id: string) => (await workflow(id).fetchHistory()).events ?? [];
/** The number of update events in the history; a busy server may add workflow tasks beside them. */
const updatesOf = async (id: string) =>
  (await eventsOf(id)).filter(
    (event) =>
      event.workflowExecutionUpdateAcceptedEventAttributes ??
      event.workflowExecutionUpdateCompletedEventAttributes,
  ).length;
const refresh = (id: string) =>
  h.request(key, 'POST', `/api/admin/accounts/${id}/refresh`, { force: true });
const received = (id: string) =>
  h.sandbox.ledger.filter(({ event, subject }) => event === 'received' && subject === id);
async function assertReplays(id: string, runId?: string): Promise<void> {
  const history = await workflow(id, runId).fetchHistory();
  await Worker.runReplayHistory({ workflowsPath }, history, `refresh-account/${id}`);
}
const triedUntil = (tries: number) => eventually(() => store.probes >= tries);
const hasBegun = (id: string) =>
  eventually(() =>
    workflow(id)
      .describe()
      .then(() => true),
  );

it('an outage of any length is followed by one refresh, and its retries add nothing to the history', async () => {
  const { id } = await h.addAccount();
  store.isAway = true;
  const asked = refresh(id);
  await triedUntil(FEW);
  const before = (await eventsOf(id)).length;
  await triedUntil(MANY);
  expect((await eventsOf(id)).length).toBe(before);
  expect(received(id)).toHaveLength(0);

  store.isAway = false;
  expect((await asked).body).toMatchObject({ outcome: 'refreshed', generation: 2 });
  await workflow(id).result();
  expect((await eventsOf(id)).length).toBeLessThan(50);
  await assertReplays(id);
  expect(received(id)).toHaveLength(1);
  expect((await h.entries(id)).map(({ action }) => action)).toEqual(['token_refreshed']);
});

it('a long outage is reported to waiting callers, and later callers are refused at once without a further event', async () => {
  const { id } = await h.addAccount();
  store.isAway = true;
  const unavailable = {
    status: 503,
    body: {
      error: { code: 'database_unavailable', message: expect.stringMatching(/nothing was sent/) },
    },
  };
  expect(await refresh(id)).toMatchObject(unavailable);
  const before = await updatesOf(id);
  const refused = await Promise.all(Array.from({ length: 25 }, () => refresh(id)));
  for (const answer of refused) expect(answer).toMatchObject(unavailable);
  expect(await refresh(id)).toMatchObject(unavailable);
  expect(await updatesOf(id)).toBe(before);

  store.isAway = false;
  expect(await workflow(id).result()).toMatchObject({ outcome: 'refreshed' });
  expect(received(id)).toHaveLength(1);
  expect((await refresh(id)).body).toMatchObject({ outcome: 'refreshed', generation: 3 });
});

it.each([
  ['cancelled', 'CANCELLED', (id: string) => workflow(id).cancel()],
  ['terminated', 'TERMINATED', (id: string) => workflow(id).terminate('by a test')],
] as const)('a refresh that waits for MongoDB can be %s', async (_title, status, end) => {
  const { id } = await h.addAccount();
  store.isAway = true;
  const asked = refresh(id);
  await hasBegun(id);
  await triedUntil(1);
  await end(id);
  await eventually(async () => (await workflow(id).describe()).status.name === status);
  expect((await asked).status).toBeGreaterThanOrEqual(500);
  expect(received(id)).toHaveLength(0);
  store.isAway = false;
  expect((await refresh(id)).body).toMatchObject({ outcome: 'refreshed', generation: 2 });
});

it('a batch waits for MongoDB in one activity', async () => {
  const accounts = [await h.addAccount(), await h.addAccount()];
  store.isAway = true;
  const workflowId = 'refresh-batch/outage/1';
  const batch = await h.client.workflow.start('refreshBatchWorkflow', {
    workflowId,
    taskQueue: h.config.temporal.taskQueue,
    args: [
      {
        provider: 'ebay',
        accounts: accounts.map(({ id, organisation, environment, label }) => ({
          accountId: id,
          organisation,
          environment,
          label,
        })),
        request: {
          source: 'scheduled',
          caller: 'test',
          requestedAt: new Date().toISOString(),
          force: false,
          capture: false,
        },
      },
    ],
  });
  await triedUntil(FEW);
  const before = (await batch.fetchHistory()).events?.length;
  await triedUntil(MANY);
  expect((await batch.fetchHistory()).events?.length).toBe(before);
  store.isAway = false;
  expect(await batch.result()).toMatchObject({ counts: { refreshed: 2, failed: 0 } });
  for (const { id } of accounts) expect(received(id)).toHaveLength(1);
});

it('a refresh with a long history continues in a new run and keeps its state', async () => {
  const { id, label } = await h.addAccount();
  store.claimsAlreadyMade = 260;
  const requestedAt = new Date().toISOString();
  const request = { source: 'api', caller: 'test', requestedAt, force: true, capture: false };
  const { firstExecutionRunId } = await h.client.workflow.start('refreshAccountWorkflow', {
    workflowId: `refresh-account/${id}`,
    taskQueue: h.config.temporal.taskQueue,
    args: [{ accountId: id, label, request }],
  });
  expect(await workflow(id).result()).toMatchObject({ outcome: 'refreshed', generation: 2 });
  const first = await workflow(id, firstExecutionRunId).describe();
  expect(first).toMatchObject({ status: { name: 'CONTINUED_AS_NEW' } });
  expect(first.historyLength).toBeLessThan(1_000);
  await assertReplays(id, firstExecutionRunId);
  await assertReplays(id);
  // Attempts are numbered across both runs, so only the first one runs as a local activity.
  const local = (await eventsOf(id)).filter((event) => event.markerRecordedEventAttributes);
  expect(local).toEqual([]);
  expect(received(id)).toHaveLength(1);
});
