import { randomUUID } from 'node:crypto';
import type { Connection, mongo } from 'mongoose';
import { GroupedUpdates } from '../../../src/store/mongo/batched-updates';
import { openDatabase } from '../../../src/store/mongo/database';
import { engines } from '../../support/engines';

interface Counter {
  _id: string;
  generation: number;
}

let connection: Connection;
let counters: mongo.Collection<Counter>;
let updates: GroupedUpdates<Counter>;
beforeEach(async () => {
  connection = await openDatabase(engines.mongodbUri(`evergrant_grouped_${randomUUID()}`));
  counters = connection.collection<Counter>('counters');
  updates = new GroupedUpdates(counters);
});
afterEach(async () => {
  jest.restoreAllMocks();
  await connection.close();
});

const ids = (count: number) => Array.from({ length: count }, (_, index) => `counter-${index}`);
const insert = (count: number) =>
  counters.insertMany(ids(count).map((_id) => ({ _id, generation: 1 })));
/** A compare-and-set, as in a refresh. */
const advance = (_id: string, generation = 1) =>
  updates.updateOne({
    filter: { _id, generation },
    update: { $set: { generation: generation + 1 } },
    isIn: (counter) => counter.generation === generation + 1,
  });
const generations = async () =>
  (await counters.find().sort({ _id: 1 }).toArray()).map(({ generation }) => generation);

it('writes concurrent updates in one command', async () => {
  await insert(10);
  const together = jest.spyOn(counters, 'bulkWrite');
  expect(await Promise.all(ids(10).map((id) => advance(id)))).toEqual(Array(10).fill(true));
  expect(await generations()).toEqual(Array(10).fill(2));
  expect(together.mock.calls.map(([operations]) => operations.length)).toEqual([9]);
});

it('reports for each update whether it was applied, and repeats none', async () => {
  await insert(5);
  const alone = jest.spyOn(counters, 'updateOne');
  const found = await Promise.all([
    advance('counter-0'),
    advance('counter-1'),
    advance('counter-2', 7),
    advance('counter-3'),
    advance('nobody'),
    advance('counter-4'),
  ]);
  expect(found).toEqual([true, true, false, true, false, true]);
  expect(await generations()).toEqual([2, 2, 1, 2, 2]);
  // The first update, which arrived when nothing was in flight.
  expect(alone).toHaveBeenCalledTimes(1);
});

it('inserts a missing document if upsert is set', async () => {
  await insert(1);
  const upsert = (_id: string) =>
    updates.updateOne({
      filter: { _id },
      update: { $setOnInsert: { generation: 5 } },
      upsert: true,
      isIn: () => true,
    });
  expect(await Promise.all(['counter-0', 'one', 'two'].map(upsert))).toEqual([true, true, true]);
  expect(await generations()).toEqual([1, 5, 5]);
});

it('fails only the update that cannot be written, and writes the others', async () => {
  await insert(3);
  const settled = await Promise.allSettled([
    advance('counter-0'),
    advance('counter-1'),
    updates.updateOne({
      // The id exists with another generation, so the upsert fails.
      filter: { _id: 'counter-2', generation: 99 },
      update: { $set: { generation: 1 } },
      upsert: true,
      isIn: () => true,
    }),
  ]);
  expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
  expect(await generations()).toEqual([2, 2, 1]);
});
