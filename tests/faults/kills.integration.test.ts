/**
 * P1–P4: workers are killed (-9) at every phase of a refresh, as reported by the attempt or the provider, and a standby
 * takes over. Then the provider's ledger is joined with Evergrant's records.
 */
import { eventually } from '../support/eventually';
import type { LabWorker } from '../support/lab-process';
import {
  GRACE_SECONDS,
  type Lab,
  LONG,
  type Mode,
  PHASES,
  type Phase,
  shuffled,
  startLab,
  times,
  type Victim,
  WINDOW,
} from './_lab';
import { broken, checkPromises } from './_promises';
import { hitsOf, log, percentile, report } from './_report';

/** Attempts per phase that die with one process. */
const PER_PROCESS = times(1, 3, 'FAULTS_PER_PROCESS');
/** Kills at each of the eight phases. */
const KILLS = {
  none: times(1, 12, 'FAULTS_KILLS_NONE'),
  grace: times(2, 125, 'FAULTS_KILLS_GRACE'),
  'until-used': times(1, 12, 'FAULTS_KILLS_UNTIL_USED'),
  strict: times(2, 24, 'FAULTS_KILLS_STRICT'),
};
const ALERT_WITHIN_MS = 30_000;
/** Lifetime of the old access token, in ms: a replay that revokes it is made in its last tenth. */
const STRICT_LIFE_MS = 25_000;
/** The lifetime if the grace period was missed: bounds how long the run waits for the replay. */
const GRACE_LIFE_MS = 67_000;

let lab: Lab;
let standby: LabWorker;
beforeAll(async () => {
  lab = await startLab();
  standby = lab.spawn();
});
afterAll(() => lab?.stop());

/** Holds `each` accounts at every phase in one worker, and kills it (-9). */
async function killAtEachPhase(mode: Mode, each: number, expiresInMs?: number): Promise<Victim[]> {
  const phases = shuffled(Array.from({ length: each }, () => PHASES).flat(), lab.seed);
  const life = expiresInMs === undefined ? {} : { expiresInMs };
  const held: { id: string; phase: Phase }[] = [];
  const worker = standby;
  await worker.run();
  standby = lab.spawn();
  await standby.ready;
  // Added only now, because an account's life counts from here.
  for (const phase of phases) held.push({ id: await lab.addAccount(mode, life), phase });
  const { at, releaseProvider } = await lab.holdAt(worker, held);
  const hitAt = Date.now();
  await worker.signal('SIGKILL');
  await standby.run();
  // The provider continues with received requests; its client is gone.
  releaseProvider();
  return at.map((victim) => ({ ...victim, hitAt }));
}

/** Accounts replayed after the provider's grace period, because the machine was too slow. */
function replayedLate(ids: readonly string[]): Set<string> {
  const { ledger } = lab.h.sandbox;
  const late = ids.filter((id) => {
    const mine = ledger.filter(({ subject }) => subject === id);
    const minted = mine.find(({ event }) => event === 'committed');
    const again = mine.findLast(({ event }) => event === 'received');
    return (again?.at ?? 0) - (minted?.at ?? 0) > GRACE_SECONDS * 1000;
  });
  return new Set(late);
}

/** The number of hits of the phase with the fewest. */
function fewest(victims: readonly Victim[]): number {
  const hits = hitsOf(victims);
  return Math.min(...PHASES.map((phase) => hits[phase] ?? 0));
}

const FORGIVING: [Mode, string][] = [
  ['grace', `P3 R2.2 a provider that forgives a replay for ${GRACE_SECONDS} s`],
  ['until-used', 'P3 a provider that forgives one until the successor is used'],
  ['none', 'P3 a provider that does not rotate'],
];

it.each(FORGIVING)(
  '%s: %s loses no family over kills (-9) at every phase',
  async (mode, fault) => {
    const victims: Victim[] = [];
    const takeOverMs: number[] = [];
    let processes = 0;
    while (fewest(victims) < KILLS[mode]) {
      const killed = await killAtEachPhase(mode, PER_PROCESS, GRACE_LIFE_MS);
      processes += 1;
      const ids = killed.map(({ id }) => id);
      await lab.settled(ids);
      takeOverMs.push(Date.now() - (killed[0]?.hitAt ?? 0));
      victims.push(...killed);
      log(`${mode}: ${victims.length} kills`);
    }
    const ids = victims.map(({ id }) => id);
    const late = mode === 'grace' ? replayedLate(ids) : new Set<string>();
    const inTime = ids.filter((id) => !late.has(id));
    const tally = await checkPromises(lab.h, inTime, victims);
    const hits = hitsOf(victims);
    report({
      id: 'P3',
      fault: `${fault.replace(/^(P3|R2.2| )+/, '')}: kill -9 of the worker`,
      n: inTime.length,
      hits,
      lost: tally.familiesLost,
      seed: lab.seed,
      note: `of ${victims.length} kills, ${late.size} with a takeover after the grace period (not counted); ${processes} processes killed; replays ${tally.replays}, unexplained ${tally.unexplainedReplays}; all recovered after ${Math.max(...takeOverMs)} ms at most`,
    });
    // Fewer hits would mean that the test proved nothing.
    for (const phase of PHASES) expect(hits[phase]).toBeGreaterThanOrEqual(KILLS[mode]);
    expect(broken(tally)).toEqual([]);
    expect(tally.familiesLost).toBe(0);
    // A slower machine would prove nothing either.
    expect(late.size).toBeLessThan(victims.length / 4);
  },
  LONG ? 3_600_000 : 120_000,
);

