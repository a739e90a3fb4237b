/**
 * A worker is killed (-9) at moments that the provider's own events fire: request received, new grant committed there,
 * answer flushed. Afterwards the provider's ledger is joined with our records.
 */
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';
import { spawnWorker, type WorkerProcess } from '../support/worker-process';

const ACCOUNTS = 200;
const KILLS_PER_PHASE = 4;
const PHASES = ['received', 'committed', 'answered'] as const;

let h: Harness;
let worker: WorkerProcess | undefined;
const run = { stopping: false };

beforeAll(async () => {
  h = await startHarness({ worker: false });
});
afterAll(async () => {
  run.stopping = true;
  worker?.child.kill('SIGTERM');
  await worker?.exited;
  await h?.stop();
});

it('R1.2 P1 P2 hold over 200 refreshes with kills at received, committed and answered', async () => {
  const ids: string[] = [];
  for (let n = 0; n < ACCOUNTS; n += 1)
    ids.push((await h.addAccount({ expiresInMs: 10 * 60_000 })).id);
  const hits = { received: 0, committed: 0, answered: 0 };
  let killed = false;
  let calm = 0;
  for (const phase of PHASES) {
    h.sandbox.on(phase, () => {
      // A few refreshes go through between kills, so that each phase meets a worker at full speed.
      calm += 1;
      if (killed || calm < 12 || hits[phase] >= KILLS_PER_PHASE) return;
      killed = true;
      hits[phase] += 1;
      worker?.child.kill('SIGKILL');
    });
  }
  const keepRunning = async () => {
    while (!run.stopping) {
      killed = false;
      calm = 0;
      worker = spawnWorker(h, h.encryptionKeys);
      await worker.exited;
    }
  };
  const running = keepRunning();

  await eventually(async () => {
    const accounts = await Promise.all(ids.map((id) => h.account(id)));
    return accounts.every(({ generation, claim }) => generation >= 2 && claim === null);
  }, 240_000);
  await eventually(async () => {
    const open = h.client.workflow.list({
      query: `WorkflowType = 'refreshAccountWorkflow' AND ExecutionStatus = 'Running'`,
    });
    for await (const _ of open) return false;
    return true;
  }, 60_000);
  run.stopping = true;
  worker?.child.kill('SIGTERM');
  await running;

  // Fewer would mean that the test tested nothing.
  expect(hits).toEqual({
    received: KILLS_PER_PHASE,
    committed: KILLS_PER_PHASE,
    answered: KILLS_PER_PHASE,
  });

  const tally = {
    presented: 0,
    unexplainedReplays: 0,
    lost: 0,
    unknown: 0,
    doubleEntries: 0,
    unlogged: 0,
  };
  for (const id of ids) {
    const account = await h.account(id);
    const entries = await h.entries(id);
    const presented = h.sandbox.ledger.filter(
      (e) => e.event === 'received' && e.subject === id,
    ).length;
    const unknown = entries.filter(({ outcome }) => outcome === 'unknown').length;
    const token = h.vault.openToken(
      account.current.accessToken,
      { organisation: 'default', accountId: id },
      'access_token',
    );
    tally.presented += presented;
    tally.unknown += unknown;
    // R1.2: each presentation has its entry, those of killed workers included.
    const logged = entries.filter(({ outcome }) => outcome !== 'not_sent').length;
    tally.unlogged += Math.max(0, presented - logged);
    // P1: a refresh token is presented again only after a recorded unknown outcome, once for each.
    tally.unexplainedReplays += Math.max(0, presented - 1 - unknown);
    // P2: what is stored is a grant the provider knows, and the account is in service.
    tally.lost += account.state === 'active' && h.sandbox.isAccessTokenActive(token) ? 0 : 1;
    tally.doubleEntries +=
      entries.filter(({ outcome }) => outcome === 'ok').length - (account.generation - 1);
  }
  expect(tally).toEqual({
    ...tally,
    unexplainedReplays: 0,
    lost: 0,
    doubleEntries: 0,
    unlogged: 0,
  });
  expect(tally.presented).toBeGreaterThanOrEqual(ACCOUNTS);
}, 360_000);
