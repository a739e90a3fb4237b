/**
 * F6, F7, F32: MongoDB becomes unreachable at each phase of a refresh while the provider is reachable. Unsent requests
 * are not sent, and received grants wait in Temporal, encrypted.
 */
import { eventually } from '../support/eventually';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';
import { type Lab, LONG, type Mode, PHASES, type Phase, startLab, times } from './_lab';
import { broken, checkPromises } from './_promises';
import { hitsOf, log, report } from './_report';

/** Attempts per phase, provider and round. */
const EACH = LONG ? 3 : 1;
const ROUNDS = times(1, 4, 'FAULTS_DATABASE_ROUNDS');
const MODES: readonly Mode[] = ['strict', 'until-used'];
/** Lifetime of the access tokens, in ms: a strict provider's replay is made in its last tenth. */
const LIFE_MS = 45_000;
/** In these phases the database is checked once more before the send. */
const UNSENT: readonly Phase[] = ['claimed'];

let lab: Lab;
let proxy: TcpProxy;
beforeAll(async () => {
  lab = await startLab();
  proxy = await startTcpProxy();
});
afterAll(async () => {
  await lab?.stop();
  await proxy?.stop();
});

it(
  'F6 F7 F32 R2.2 an outage of MongoDB at any phase loses nothing and causes no replay, at a strict provider too',
  async () => {
    const uri = new URL(proxy.through(lab.h.mongodbUri));
    uri.searchParams.set('directConnection', 'true');
    const worker = lab.spawn({ mongodbUri: uri.href });
    await worker.run();
    const victims: { id: string; phase: Phase; hitAt: number }[] = [];
    let sentWhileAway = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const some: { id: string; phase: Phase }[] = [];
      for (const mode of MODES) {
        for (const phase of Array.from({ length: EACH }, () => PHASES).flat())
          some.push({ id: await lab.addAccount(mode, { expiresInMs: LIFE_MS }), phase });
      }
      const held = await lab.holdAt(worker, some);
      proxy.drop();
      const hitAt = Date.now();
      held.release();
      // The grants received meanwhile must be in Temporal before the database is back.
      await Promise.all(
        some
          .filter(({ phase }) => phase === 'answered' || phase === 'sealed')
          .map(({ id }) => eventually(() => handedOver(id), 60_000)),
      );
      const unsent = some.filter(({ phase }) => UNSENT.includes(phase)).map(({ id }) => id);
      sentWhileAway += lab.h.sandbox.ledger.filter(
        ({ event, subject = '' }) => event === 'received' && unsent.includes(subject),
      ).length;
      proxy.restore();
      await lab.settled(some.map(({ id }) => id));
      victims.push(...some.map((victim) => ({ ...victim, hitAt })));
      log(`MongoDB unreachable: ${victims.length} attempts`);
    }
    const ids = victims.map(({ id }) => id);
    const tally = await checkPromises(lab.h, ids);
    const hits = hitsOf(victims);
    report({
      id: 'F6 F7 F32',
      fault: 'MongoDB unreachable until the received grants wait in Temporal',
      n: victims.length,
      hits,
      lost: tally.familiesLost,
      seed: lab.seed,
      note: `presented twice ${tally.replays}; sent although the send intent could not be recorded ${sentWhileAway}`,
    });
    for (const phase of PHASES) expect(hits[phase]).toBe(EACH * MODES.length * ROUNDS);
    expect(broken(tally)).toEqual([]);
    expect(tally).toMatchObject({ familiesLost: 0, rotationsLost: 0, replays: 0 });
    expect(sentWhileAway).toBe(0);
  },
  LONG ? 1_200_000 : 150_000,
);

async function handedOver(id: string): Promise<boolean> {
  const { events } = await lab.h.client.workflow.getHandle(`refresh-account/${id}`).fetchHistory();
  return (events ?? []).some(
    (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'persistGrant',
  );
}
