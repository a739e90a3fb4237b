/**
 * F8: the primary steps down at each phase of a refresh at a strict provider. Every command is refused with a code of a
 * failover, in the worker and in the API, until the received grants are in Temporal; then the next primary answers.
 */

import { randomUUID } from 'node:crypto';
import { RETRYABLE_CODES } from '../../src/store/mongo/unavailability';
import { engines } from '../support/engines';
import { eventually } from '../support/eventually';
import { type MongodbProxy, refuseAll, startMongodbProxy } from '../support/mongodb-proxy';
import { type Lab, LONG, PHASES, type Phase, shuffled, startLab, times } from './_lab';
import { broken, checkPromises, internalErrors } from './_promises';
import { hitsOf, log, report } from './_report';

/** Attempts per phase and round. */
const EACH = LONG ? 3 : 1;
const ROUNDS = times(1, 4, 'FAULTS_STEPDOWN_ROUNDS');
const LIFE_MS = 9 * 60_000;
/** In these phases the claim is checked once more before the send. */
const UNSENT: readonly Phase[] = ['claimed'];

let lab: Lab;
let proxy: MongodbProxy;
beforeAll(async () => {
  proxy = await startMongodbProxy();
  const mongodbUri = proxy.through(engines.mongodbUri(`evergrant_stepdown_${randomUUID()}`));
  lab = await startLab({ mongodbUri });
});
afterAll(async () => {
  proxy?.intervene(null);
  await lab?.stop();
  await proxy?.stop();
});

/** Refuses commands with all codes in turn. */
function stepDown(): void {
  const codes = shuffled(Object.entries(RETRYABLE_CODES), lab.seed);
  let refused = 0;
  proxy.intervene((command) => {
    const [code, name] = codes[refused % codes.length] ?? ['10107', 'NotWritablePrimary'];
    refused += 1;
    return refuseAll(Number(code), name)(command);
  });
}

it(
  'F8 R2.2 nothing is lost or presented twice when the primary steps down at any phase, no error counts as internal, and callers are answered 503 and then the token',
  async () => {
    const worker = lab.spawn();
    await worker.run();
    const key = await lab.h.key({ scopes: ['admin', 'tokens'] });
    const victims: { id: string; phase: Phase; hitAt: number }[] = [];
    const answered = { during: [] as number[], after: [] as number[] };
    let sentMeanwhile = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const some: { id: string; phase: Phase }[] = [];
      for (const phase of Array.from({ length: EACH }, () => PHASES).flat())
        some.push({ id: await lab.addAccount('strict', { expiresInMs: LIFE_MS }), phase });
      const held = await lab.holdAt(worker, some);
      stepDown();
      const hitAt = Date.now();
      held.release();
      const ask = () =>
        Promise.all(some.map(({ id }) => lab.h.request(key, 'GET', `/api/tokens/${id}`)));
      answered.during.push(...(await ask()).map(({ status }) => status));
      await Promise.all(
        some
          .filter(({ phase }) => phase === 'answered' || phase === 'sealed')
          .map(({ id }) => eventually(() => handedOver(id), 60_000)),
      );
      const unsent = some.filter(({ phase }) => UNSENT.includes(phase)).map(({ id }) => id);
      sentMeanwhile += lab.h.sandbox.ledger.filter(
        ({ event, subject = '' }) => event === 'received' && unsent.includes(subject),
      ).length;
      proxy.intervene(null);
      await lab.settled(some.map(({ id }) => id));
      answered.after.push(...(await ask()).map(({ status }) => status));
      victims.push(...some.map((victim) => ({ ...victim, hitAt })));
      log(`stepdown: ${victims.length} attempts`);
    }
    const ids = victims.map(({ id }) => id);
    const tally = await checkPromises(lab.h, ids);
    const hits = hitsOf(victims);
    const internal = await internalErrors(lab.h, ids, worker.output);
    report({
      id: 'F8',
      fault: 'the primary stepped down (a proxy refused every command), and the next one answered',
      n: victims.length,
      hits,
      lost: tally.familiesLost,
      seed: lab.seed,
      note: `presented twice ${tally.replays}; sent without a claim ${sentMeanwhile}; internal errors ${internal.length}`,
    });
    for (const phase of PHASES) expect(hits[phase]).toBe(EACH * ROUNDS);
    expect(broken(tally)).toEqual([]);
    expect(tally).toMatchObject({ familiesLost: 0, rotationsLost: 0, replays: 0 });
    expect(sentMeanwhile).toBe(0);
    expect(internal).toEqual([]);
    expect(new Set(answered.during)).toEqual(new Set([503]));
    expect(new Set(answered.after)).toEqual(new Set([200]));
  },
  LONG ? 1_200_000 : 150_000,
);

async function handedOver(id: string): Promise<boolean> {
  const { events } = await lab.h.client.workflow.getHandle(`refresh-account/${id}`).fetchHistory();
  return (events ?? []).some(
    (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'persistGrant',
  );
}
