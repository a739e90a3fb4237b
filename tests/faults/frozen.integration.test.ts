/**
 * F4, F5: a worker is frozen (SIGSTOP), or its event loop blocked, until another has taken over, and then resumes. It
 * sends nothing that it had not sent, and keeps what it had received.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowNotFoundError } from '@temporalio/client';
import { LEASE_MS } from '../../src/store/accounts/grants';
import type { Mark } from '../support/lab-process';
import { type Lab, LONG, type Mode, type Phase, startLab, times, type Victim } from './_lab';
import { broken, checkPromises } from './_promises';
import { hitsOf, report } from './_report';

/** Attempts per phase and provider. */
const EACH = times(2, 12, 'FAULTS_FROZEN');
const RECEIVED: readonly Phase[] = ['answered', 'sealed'];
const FROZEN_AT: readonly Phase[] = ['claimed', 'marked', ...RECEIVED];
const MODES: readonly Mode[] = ['until-used', 'strict'];
/**
 * Within this time, in ms, the other worker replays the refresh token while the frozen one, which recorded its send
 * intent, still sleeps.
 */
const REPLAYED_SOON_MS = 12_000;

/** Ignores that the workflow has completed. */
function ended(error: unknown): void {
  if (!(error instanceof WorkflowNotFoundError)) throw error;
}

let lab: Lab;
beforeAll(async () => {
  lab = await startLab();
});
afterAll(() => lab?.stop());

async function newVictims(): Promise<(Victim & { mode: Mode })[]> {
  const victims: (Victim & { mode: Mode })[] = [];
  for (const mode of MODES) {
    for (const phase of Array.from({ length: EACH }, () => FROZEN_AT).flat()) {
      const soon = mode === 'strict' && phase === 'marked';
      const id = await lab.addAccount(mode, soon ? { expiresInMs: REPLAYED_SOON_MS } : {});
      victims.push({ id, phase, mode, hitAt: Date.now() });
    }
  }
  return victims;
}

type Recipe = [id: string, fault: string, ms: number];
const F4: Recipe = ['F4', 'a worker that is frozen beyond its lease', LEASE_MS + 2_000];
// Shorter than the lease, so that it may continue unless another worker has taken over. Only in the long version.
const F5: Recipe = ['F5', 'a worker whose event loop is blocked for 12 s', 12_000];

it.each<Recipe>(LONG ? [F4, F5] : [F4])(
  '%s %s sends nothing after it resumes, and the grants that it had received are kept',
  async (recipe, fault, ms) => {
    const asleep = lab.spawn();
    const other = lab.spawn();
    await Promise.all([asleep.run(), other.ready]);
    const victims = await newVictims();
    const held = await lab.holdAt(asleep, victims);
    const before = [...asleep.marks];
    if (recipe === 'F4') await asleep.signal('SIGSTOP');
    else asleep.block(ms);
    await other.run();
    // The sleep is the fault; no condition tells that a lease has expired.
    await delay(ms);
    if (recipe === 'F4') await asleep.signal('SIGCONT');
    held.release();

    const received = victims.filter(({ phase }) => RECEIVED.includes(phase));
    await Promise.all(received.map(({ id }) => asleep.reached(id, 'committed')));
    // With a strict provider, their workflows would wait until near the expiry of a token that is no longer the newest.
    const waiting = received.filter(({ mode }) => mode === 'strict').map(({ id }) => id);
    for (const id of waiting) {
      const { workflow } = lab.h.client;
      await workflow.getHandle(`refresh-account/${id}`).terminate('seen enough').catch(ended);
    }
    const ids = victims.map(({ id }) => id);
    await lab.settled(ids.filter((id) => !waiting.includes(id)));
    await asleep.stop();

    // The worker may take new attempts when it wakes. Attempts held while it slept must not send after the lease, or
    // once another attempt has claimed the account.
    const slept = new Set(before.map(({ attemptId }) => attemptId));
    const marks = [...asleep.marks, ...other.marks];
    const takenOver = ({ accountId, attemptId, at }: Mark) =>
      marks.some(
        (mark) =>
          mark.accountId === accountId &&
          mark.attemptId !== attemptId &&
          mark.phase === 'claimed' &&
          mark.at < at,
      );
    const sentAwake = asleep.marks
      .slice(before.length)
      .filter(({ attemptId, phase }) => phase === 'sent' && slept.has(attemptId))
      .filter((mark) => ms > LEASE_MS || takenOver(mark)).length;
    let notKept = 0;
    for (const { id } of received) {
      const { current, previous, orphanedGrants } = await lab.h.account(id);
      const attempts = [current, previous, ...orphanedGrants].map((grant) => grant?.attemptId);
      const first = (await lab.h.entries(id)).at(-1)?.id;
      if (!attempts.includes(first)) notKept += 1;
    }
    const tally = await checkPromises(lab.h, ids);
    report({
      id: recipe,
      fault,
      n: victims.length,
      hits: hitsOf(victims),
      lost: tally.familiesLost,
      seed: lab.seed,
      note: `sent after waking ${sentAwake}; of ${received.length} grants received before, not kept ${notKept}; unexplained replays ${tally.unexplainedReplays}`,
    });
    for (const phase of FROZEN_AT) expect(hitsOf(victims)[phase]).toBe(EACH * MODES.length);
    expect({ sentAwake, notKept }).toEqual({ sentAwake: 0, notKept: 0 });
    expect(broken(tally)).toEqual([]);
    expect(tally).toMatchObject({ familiesLost: 0, rotationsLost: 0 });
    await other.stop();
  },
  LONG ? 600_000 : 150_000,
);
