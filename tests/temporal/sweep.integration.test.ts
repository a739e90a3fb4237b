/** The accounts that a sweep refreshes, their order, and its workflows as `temporal` finds and shows them. */
import { cleanUp, START_MS } from '../start/_evergrant';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';
import { startWorkerProcess, temporalCommand, temporalJson } from './_worker';

const MINUTE = 60_000;
const WINDOW = 40;

let h: Harness;
beforeAll(async () => {
  h = await startHarness({ worker: false });
  // A long interval, so that only the sweeps of the tests run.
  const worker = await startWorkerProcess(h, { sweepEvery: '30d', jitter: '5m' });
  await worker.logged(/^sweep finished$/);
}, START_MS);
afterAll(async () => {
  await cleanUp();
  await h?.stop();
}, START_MS);

const trigger = () => temporalCommand(h, 'schedule', 'trigger', '--schedule-id', 'sweep/ebay');
const found = async (query: string): Promise<string[]> =>
  (await temporalJson(h, 'workflow', 'list', '--query', query)).map(
    ({ execution }: any) => execution.workflowId,
  );
const received = (since: number) =>
  h.sandbox.ledger.slice(since).filter(({ event }) => event === 'received');
/** Running workflows except the anchors of the audit, which never complete. */
const RUNNING = 'ExecutionStatus="Running" AND WorkflowType!="auditAnchorWorkflow"';
const isRunning = (id: string) => found(`WorkflowId="${id}" AND ExecutionStatus="Running"`);

async function history(workflowId: string): Promise<any[]> {
  return (await temporalJson(h, 'workflow', 'show', '--workflow-id', workflowId)).events;
}

it('R0.1 R0.3 a sweep refreshes exactly the due accounts of every organisation, and its result counts them', async () => {
  const since = h.sandbox.ledger.length;
  const due = await Promise.all([
    h.addAccount({ label: 'expires in 14 min', expiresInMs: 14 * MINUTE }),
    h.addAccount({ label: 'expired', expiresInMs: -MINUTE, organisation: 'acme' }),
    h.addAccount({ expiresInMs: 300 * MINUTE, refreshedAgoMs: 61 * MINUTE }),
    h.addAccount(),
  ]);
  const fresh = await Promise.all([
    h.addAccount({ expiresInMs: 17 * MINUTE, refreshedAgoMs: MINUTE }),
    h.addAccount({ expiresInMs: 300 * MINUTE, refreshedAgoMs: 58 * MINUTE }),
  ]);
  const revoked = await h.addAccount({ label: 'revoked' });
  h.sandbox.revoke(revoked.plain.refreshToken);
  await trigger();
  const all = [...due, revoked].map(({ id }) => id).toSorted();
  await eventually(() => received(since).length === all.length);
  await eventually(async () => (await found(RUNNING)).length === 0);
  expect(
    received(since)
      .map(({ subject = '' }) => subject)
      .toSorted(),
  ).toEqual(all);
  for (const { id } of fresh) expect((await h.account(id)).generation).toBe(1);
  for (const { id } of due) expect((await h.account(id)).generation).toBe(2);

  const [sweep = ''] = await found('WorkflowType="sweepWorkflow"');
  const result = await h.client.workflow.getHandle(sweep).result();
  expect(result).toMatchObject({ due: 5, refreshed: 4, failed: 1, needs_reconnect: 1, skipped: 0 });
  expect(result).toMatchObject({ failures: { invalid_grant: 1 } });
});

it('workflows are found by each search attribute', async () => {
  const [account] = await h.store.accounts.list({ organisation: 'acme', limit: 1 });
  const id = account?.id ?? '';
  const mine = [`refresh-account/${id}`];
  const refreshes = await found('WorkflowType="refreshAccountWorkflow"');
  expect(refreshes).toHaveLength(5);
  expect(await found(`EvergrantAccount="${id}"`)).toEqual(mine);
  expect(await found('EvergrantOrg="acme"')).toEqual(mine);
  expect(await found('EvergrantOutcome="invalid_grant"')).toHaveLength(1);
  expect(await found('EvergrantOutcome="refreshed"')).toHaveLength(4);
  expect(await found('EvergrantProvider="ebay" AND WorkflowType="sweepWorkflow"')).toHaveLength(2);
  expect(await found('EvergrantSource="scheduled"')).toHaveLength(7);
  await h.request(
    await h.key({ organisation: 'acme' }),
    'POST',
    `/api/admin/accounts/${id}/refresh`,
    {
      force: true,
    },
  );
  await eventually(async () => (await found('EvergrantSource="api"')).length === 1);
});

