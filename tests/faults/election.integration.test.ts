/**
 * F8 on a real replica set: the primary of EVERGRANT_TEST_MONGODB_URI steps down while attempts are at each phase of a
 * refresh at a strict provider. jest.config.js selects this file if the URI names a replica set.
 */

import { randomUUID } from 'node:crypto';
import { ConnectionString } from 'mongodb-connection-string-url';
import mongoose from 'mongoose';
import { engines } from '../support/engines';
import { type Lab, LONG, PHASES, type Phase, startLab, times } from './_lab';
import { broken, checkPromises, internalErrors } from './_promises';
import { hitsOf, log, report } from './_report';

/** Attempts per phase and round. */
const EACH = LONG ? 3 : 1;
const ROUNDS = times(2, 4, 'FAULTS_ELECTION_ROUNDS');
const LIFE_MS = 9 * 60_000;
/** How long, in s, the former primary refuses to be elected again. */
const AWAY_SECONDS = 20;

let lab: Lab;
let admin: mongoose.mongo.MongoClient;
beforeAll(async () => {
  const uri = new ConnectionString(engines.mongodbUri(`evergrant_election_${randomUUID()}`));
  // Evergrant waits for the election, as in production.
  uri.searchParams.delete('serverSelectionTimeoutMS');
  admin = await new mongoose.mongo.MongoClient(uri.href).connect();
  lab = await startLab({ mongodbUri: uri.href });
});
afterAll(async () => {
  await lab?.stop();
  await admin?.close();
});

async function primary(): Promise<string> {
  return (await admin.db('admin').command({ hello: 1 }))['primary'];
}

it(
  'F8 R2.2 nothing is lost or presented twice when a real primary steps down at any phase, and no error counts as internal',
  async () => {
    const worker = lab.spawn();
    await worker.run();
    const key = await lab.h.key({ scopes: ['admin', 'tokens'] });
    const victims: { id: string; phase: Phase; hitAt: number }[] = [];
    const statuses = { during: [] as number[], after: [] as number[] };
    for (let round = 0; round < ROUNDS; round += 1) {
      const some: { id: string; phase: Phase }[] = [];
      for (const phase of Array.from({ length: EACH }, () => PHASES).flat())
        some.push({ id: await lab.addAccount('strict', { expiresInMs: LIFE_MS }), phase });
      const held = await lab.holdAt(worker, some);
      const former = await primary();
      await admin
        .db('admin')
        .command({ replSetStepDown: AWAY_SECONDS, secondaryCatchUpPeriodSecs: 10 });
      const hitAt = Date.now();
      held.release();
      const ask = () =>
        Promise.all(some.map(({ id }) => lab.h.request(key, 'GET', `/api/tokens/${id}`)));
      statuses.during.push(...(await ask()).map(({ status }) => status));
      await lab.settled(some.map(({ id }) => id));
      statuses.after.push(...(await ask()).map(({ status }) => status));
      expect(await primary()).not.toBe(former);
      victims.push(...some.map((victim) => ({ ...victim, hitAt })));
      log(`election: ${victims.length} attempts`);
    }
    const ids = victims.map(({ id }) => id);
    const tally = await checkPromises(lab.h, ids);
    const hits = hitsOf(victims);
    const internal = await internalErrors(lab.h, ids, worker.output);
    report({
      id: 'F8',
      fault: 'the primary of a replica set stepped down, and the members elected another',
      n: victims.length,
      hits,
      lost: tally.familiesLost,
      seed: lab.seed,
      note: `presented twice ${tally.replays}; internal errors ${internal.length}; callers during the election ${[...new Set(statuses.during)].join(', ')}`,
    });
    for (const phase of PHASES) expect(hits[phase]).toBe(EACH * ROUNDS);
    expect(broken(tally)).toEqual([]);
    expect(tally).toMatchObject({ familiesLost: 0, rotationsLost: 0, replays: 0 });
    expect(internal).toEqual([]);
    expect(statuses.during.filter((status) => status !== 200 && status !== 503)).toEqual([]);
    expect(new Set(statuses.after)).toEqual(new Set([200]));
  },
  LONG ? 1_200_000 : 300_000,
);
