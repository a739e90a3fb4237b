/**
 * A worker is killed (-9) at every phase of a refresh that tries a candidate. The current grant must survive with any
 * provider; the candidate is accepted or refused, and never forgotten.
 */
import { NO_GENERATION } from '../../src/domain/account/grant';
import { newCandidate } from '../../src/domain/account/reconnect';
import { grantPlace } from '../../src/vault/vault';
import type { LabWorker } from '../support/lab-process';
import { type Lab, type Mode, PHASES, type Phase, startLab, times, WINDOW } from './_lab';
import { broken, checkPromises } from './_promises';
import { hitsOf, report } from './_report';

/** Kills at each of the eight phases. */
const KILLS = times(1, 6, 'FAULTS_RECONNECTS');

let lab: Lab;
let standby: LabWorker;
beforeAll(async () => {
  lab = await startLab();
  standby = lab.spawn();
});
afterAll(() => lab?.stop());

/** Reconnects with a grant that the provider has just issued for the same owner. */
async function submitCandidate(id: string, mode: Mode): Promise<void> {
  const account = await lab.h.account(id);
  const rotation =
    mode === 'strict' ? { mode: 'strict' as const } : { mode: 'grace' as const, seconds: 30 };
  const issued = lab.h.sandbox.issueGrant({ provider: 'etsy', subject: id, rotation });
  const sealed = lab.h.vault.sealGrant(
    { accessToken: issued.access_token, refreshToken: issued.refresh_token },
    grantPlace(account, NO_GENERATION),
  );
  const now = new Date();
  const grant = {
    ...sealed,
    expiresAt: issued.expires_at,
    refreshTokenExpiresAt: null,
    scopes: [],
    obtainedAt: now.toISOString(),
    attemptId: null,
  };
  if (!(await lab.h.store.reconnects.submit(account, newCandidate(grant, 'fault lab', now), null)))
    throw new Error(`no candidate was stored for ${id}`);
}

it.each<Mode>(['grace', 'strict'])(
  'P1 P2 a kill while a candidate is tried never costs the current grant (rotation: %s)',
  async (mode) => {
    const phases: Phase[] = Array.from({ length: KILLS }, () => PHASES).flat();
    const worker = standby;
    await worker.run();
    standby = lab.spawn();
    await standby.ready;
    const held: { id: string; phase: Phase }[] = [];
    for (const phase of phases) {
      const id = await lab.addAccount(mode);
      await submitCandidate(id, mode);
      held.push({ id, phase });
    }
    const { at, releaseProvider } = await lab.holdAt(worker, held);
    const hitAt = Date.now();
    await worker.signal('SIGKILL');
    await standby.run();
    releaseProvider();
    const victims = at.map((victim) => ({ ...victim, hitAt }));
    const ids = victims.map(({ id }) => id);
    await lab.settled(ids);
    const tally = await checkPromises(lab.h, ids, victims);
    const hits = hitsOf(victims);
    report({
      id: 'P1 P2',
      fault: `kill -9 while a candidate grant is tried, rotation ${mode}`,
      n: ids.length,
      hits,
      lost: tally.familiesLost,
      seed: lab.seed,
      note: `replays unexplained ${tally.unexplainedReplays}, silent ${tally.silent}`,
    });
    for (const phase of PHASES) expect(hits[phase]).toBeGreaterThanOrEqual(KILLS);
    expect(broken(tally)).toEqual([]);
    expect(tally.familiesLost).toBe(0);
    const accounts = await Promise.all(
      victims.map(async ({ id, phase }) => ({ phase, ...(await lab.h.account(id)) })),
    );
    const stands = accounts.map(({ state, candidate }) => ({ state, candidate }));
    expect(stands).toEqual(accounts.map(() => ({ state: 'active', candidate: null })));
    // In the window, a strict provider has rotated the candidate's refresh token and refuses its replay.
    const outcomes = accounts
      .filter(({ phase }) => mode === 'grace' || !WINDOW.includes(phase))
      .map(({ phase, lastReconnect }) => ({ phase, outcome: lastReconnect?.outcome }));
    expect(outcomes).toEqual(outcomes.map(({ phase }) => ({ phase, outcome: 'accepted' })));
  },
  180_000,
);
