/** P5, F3: the worker as in production is asked to stop (SIGTERM) with refreshes in flight, repeatedly. */
import { eventually } from '../support/eventually';
import { spawnWorker, type WorkerProcess } from '../support/worker-process';
import { type Lab, LONG, startLab, times } from './_lab';
import { broken, checkPromises } from './_promises';
import { log, report } from './_report';

/** Few enough that all are in flight long before the first reaches its deadline. */
const IN_FLIGHT = 20;
const RESTARTS = times(2, 50, 'FAULTS_RESTARTS');
/** Lifetime of the access tokens, in ms: a request without a response in time is replayed in its last tenth. */
const LIFE_MS = 45_000;
const PROVIDER_HOLDS_MS = 60_000;

const HTTP_DEADLINE_MS = 15_000;

let lab: Lab;
let worker: WorkerProcess | undefined;
beforeAll(async () => {
  lab = await startLab();
});
afterAll(async () => {
  worker?.child.kill('SIGTERM');
  await worker?.exited;
  await lab?.stop();
});

/** Waits for a text in the worker's log. */
const said = ({ output }: WorkerProcess, text: string) =>
  eventually(() => output.join('').includes(text), 60_000);

/**
 * Accounts whose response the provider held longer than an exchange may take, because the machine was slow; not the
 * fault of a restart.
 */
function heldTooLong(ids: readonly string[]): Set<string> {
  const { ledger } = lab.h.sandbox;
  const late = ledger.filter(({ event, requestId, at, subject = '' }) => {
    if (event !== 'dropped' || !ids.includes(subject)) return false;
    const asked = ledger.find((one) => one.requestId === requestId && one.event === 'received');
    return at - (asked?.at ?? 0) >= HTTP_DEADLINE_MS;
  });
  return new Set(late.map(({ subject = '' }) => subject));
}

it(
  'P5 R2.2 a worker that is asked to stop finishes its requests in flight, and rolling restarts lose nothing at a strict provider',
  async () => {
    const ids: string[] = [];
    const codes: (number | null)[] = [];
    let inFlight = 0;
    worker = spawnWorker(lab.h, lab.h.encryptionKeys);
    await said(worker, 'worker ready');
    for (let n = 0; n < RESTARTS; n += 1) {
      // If a provider has not served a request for a minute, sweeps send five requests at first.
      const first = await lab.addAccount('strict', { expiresInMs: LIFE_MS });
      await lab.refresh(first);
      await lab.settled([first]);
      const batch: string[] = [];
      let release = () => {};
      const until = new Promise<void>((resolve) => {
        release = resolve;
      });
      while (batch.length < IN_FLIGHT) {
        const id = await lab.addAccount('strict', { expiresInMs: LIFE_MS });
        const delayAt = batch.length % 2 === 0 ? 'before_commit' : 'after_commit';
        lab.h.sandbox.script({
          subject: id,
          answer: { kind: 'normal', delayMs: PROVIDER_HOLDS_MS, delayAt, until },
        });
        batch.push(id);
      }
      await Promise.all(batch.map((id) => lab.refresh(id)));
      const old = worker;
      await eventually(
        () =>
          lab.h.sandbox.ledger.filter(
            ({ event, subject = '' }) => event === 'received' && batch.includes(subject),
          ).length === batch.length,
      );
      old.child.kill('SIGTERM');
      await said(old, 'stopping');
      for (const id of batch) {
        const { claim } = await lab.h.account(id);
        if (claim?.sentAt !== undefined && claim.worker.startsWith(`${old.child.pid}@`))
          inFlight += 1;
      }
      worker = spawnWorker(lab.h, lab.h.encryptionKeys);
      release();
      codes.push((await old.exited).code);
      await lab.settled(batch);
      ids.push(first, ...batch);
      await said(worker, 'worker ready');
      if ((n + 1) % 5 === 0) log(`restarts: ${n + 1} of ${RESTARTS}, ${inFlight} in flight`);
    }
    const late = heldTooLong(ids);
    const inTime = ids.filter((id) => !late.has(id));
    const tally = await checkPromises(lab.h, inTime);
    report({
      id: 'P5',
      fault: 'SIGTERM of the worker with a new one beside it, strict provider',
      n: inFlight - late.size,
      hits: {},
      lost: tally.familiesLost,
      seed: lab.seed,
      note: `${RESTARTS} restarts; responses delayed beyond the deadline of an exchange ${late.size} (not counted); presented again ${tally.replays}; exits with an error ${codes.filter((code) => code !== 0).length}`,
    });
    expect(inFlight).toBeGreaterThanOrEqual(RESTARTS * IN_FLIGHT - late.size);
    // A slower machine would prove nothing.
    expect(late.size).toBeLessThan(ids.length / 4);
    expect(codes).toEqual(codes.map(() => 0));
    expect(broken(tally)).toEqual([]);
    // Requests in flight are finished, not replayed: each token was presented once.
    expect(tally).toMatchObject({
      presented: inTime.length,
      rotations: inTime.length,
      rotationsLost: 0,
      familiesLost: 0,
    });
  },
  LONG ? 1_800_000 : 150_000,
);