it(
  'P4 R2.2 a strict provider loses a grant only to a kill in the window, never silently, and the valid access token is served',
  async () => {
    const key = await lab.h.key({ scopes: ['admin', 'tokens'] });
    const served = async (id: string) =>
      (await lab.h.request(key, 'GET', `/api/tokens/${id}?min_valid_seconds=0`)).body;
    const victims: Victim[] = [];
    const alertedMs: number[] = [];
    const told: number[] = [];
    let withoutToken = 0;
    const each = LONG ? 6 : KILLS.strict;
    while (fewest(victims) < KILLS.strict) {
      const killed = await killAtEachPhase('strict', each, STRICT_LIFE_MS);
      const endangered = killed.filter(({ phase }) => WINDOW.includes(phase));
      await Promise.all(
        endangered.map(async ({ id, hitAt }) => {
          await eventually(async () => (await lab.h.account(id)).lastError !== null, 60_000);
          alertedMs.push(Date.now() - hitAt);
          const { active, fallback } = await served(id);
          if (active !== true || fallback !== false) withoutToken += 1;
          await eventually(
            async () => (await lab.h.account(id)).state === 'needs_reconnect',
            90_000,
          );
          told.push(Date.now() - hitAt);
        }),
      );
      await lab.settled(killed.map(({ id }) => id));
      victims.push(...killed);
      log(`strict: ${victims.length} kills`);
    }
    const ids = victims.map(({ id }) => id);
    const tally = await checkPromises(lab.h, ids, victims);
    const inWindow = victims.filter(({ phase }) => WINDOW.includes(phase)).length;
    const hits = hitsOf(victims);
    report({
      id: 'P4',
      fault: 'a strict provider: kill -9 of the worker',
      n: victims.length,
      hits,
      lost: tally.familiesLost,
      seed: lab.seed,
      note: `${inWindow} kills in the window; rotations lost outside it ${tally.rotationsLostOutsideWindow}, silent ${tally.silent}; alert after ${Math.max(...alertedMs)} ms, needs_reconnect after ${Math.max(...told)} ms at most; without a valid token meanwhile ${withoutToken}`,
    });
    for (const phase of PHASES) expect(hits[phase]).toBeGreaterThanOrEqual(KILLS.strict);
    expect(broken(tally)).toEqual([]);
    expect(tally.familiesLost).toBeLessThanOrEqual(inWindow);
    expect(withoutToken).toBe(0);
    expect(Math.max(...alertedMs)).toBeLessThan(ALERT_WITHIN_MS);
    expect(Math.max(...told)).toBeLessThan(ALERT_WITHIN_MS);
  },
  LONG ? 3_600_000 : 180_000,
);

it('P3 R3.1 a caller that waits during the kill of a worker is answered by the worker that takes over', async () => {
  const key = await lab.h.key({ scopes: ['admin', 'tokens'] });
  const worker = standby;
  await worker.run();
  standby = lab.spawn();
  await standby.ready;
  const answers: Promise<{ status: number; body: any }>[] = [];
  const ids: string[] = [];
  for (const phase of ['claimed', 'committed'] as const) {
    const id = await lab.addAccount('grace');
    await worker.hold(id, phase);
    answers.push(lab.h.request(key, 'POST', `/api/admin/accounts/${id}/refresh`, {}));
    await worker.reached(id, phase);
    ids.push(id);
  }
  await worker.signal('SIGKILL');
  await standby.run();
  for (const answer of answers)
    expect(await answer).toMatchObject({ status: 200, body: { outcome: 'refreshed' } });
  await lab.settled(ids);
  expect(broken(await checkPromises(lab.h, ids))).toEqual([]);
}, 60_000);

it(
  'P2 a run without faults measures the window between the request and the first durable write',
  async () => {
    const worker = standby;
    await worker.run();
    standby = lab.spawn();
    const ids: string[] = [];
    for (let n = 0; n < times(30, 500, 'FAULTS_WINDOW'); n += 1)
      ids.push(await lab.addAccount('strict'));
    for (let from = 0; from < ids.length; from += 10) {
      const some = ids.slice(from, from + 10);
      await Promise.all(some.map((id) => lab.refresh(id)));
      await lab.settled(some);
    }
    const at = (id: string, phase: string) =>
      worker.marks.find((mark) => mark.accountId === id && mark.phase === phase)?.at ?? Number.NaN;
    const minted = new Map(
      lab.h.sandbox.ledger
        .filter(({ event }) => event === 'committed')
        .map((entry) => [entry.subject, performance.timeOrigin + entry.at]),
    );
    const window = ids.map((id) => at(id, 'committed') - at(id, 'sent'));
    const hole = ids.map((id) => at(id, 'committed') - (minted.get(id) ?? Number.NaN));
    const ms = (values: number[], share: number) => percentile(values, share).toFixed(1);
    const tally = await checkPromises(lab.h, ids);
    report({
      id: 'P2',
      fault: 'no fault: rotations at a strict provider',
      n: ids.length,
      hits: {},
      lost: tally.rotationsLost,
      seed: lab.seed,
      note: `request to first durable write: median ${ms(window, 0.5)} ms, p99 ${ms(window, 0.99)} ms; provider's commit to first durable write: median ${ms(hole, 0.5)} ms, p99 ${ms(hole, 0.99)} ms (10 at once, provider on the same machine)`,
    });
    expect(window.every((length) => length > 0)).toBe(true);
    expect(hole.every((length) => length > 0)).toBe(true);
    expect(broken(tally)).toEqual([]);
    expect(tally).toMatchObject({ rotations: ids.length, rotationsLost: 0, familiesLost: 0 });
  },
  LONG ? 600_000 : 60_000,
);
