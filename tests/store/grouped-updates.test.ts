import { randomUUID } from 'node:crypto';
import type { Connection, mongo } from 'mongoose';
import { openDatabase } from '../../src/store/database';
import { GroupedUpdates } from '../../src/store/grouped-updates';
import { engines } from '../support/engines';

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
/** A compare-and-set, as those of a refresh are. */
const advance = (_id: string, generation = 1) =>
  updates.updateOne({
    filter: { _id, generation },
    update: { $set: { generation: generation + 1 } },
    upsert: false,
  });
const generations = async () =>
  (await counters.find().sort({ _id: 1 }).toArray()).map(({ generation }) => generation);

it('writes at once what comes alone, and together what comes while that is being written', async () => {
  await insert(10);
  const alone = jest.spyOn(counters, 'updateOne');
  const together = jest.spyOn(counters, 'bulkWrite');
  expect(await Promise.all(ids(10).map((id) => advance(id)))).toEqual(Array(10).fill(true));
  expect(await generations()).toEqual(Array(10).fill(2));
  expect(alone).toHaveBeenCalledTimes(1);
  expect(together.mock.calls.map(([operations]) => operations.length)).toEqual([9]);
});

it('tells each update for itself whether it found its document', async () => {
  await insert(4);
  const found = await Promise.all([
    advance('counter-0'),
    advance('counter-1'),
    advance('counter-2', 7),
    advance('counter-3'),
    advance('nobody'),
  ]);
  // Those of the group that had found it are done over, and find it advanced: whoever asks has to look.
  expect(found).toEqual([true, false, false, false, false]);
  expect(await generations()).toEqual([2, 2, 1, 2]);
});

it('fails an update that cannot be written alone, and writes those beside it', async () => {
  await insert(3);
  const settled = await Promise.allSettled([
    advance('counter-0'),
    advance('counter-1'),
    updates.updateOne({
      filter: { _id: 'counter-2', generation: 99 },
      update: { $set: { generation: 1 } },
      upsert: true,
    }),
    updates.updateOne({
      filter: { _id: 'new' },
      update: { $setOnInsert: { generation: 5 } },
      upsert: true,
    }),
  ]);
  expect(settled.map(({ status }) => status)).toEqual([
    'fulfilled',
    'fulfilled',
    'rejected',
    'fulfilled',
  ]);
  expect(await generations()).toEqual([2, 2, 1, 5]);
});

it('goes on after a group that failed', async () => {
  await insert(4);
  jest.spyOn(counters, 'bulkWrite').mockRejectedValueOnce(new Error('the connection broke'));
  expect(await Promise.all(ids(3).map((id) => advance(id)))).toEqual([true, true, true]);
  expect(await advance('counter-3')).toBe(true);
});
