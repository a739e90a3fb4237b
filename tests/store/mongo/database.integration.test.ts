/** The options of the connection, as MongoDB receives them. */
import { randomUUID } from 'node:crypto';
import mongoose, { type Connection } from 'mongoose';
import { openDatabase, READ_MAX_MS } from '../../../src/store/mongo/database';
import { openStore } from '../../../src/store/store';
import { engines } from '../../support/engines';
import { type Command, type MongodbProxy, startMongodbProxy } from '../../support/mongodb-proxy';
import { ringOf } from '../../vault/_keys';
import { NOW, newAccount, RULE } from '../_store';

const READS: ReadonlySet<string> = new Set(['find', 'aggregate', 'count', 'distinct']);

let proxy: MongodbProxy;
beforeEach(async () => {
  proxy = await startMongodbProxy();
});
afterEach(() => proxy.stop());

function uriWith(options: Record<string, string> = {}): string {
  const uri = new URL(proxy.through(engines.mongodbUri(`evergrant_options_${randomUUID()}`)));
  for (const [name, value] of Object.entries(options)) uri.searchParams.set(name, value);
  return uri.href;
}

async function connected(
  options: Record<string, string>,
  work: (connection: Connection) => Promise<void>,
): Promise<void> {
  const connection = await openDatabase(uriWith(options));
  try {
    await work(connection);
  } finally {
    await connection.close();
  }
}

const sent = (name: string): Command['document'] | undefined =>
  proxy.commands.findLast((command) => command.name === name)?.document;

it.each([
  ['without options', {}],
  ['with a weaker write concern in the URI', { w: '1', journal: 'false' }],
  ['with no write concern in the URI', { w: '0' }],
])(
  'F8 %s every write waits for the journals of a majority, for a bounded time',
  async (_, options) => {
    await connected(options, async (connection) => {
      const rows = connection.collection<{ _id: string }>('rows');
      await rows.insertOne({ _id: 'a' });
      await rows.insertMany([{ _id: 'b' }], { ordered: false });
      await rows.updateMany({}, { $set: { n: 1 } });
    });
    const writeConcern = { w: 'majority', j: true, wtimeout: 15_000 };
    for (const name of ['insert', 'update']) expect(sent(name)).toMatchObject({ writeConcern });
  },
);

const THREE = { setName: 'rs0', hosts: ['a:1', 'b:1', 'c:1'] };
const FIVE = { ...THREE, passives: ['d:1'], arbiters: ['e:1'] };

it.each([
  ['3', THREE, 3],
  ['2', THREE, 'majority'],
  ['1', THREE, 'majority'],
  ['4', FIVE, 4],
  ['3', FIVE, 'majority'],
  ['two_regions', THREE, 'two_regions'],
  ['2', {}, 'majority'],
])(
  'F8 with w=%s in the URI and the members %o a write waits for %s',
  async (w, members, expected) => {
    proxy.intervene(({ name }) => (name === 'isMaster' ? { kind: 'amend', members } : null));
    await connected({ w, wtimeoutMS: '4000' }, async (connection) => {
      proxy.intervene(({ name }) =>
        name === 'insert' || name === 'update' ? { kind: 'answer', reply: { ok: 1, n: 1 } } : null,
      );
      await connection.collection<{ _id: string }>('rows').insertOne({ _id: 'a' });
      const row = new mongoose.Schema({ _id: String, n: Number });
      await connection.model('Row', row).updateOne({ _id: 'a' }, { $set: { n: 1 } });
    });
    const writeConcern = { w: expected, j: true, wtimeout: 4_000 };
    for (const name of ['insert', 'update']) expect(sent(name)).toMatchObject({ writeConcern });
  },
);

it('F8 uses the limits of the URI instead of the defaults', async () => {
  const options = {
    wtimeoutMS: '4000',
    socketTimeoutMS: '30000',
    serverSelectionTimeoutMS: '7000',
    maxPoolSize: '7',
  };
  await connected(options, async (connection) => {
    await connection.collection<{ _id: string }>('rows').insertOne({ _id: 'a' });
    expect(connection.getClient().options).toMatchObject({
      socketTimeoutMS: 30_000,
      serverSelectionTimeoutMS: 7_000,
      maxPoolSize: 7,
    });
  });
  expect(sent('insert')).toMatchObject({ writeConcern: { w: 'majority', wtimeout: 4_000 } });
});

it('F8 waits for a primary longer than an election, and ends a read before the socket', async () => {
  const uri = new URL(uriWith());
  uri.searchParams.delete('serverSelectionTimeoutMS');
  const connection = await openDatabase(uri.href);
  const { serverSelectionTimeoutMS, socketTimeoutMS } = connection.getClient().options;
  await connection.close();
  expect(serverSelectionTimeoutMS).toBeGreaterThan(12_000);
  expect(READ_MAX_MS).toBeLessThan(socketTimeoutMS);
});

it('F8 reads what a majority has, at the primary, for a bounded time, whatever the URI says', async () => {
  const options = { readConcernLevel: 'local', readPreference: 'secondaryPreferred' };
  await connected(options, async (connection) => {
    const rows = connection.collection('rows');
    await rows.find({}).toArray();
    await rows.findOne({});
    await rows.aggregate([{ $match: {} }]).toArray();
    await rows.countDocuments({});
    await rows.distinct('_id');
    expect(connection.getClient().readPreference.mode).toBe('primary');
  });
  const reads = proxy.commands.filter(({ name }) => READS.has(name));
  expect(reads.length).toBeGreaterThanOrEqual(5);
  for (const { document } of reads)
    expect(document).toMatchObject({
      maxTimeMS: READ_MAX_MS,
      readConcern: { level: 'majority' },
    });
});

it('F8 bounds every read of the store, and reads only lists as the URI prefers', async () => {
  const uri = uriWith({ readPreference: 'secondaryPreferred', readPreferenceTags: 'dc:a' });
  const { store } = await openStore(uri, {
    logRetentionDays: 30,
    rules: () => RULE,
    ring: ringOf('k1'),
    logger: { error: () => undefined },
  });
  const { id, organisation } = await store.accounts.create(newAccount(), NOW);
  // The driver sends a preference to replica sets alone, so it is read from its call.
  const find = jest.spyOn(mongoose.mongo.Collection.prototype, 'find');
  const before = proxy.commands.length;
  await store.accounts.find(organisation, id);
  await store.grants.read(id);
  await store.accountSummaries.of({ organisation, now: NOW, validSince: new Map() });
  await store.ping();
  const strict = find.mock.calls.length;
  await store.accounts.list({ organisation, limit: 10 });
  await store.logEntries.list({ organisation, limit: 10 });
  await store.logEntries.newerThan({ createdAt: NOW, id: '' }, { organisation, limit: 10 });
  await store.events.list({ organisation, limit: 10 });
  await store.webhookDeliveries.list({ organisation, endpointId: 'wh_1', limit: 10 });
  const reads = proxy.commands.slice(before).filter(({ name }) => READS.has(name));
  const preferences = find.mock.calls.map(([, options]) => options?.readPreference);
  find.mockRestore();
  await store.close();
  expect(reads).toHaveLength(10);
  for (const { document } of reads) expect(document).toMatchObject({ maxTimeMS: READ_MAX_MS });
  const preferred = expect.objectContaining({ mode: 'secondaryPreferred', tags: [{ dc: 'a' }] });
  expect(preferences).toHaveLength(strict + 5);
  for (const preference of preferences.slice(0, strict)) expect(preference).not.toEqual(preferred);
  for (const preference of preferences.slice(strict)) expect(preference).toEqual(preferred);
});
