/** Command errors of a replica set that changes its primary, on reads and on writes that the driver does not retry. */
import { randomUUID } from 'node:crypto';
import type { Connection, mongo } from 'mongoose';
import { openDatabase } from '../../../src/store/mongo/database';
import {
  isDatabaseUnavailable,
  PASSING_CODES,
  RETRYABLE_CODES,
} from '../../../src/store/mongo/unavailability';
import { engines } from '../../support/engines';
import {
  type MongodbProxy,
  refuseAll,
  startMongodbProxy,
  unconfirmed,
} from '../../support/mongodb-proxy';

interface Row {
  _id: string;
  n: number;
}

let proxy: MongodbProxy;
let connection: Connection;
let rows: mongo.Collection<Row>;
beforeAll(async () => {
  proxy = await startMongodbProxy();
  const uri = new URL(proxy.through(engines.mongodbUri(`evergrant_errors_${randomUUID()}`)));
  // After some of the errors the driver looks for its server anew, at most so often.
  uri.searchParams.set('minHeartbeatFrequencyMS', '10');
  connection = await openDatabase(uri.href);
  rows = connection.collection<Row>('rows');
});
afterEach(() => proxy.intervene(null));
afterAll(async () => {
  await connection.close();
  await proxy.stop();
});

const row = (): Row => ({ _id: randomUUID(), n: 1 });
const OPERATIONS: Record<string, () => Promise<unknown>> = {
  'a read': () => rows.find({}).toArray(),
  'a count': () => rows.countDocuments({}),
  'an insert': () => rows.insertOne(row()),
  'an insert of many': () => rows.insertMany([row(), row()], { ordered: false }),
  'an update': () => rows.updateOne({ _id: 'a' }, { $set: { n: 2 } }, { upsert: true }),
  'an update of many': () => rows.updateMany({}, { $set: { n: 2 } }),
  'a bulk update': () =>
    rows.bulkWrite([{ updateOne: { filter: { _id: 'a' }, update: { $set: { n: 3 } } } }]),
  'a find and update': () => rows.findOneAndUpdate({ _id: 'a' }, { $set: { n: 4 } }),
  'a delete of many': () => rows.deleteMany({ n: 99 }),
};

async function errorOf(work: () => Promise<unknown>): Promise<unknown> {
  return work().then(
    () => 'done',
    (error: unknown) => error,
  );
}

it.each(Object.entries({ ...RETRYABLE_CODES, ...PASSING_CODES }))(
  'F8 the command error %s (%s) makes every read and write unavailable, until the next primary answers',
  async (code, codeName) => {
    proxy.intervene(refuseAll(Number(code), codeName));
    for (const [name, operation] of Object.entries(OPERATIONS)) {
      const error = await errorOf(operation);
      expect({ name, unavailable: isDatabaseUnavailable(error) }).toEqual({
        name,
        unavailable: true,
      });
    }
    proxy.intervene(null);
    expect(await errorOf(() => rows.findOne({}))).not.toBeInstanceOf(Error);
  },
);

it.each(Object.keys(OPERATIONS))(
  'F7 counts %s as unavailable if the connection breaks under it',
  async (name) => {
    proxy.intervene(() => ({ kind: 'drop' }));
    const error = await errorOf(OPERATIONS[name] as () => Promise<unknown>);
    expect(isDatabaseUnavailable(error)).toBe(true);
  },
);

it.each([
  'an insert',
  'an insert of many',
  'an update',
  'a bulk update',
  'a find and update',
  'a delete of many',
])('F8 counts %s as unavailable if a majority does not confirm it', async (name) => {
  proxy.intervene(() => ({ kind: 'amend', members: unconfirmed() }));
  expect(isDatabaseUnavailable(await errorOf(OPERATIONS[name] as () => Promise<unknown>))).toBe(
    true,
  );
});

it('F8 counts an insert of many as unavailable if some exist and a majority does not confirm the others', async () => {
  const known = row();
  await rows.insertOne(known);
  proxy.intervene(() => ({ kind: 'amend', members: unconfirmed() }));
  const error = await errorOf(() => rows.insertMany([known, row()], { ordered: false }));
  expect(isDatabaseUnavailable(error)).toBe(true);
});

it('does not count a duplicate key as unavailable', async () => {
  const known = row();
  await rows.insertOne(known);
  expect(isDatabaseUnavailable(await errorOf(() => rows.insertOne(known)))).toBe(false);
  const many = await errorOf(() => rows.insertMany([known, row()], { ordered: false }));
  expect(isDatabaseUnavailable(many)).toBe(false);
});
