/**
 * P1, P2: the worker that runs a batch is killed (-9) while its accounts are at every phase of a refresh, and a standby
 * continues the batch. Then the provider's ledger is joined with Evergrant's records.
 */
import { eventually } from '../support/eventually';
import { type Lab, LONG, type Phase, PROVIDERS, startLab, times, WINDOW } from './_lab';
import { broken, checkPromises } from './_promises';
import { hitsOf, report } from './_report';

/** In a batch, `answered` cannot be told apart from `sealed`. */
const PHASES: readonly Phase[] = [
  'claimed',
  'marked',
  'sent',
  'minted',
  'sealed',
  'committed',
  'logged',
];
const EACH = times(2, 5, 'FAULTS_BATCH_EACH');
const OTHERS = 20;
/** Lifetime of the old access tokens, in ms: a replay that revokes one is made in its last tenth. */
const LIFE_MS = 45_000;
const HELD_MS = 120_000;

let lab: Lab;
beforeAll(async () => {
  lab = await startLab({ providers: { strict: { ...PROVIDERS.strict, perAccountUpTo: 5 } } });
});
afterAll(() => lab?.stop());

/** Longer than the remaining life of the tokens, so that each is refreshed first. */
const WANTED_SECONDS = 300;

interface Beginning {
  /** Resolves once no caller waits for the batch; also checks its results. */
  ended(): Promise<void>;
}

async function sweep({ h }: Lab, ids: readonly string[]): Promise<Beginning> {
  const handle = await h.client.workflow.start('sweepWorkflow', {
    workflowId: 'sweep/strict',
    taskQueue: 'evergrant',
    args: [{ provider: 'strict' }],
  });
  return {
    async ended() {
      expect(await handle.result()).toMatchObject({ due: ids.length, in_flight: 0, deferred: 0 });
    },
  };
}

/** Each account has a caller, and all request at once. */
async function callers({ h }: Lab, ids: readonly string[]): Promise<Beginning> {
  const key = await h.key({ scopes: ['tokens'] });
  const answers = new Map(
    ids.map((id) => [
      id,
      h.request(key, 'GET', `/api/tokens/${id}?min_valid_seconds=${WANTED_SECONDS}`),
    ]),
  );
  return {
    async ended() {
      // Either the new token or the previous one with the reason; a caller that can be served does not wait.
      for (const [id, answer] of answers) {
        const { status, body } = await answer;
        expect({ id, status }).toEqual({ id, status: 200 });
        expect(h.sandbox.isAccessTokenActive(body.access_token)).toBe(true);
      }
      const query = `WorkflowId STARTS_WITH 'refresh-batch/api/'`;
      let batches = 0;
      for await (const { workflowId, runId } of h.client.workflow.list({ query })) {
        await h.client.workflow.getHandle(workflowId, runId).result();
        batches += 1;
      }
      expect(batches).toBeGreaterThan(0);
    },
  };
}

it.each<[string, (lab: Lab, ids: readonly string[]) => Promise<Beginning>]>([
  ['of a sweep', sweep],
  ['that callers wait for', callers],
])(
  'P1 P2 a batch %s continues in another worker after a kill, and replays only recorded unknown outcomes',
  async (of, begin) => {
    const { h } = lab;
    const worker = lab.spawn();
    await worker.run();
    const standby = lab.spawn();
    await standby.ready;
    const account = () => lab.addAccount('strict', { expiresInMs: LIFE_MS });
    const others: string[] = [];
    for (let n = 0; n < OTHERS; n += 1) others.push(await account());
    const phases = Array.from({ length: EACH }, () => PHASES).flat();
    const victims: { id: string; phase: Phase }[] = [];
    for (const phase of phases) victims.push({ id: await account(), phase });
    const ids = [...others, ...victims.map(({ id }) => id)];

    let releaseProvider = () => {};
    const until = new Promise<void>((resolve) => {
      releaseProvider = resolve;
    });
    const there = victims.map(async ({ id, phase }) => {
      if (phase !== 'sent' && phase !== 'minted') return worker.reached(id, phase);
      const event = phase === 'sent' ? 'received' : 'committed';
      const delayAt = phase === 'sent' ? 'before_commit' : 'after_commit';
      h.sandbox.script({
        subject: id,
        answer: { kind: 'normal', delayMs: HELD_MS, delayAt, until },
      });
      await eventually(() =>
        h.sandbox.ledger.some((entry) => entry.event === event && entry.subject === id),
      );
    });
    for (const { id, phase } of victims)
      if (phase !== 'sent' && phase !== 'minted') await worker.hold(id, phase);
    const begun = await begin(lab, ids);
    await Promise.all(there);
    // Finished first, so that the kill hits none of them at an unplanned phase.
    for (const id of others) await eventually(async () => (await h.entries(id)).length > 0);
    const hitAt = Date.now();
    await worker.signal('SIGKILL');
    await standby.run();
    releaseProvider();

    const endangered = victims
      .filter(({ phase }) => ['marked', ...WINDOW].includes(phase))
      .map(({ id }) => id);
    const safe = ids.filter((id) => !endangered.includes(id));
    await begun.ended();
    for (const id of safe) expect(await h.account(id)).toMatchObject({ generation: 2 });
    // These accounts continued in their own workflows, from the unknown outcome that the standby recorded.
    await lab.settled(endangered);
    const hits = victims.map((victim) => ({ ...victim, hitAt }));
    const tally = await checkPromises(h, ids, hits);
    report({
      id: 'P1',
      fault: `a batch ${of} at a strict provider: kill -9 of the worker`,
      n: ids.length,
      hits: hitsOf(hits),
      lost: tally.familiesLost,
      seed: lab.seed,
      note: `rotations lost outside the window ${tally.rotationsLostOutsideWindow}, silent ${tally.silent}, replays ${tally.replays}, unexplained ${tally.unexplainedReplays}`,
    });
    expect(broken(tally)).toEqual([]);
    const inWindow = victims.filter(({ phase }) => WINDOW.includes(phase)).length;
    expect(tally.familiesLost).toBeLessThanOrEqual(inWindow);
    await standby.stop();
  },
  LONG ? 600_000 : 180_000,
);