it('workflows and activities have a summary that describes them', async () => {
  const [account] = await h.store.accounts.list({ organisation: 'acme', limit: 1 });
  const id = `refresh-account/${account?.id ?? ''}`;
  const described = await h.client.workflow.getHandle(id).describe();
  expect(await described.staticSummary()).toBe('Refresh expired (ebay)');
  const [sweep = ''] = await found('WorkflowType="sweepWorkflow"');
  expect(await (await h.client.workflow.getHandle(sweep).describe()).staticSummary()).toBe(
    'Sweep: refresh the due eBay accounts',
  );
  const summaries = (events: any[]) =>
    events
      .filter(({ userMetadata }, at) => at > 0 && userMetadata)
      .map(({ userMetadata }) => JSON.stringify(userMetadata.summary));
  expect(summaries(await history(id))).toEqual([
    expect.stringMatching(said('expired: refresh (api, forced)')),
  ]);
  expect(summaries(await history(sweep))[0]).toMatch(said('ebay: list the due accounts'));
});

/** A payload as `temporal` prints it: readable, or in base64 with older versions. */
function said(text: string): RegExp {
  const base64 = Buffer.from(JSON.stringify(text)).toString('base64');
  return new RegExp([text, base64].map((form) => form.replace(/[.?()+/]/g, '\\$&')).join('|'));
}

it('a sweep refreshes the most urgent accounts first if more are due than it refreshes at once', async () => {
  const count = 60;
  const minutes = Array.from({ length: count }, (_, at) => ((at * 7) % count) / 5 + 1);
  const accounts = [];
  for (const inMinutes of minutes)
    accounts.push({ inMinutes, ...(await h.addAccount({ expiresInMs: inMinutes * MINUTE })) });
  const since = h.sandbox.ledger.length;
  const slow = { kind: 'normal', delayMs: 2_000, delayAt: 'before_commit' } as const;
  h.sandbox.script({ times: WINDOW, answer: slow });
  await trigger();
  await eventually(() => received(since).length === count);
  await eventually(async () => (await found(RUNNING)).length === 0);

  const byUrgency = accounts.toSorted((a, b) => a.inMinutes - b.inMinutes).map(({ id }) => id);
  const answeredAt = new Map(
    h.sandbox.ledger
      .slice(since)
      .filter(({ event }) => event === 'answered')
      .map(({ subject, sequence }) => [subject, sequence]),
  );
  // Counts the more urgent accounts that had no answer when this one was sent; a full window of them is in flight at
  // most.
  const ahead = received(since).map(({ subject = '', sequence }) => {
    const moreUrgent = byUrgency.slice(0, byUrgency.indexOf(subject));
    return moreUrgent.filter((id) => (answeredAt.get(id) ?? Infinity) > sequence).length;
  });
  expect(Math.max(...ahead)).toBeLessThan(WINDOW);
  expect(Math.max(...ahead)).toBeGreaterThan(1);
});

const END = {
  terminate: ['workflow', 'terminate', '--reason', 'test', '--workflow-id'],
  cancel: ['workflow', 'cancel', '--workflow-id'],
};

describe('an operator who stops the refresh of an account', () => {
  // A schedule that is triggered during its sweep starts no other.
  beforeEach(() => eventually(async () => (await found(RUNNING)).length === 0));

  it.each(['terminate', 'cancel'] as const)(
    'loses no grant with %s during a back-off',
    async (how) => {
      const { id } = await h.addAccount({ expiresInMs: 10 * MINUTE });
      const workflowId = `refresh-account/${id}`;
      const before = await h.account(id);
      h.sandbox.script({ subject: id, times: 2, answer: { kind: 'unavailable' } });
      await trigger();
      await eventually(async () => (await h.entries(id)).length === 2);
      await temporalCommand(h, ...END[how], workflowId);
      await eventually(async () => (await isRunning(workflowId)).length === 0);
      const after = await h.account(id);
      expect(after).toMatchObject({ state: 'active', generation: 1, claim: null });
      expect(after.current).toEqual(before.current);
      const key = await h.key();
      const again = await h.request(key, 'POST', `/api/admin/accounts/${id}/refresh`, {
        force: true,
      });
      expect(again.body).toMatchObject({ outcome: 'refreshed', generation: 2 });
    },
  );

  it.each(['terminate', 'cancel'] as const)(
    'keeps the response to a sent request with %s',
    async (how) => {
      const { id } = await h.addAccount();
      const workflowId = `refresh-account/${id}`;
      let answers = () => {};
      const until = new Promise<void>((resolve) => {
        answers = resolve;
      });
      const slow = { kind: 'normal', delayMs: 12_000, delayAt: 'after_commit', until } as const;
      h.sandbox.script({ subject: id, answer: slow });
      await trigger();
      await eventually(() =>
        h.sandbox.ledger.some((e) => e.event === 'committed' && e.subject === id),
      );
      await temporalCommand(h, ...END[how], workflowId);
      answers();
      await eventually(async () => (await h.account(id)).generation === 2);
      expect(await h.account(id)).toMatchObject({ state: 'active', claim: null, lastError: null });
      await eventually(async () => (await h.entries(id)).length > 0);
      expect(await h.entries(id)).toMatchObject([{ action: 'token_refreshed' }]);
      await eventually(async () => (await isRunning(workflowId)).length === 0);
    },
  );
});
