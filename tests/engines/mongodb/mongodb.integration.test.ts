import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { mongo } from 'mongoose';
import { type RunningMongodb, startMongodb } from '../../src/engines/mongodb';
import {
  CACHE_DIR,
  engineRecord,
  eventually,
  removeFolder,
  runs,
  sayings,
  startParent,
  temporaryFolder,
} from './_setup';

const ANY_PORT = 0;

interface Shop {
  _id: string;
  organisation: string;
  shop: string | null;
  generation: number;
  claim?: { attempt_id: string } | null;
}

interface Task {
  _id: string;
  shop: string;
  state?: string;
  due_at?: Date | null;
  size?: unknown;
  grant?: { ends_at: Date | null } | null;
  unsent?: { id: string }[];
}

const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 0, minute));

/** Of everything that sorts and compares in its own way: nothing, `null`, numbers of two kinds, odd text. */
function task(n: number): Task {
  const shops = ['a', 'b', 'a\0', 'a\u0001', 'ab', '\uff21', '😀', ''];
  return {
    _id: `t${String(n).padStart(3, '0')}`,
    shop: shops[n % shops.length] ?? '',
    ...(n % 3 === 0 ? {} : { state: n % 3 === 1 ? 'open' : 'done' }),
    ...(n % 5 === 0 ? {} : { due_at: n % 5 === 1 ? null : at((n * 37) % 50) }),
    ...(n % 7 === 0 ? {} : { size: n % 7 === 1 ? -n : n % 7 === 2 ? n / 4 : n % 7 }),
    grant: n % 4 === 0 ? null : { ends_at: n % 4 === 1 ? null : at((n * 13) % 60) },
    ...(n % 10 === 0 ? { unsent: [{ id: `e${n}` }, { id: 'shared' }] } : {}),
  };
}

const TASK_QUERIES: mongo.Filter<Task>[] = [
  {},
  { shop: 'a' },
  { shop: 'a', due_at: { $lte: at(20) } },
  { shop: 'a', due_at: { $gt: at(7), $lt: at(40) } },
  { shop: 'a', due_at: at(7), _id: { $gt: 't020' } },
  { shop: 'b', due_at: null },
  { shop: 'b', due_at: { $ne: null } },
  { shop: 'b', due_at: { $exists: false } },
  { shop: { $in: ['a', 'a\0', '😀'] }, due_at: { $gte: at(10) } },
  { shop: { $gt: 'a' } },
  { shop: { $lt: '😀' } },
  { shop: { $in: [] } },
  { shop: /^a/ },
  { shop: { $nin: ['a', 'b'] }, state: 'open' },
  { $and: [{ shop: 'a' }, { shop: { $ne: 'b' } }, { due_at: { $lte: at(30) } }] },
  { shop: 'ab', $or: [{ due_at: { $gt: at(5) } }, { due_at: at(5), _id: { $gt: 't050' } }] },
  { $or: [{ shop: 'a', state: 'open' }, { shop: 'b' }] },
  { $or: [{ shop: 'a' }, { state: 'open' }] },
  { shop: 'a', size: { $gte: 2 } },
  { shop: 'a', size: 3 },
  { shop: 'b', size: { $not: { $lt: 4 } } },
  { size: { $in: [3, null] } },
  { 'grant.ends_at': { $lte: at(30) } },
  { 'grant.ends_at': null },
  { 'grant.ends_at': { $ne: null }, state: { $exists: true } },
  { 'unsent.id': { $exists: true } },
  { 'unsent.id': 'shared' },
  { 'unsent.id': null },
  { _id: { $in: ['t001', 't077', 'none'] } },
  { _id: { $gt: 't100' } },
  { _id: 't010', shop: 'a\0' },
];

/** All of them in a full order, so that there is one right answer. */
const TASK_PAGES: [mongo.Sort, number][] = [
  [{ _id: 1 }, 0],
  [{ _id: -1 }, 4],
  [{ due_at: 1, _id: 1 }, 7],
  [{ due_at: -1, _id: -1 }, 5],
  [{ size: -1, _id: -1 }, 6],
  [{ size: 1, _id: -1 }, 3],
  [{ 'grant.ends_at': 1, _id: 1 }, 8],
  [{ shop: 1, due_at: 1, _id: 1 }, 9],
];

async function withCollection<T>(
  uri: string,
  use: (collection: mongo.Collection) => Promise<T>,
): Promise<T> {
  const client = await mongo.MongoClient.connect(uri);
  try {
    return await use(client.db().collection('accounts'));
  } finally {
    await client.close();
  }
}

describe('startMongodb', () => {
  let dataDir: string;
  let running: RunningMongodb[];

  beforeEach(async () => {
    dataDir = await temporaryFolder();
    running = [];
  });

  afterEach(async () => {
    await Promise.all(running.map((engine) => engine.stop()));
    await removeFolder(dataDir);
  });

  async function start(options: Partial<Parameters<typeof startMongodb>[0]> = {}) {
    const engine = await startMongodb({
      dataDir,
      cacheDir: CACHE_DIR,
      say: () => {},
      port: ANY_PORT,
      ...options,
    });
    running.push(engine);
    return engine;
  }

  it('keeps documents and unique indexes over a stop and a start', async () => {
    const label = randomUUID();
    const first = await start();
    await withCollection(first.uri, async (accounts) => {
      await accounts.createIndex({ label: 1 }, { unique: true });
      await accounts.insertOne({ label });
    });
    await first.stop();
    expect(await first.exited).toMatchObject({ expected: true });

    const second = await start();
    await withCollection(second.uri, async (accounts) => {
      expect(await accounts.findOne({ label })).toMatchObject({ label });
      await expect(accounts.insertOne({ label })).rejects.toMatchObject({ code: 11_000 });
    });
  }, 120_000);

  it('finds the same with a unique index as without, whatever else is asked of the documents', async () => {
    const { uri } = await start();
    const client = await mongo.MongoClient.connect(uri);
    try {
      const indexed = client.db().collection<Shop>('indexed');
      const plain = client.db().collection<Shop>('plain');
      await indexed.createIndex({ organisation: 1, shop: 1 }, { unique: true });
      const shops: Shop[] = [
        { _id: 'a', organisation: 'one', shop: 'x', generation: 1, claim: null },
        { _id: 'b', organisation: 'one', shop: 'y', generation: 2, claim: { attempt_id: '1' } },
        { _id: 'c', organisation: 'two', shop: 'x', generation: 2 },
        { _id: 'd', organisation: 'two', shop: null, generation: 1 },
      ];
      await indexed.insertMany(shops);
      await plain.insertMany(shops);
      const queries: mongo.Filter<Shop>[] = [
        { _id: 'a' },
        { _id: 'a', generation: 1 },
        { _id: 'a', generation: 2 },
        { _id: 'b', claim: null },
        { _id: 'b', 'claim.attempt_id': '1', $or: [{ generation: 1 }, { generation: 2 }] },
        { _id: { $in: ['a', 'c', 'z'] }, organisation: 'two' },
        { _id: { $gt: 'a' }, organisation: 'one' },
        { _id: { $ne: 'a' }, shop: 'x' },
        { organisation: 'one', shop: 'x', generation: { $ne: 2 } },
        { organisation: 'one', shop: 'x', generation: { $ne: 1 } },
        { organisation: 'one', shop: { $in: ['x', 'y'] }, generation: 2 },
        { organisation: 'two', shop: null },
        { organisation: 'two', shop: null, generation: 1 },
        { organisation: 'two', generation: 1 },
        { $and: [{ _id: 'a' }, { _id: 'b' }] },
      ];
      for (const query of queries) {
        const found = (shopsOf: mongo.Collection<Shop>) =>
          shopsOf
            .find(query)
            .sort({ _id: 1 })
            .map(({ _id }) => _id)
            .toArray();
        const changed = (shopsOf: mongo.Collection<Shop>) =>
          shopsOf
            .updateMany(query, { $inc: { changes: 1 } })
            .then(({ matchedCount }) => matchedCount);
        const ids = await found(plain);
        expect({ query, ids: await found(indexed) }).toEqual({ query, ids });
        expect({ query, changed: await changed(indexed) }).toEqual({
          query,
          changed: await changed(plain),
        });
      }
      expect(await indexed.find().sort({ _id: 1 }).toArray()).toEqual(
        await plain.find().sort({ _id: 1 }).toArray(),
      );
    } finally {
      await client.close();
    }
  }, 120_000);

  it('finds the same, in the same order, along its indexes as without, also after updates, deletes and a restart', async () => {
    let { uri, stop } = await start();
    let client = await mongo.MongoClient.connect(uri);
    const ordered = () => client.db().collection<Task>('ordered');
    const plain = () => client.db().collection<Task>('plain');
    const both = async (change: (tasks: mongo.Collection<Task>) => Promise<unknown>) => {
      await change(ordered());
      await change(plain());
    };
    const expectTheSame = async (when: string) => {
      for (const query of TASK_QUERIES) {
        for (const [sort, limit] of TASK_PAGES) {
          const ids = (tasks: mongo.Collection<Task>) =>
            tasks
              .find(query, { sort, limit })
              .map(({ _id }) => _id)
              .toArray();
          expect({ when, query, sort, ids: await ids(ordered()) }).toEqual({
            when,
            query,
            sort,
            ids: await ids(plain()),
          });
        }
        const count = (tasks: mongo.Collection<Task>) => tasks.countDocuments(query);
        expect({ when, query, count: await count(ordered()) }).toEqual({
          when,
          query,
          count: await count(plain()),
        });
      }
    };
    try {
      // Half of them are there before their indexes.
      const tasks = Array.from({ length: 120 }, (_, n) => task(n));
      await both((collection) => collection.insertMany(tasks.slice(0, 60)));
      await ordered().createIndex({ shop: 1, due_at: 1, _id: 1 });
      await ordered().createIndex({ shop: 1, state: 1 });
      await ordered().createIndex({ 'grant.ends_at': 1 });
      await ordered().createIndex({ shop: 1, size: -1, _id: -1 });
      await ordered().createIndex({ 'unsent.id': 1 }, { sparse: true });
      await both((collection) => collection.insertMany(tasks.slice(60)));
      await expectTheSame('after inserts');

      await both((collection) => collection.updateMany({ shop: 'a' }, { $set: { due_at: at(7) } }));
      await both((collection) => collection.updateMany({ size: 3 }, { $set: { size: 30.5 } }));
      await both((collection) => collection.updateOne({ _id: 't003' }, { $unset: { due_at: 1 } }));
      await both((collection) =>
        collection.updateOne({ _id: 't004' }, { $push: { unsent: { id: 'new' } } }),
      );
      await both((collection) => collection.deleteMany({ state: 'done' }));
      await expectTheSame('after updates and deletes');

      await client.close();
      await stop();
      ({ uri, stop } = await start());
      client = await mongo.MongoClient.connect(uri);
      await expectTheSame('after a restart');

      // From here on, sizes are in no order that an index could keep.
      await both((collection) => collection.updateOne({ _id: 't005' }, { $set: { size: [1, 9] } }));
      await both((collection) =>
        collection.updateOne({ _id: 't006' }, { $set: { size: { x: 1 } } }),
      );
      await expectTheSame('with lists and documents among the values');
      await ordered().dropIndexes();
      await expectTheSame('without the indexes');
    } finally {
      await client.close();
    }
  }, 240_000);

  it('opens a file of the time before documents were BSON, and loses nothing of it', async () => {
    const folder = join(dataDir, 'mongodb');
    await mkdir(folder);
    await writeFile(join(folder, 'kept-by'), 'mongo-java-server\n');
    const file = await readFile(join(__dirname, 'serialized-documents.mv.db.gz'));
    await writeFile(join(folder, 'evergrant.mv.db'), gunzipSync(file));
    const first = await start();
    await withCollection<void>(first.uri, async (accounts) => {
      await accounts.insertOne({ organisation: 'three', shop: 'new' });
    });
    await first.stop();
    const { uri } = await start();
    const client = await mongo.MongoClient.connect(uri);
    try {
      const accounts = client.db().collection<mongo.Document & { _id: string }>('accounts');
      expect(await accounts.countDocuments()).toBe(31);
      expect(await accounts.findOne({ _id: 'acc_07' })).toEqual({
        _id: 'acc_07',
        organisation: 'two',
        shop: 'shop 7',
        due_at: new Date('2026-01-01T00:07:00Z'),
        generation: 7,
        claim: null,
        current: {
          access_token: 'ENC:v1:x',
          scopes: ['a', 'b'],
          expires_at: new Date('2026-01-02T00:00:00Z'),
        },
      });
      expect(
        await accounts
          .find({ organisation: 'one', due_at: { $lte: new Date('2026-01-01T00:09:00Z') } })
          .sort({ due_at: 1, _id: 1 })
          .map(({ _id }) => _id)
          .toArray(),
      ).toEqual(['acc_03', 'acc_06', 'acc_09']);
      await expect(
        accounts.insertOne({ _id: 'other', organisation: 'two', shop: 'shop 7' }),
      ).rejects.toMatchObject({ code: 11_000 });
      expect((await accounts.indexes()).map(({ name }) => name)).toEqual(
        expect.arrayContaining(['_id_', 'identity', 'due']),
      );
      expect(await client.db().collection('settings').find().toArray()).toEqual([
        { _id: expect.any(mongo.ObjectId), note: 'its id is an ObjectId' },
      ]);
    } finally {
      await client.close();
    }
  }, 120_000);

  it('takes another port and says which if the usual one is taken', async () => {
    const taken = createServer();
    const port = await new Promise<number>((resolve) => {
      taken.listen(0, '127.0.0.1', () => {
        const address = taken.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    const { say, lines } = sayings();
    try {
      const engine = await start({ port, say });
      const other = new URL(engine.uri).port;
      expect(other).not.toBe(String(port));
      expect(lines).toContain(`MongoDB: port ${port} is taken, using ${other}`);
    } finally {
      taken.close();
    }
  });

  it('ends the engine when its parent is killed, without a next start', async () => {
    const parent = await startParent('mongodb', { dataDir, cacheDir: CACHE_DIR, port: ANY_PORT });
    expect(parent.failed).toBeUndefined();
    const { pid, guardPid } = await engineRecord(dataDir, 'mongodb');
    parent.process.kill('SIGKILL');
    const gone = async () => !(await runs(pid)) && !(await runs(guardPid));
    await eventually('engine and guard end', gone, 30_000);
  });

  it('has an acknowledged write after everything was killed at once', async () => {
    const label = randomUUID();
    const parent = await startParent('mongodb', { dataDir, cacheDir: CACHE_DIR, port: ANY_PORT });
    const { pid, guardPid } = await engineRecord(dataDir, 'mongodb');
    await withCollection(String(parent.ready?.['uri']), async (accounts) => {
      await accounts.insertOne({ label }, { writeConcern: { w: 'majority', j: true } });
      for (const victim of [guardPid, pid, Number(parent.process.pid)]) {
        process.kill(victim, 'SIGKILL');
      }
    });
    const engine = await start();
    const found = await withCollection(engine.uri, (accounts) => accounts.findOne({ label }));
    expect(found).toMatchObject({ label });
  });

  it('has documents and indexes that agree after it was killed while many wrote', async () => {
    const engine = await start();
    const client = await mongo.MongoClient.connect(engine.uri);
    const tasks = client.db().collection<Task>('accounts');
    await tasks.createIndex({ shop: 1, due_at: 1, _id: 1 });
    await tasks.insertMany(Array.from({ length: 400 }, (_, n) => ({ ...task(n), shop: 'a' })));
    let writes = 0;
    const writeUntilItEnds = async (writer: number) => {
      for (;;) {
        const _id = task(writer + 8 * (writes % 50))._id;
        await tasks.updateOne({ _id }, { $set: { due_at: at((writes * 37) % 1_000) } });
        writes += 1;
        if (writes === 1_500) process.kill(engine.pid, 'SIGKILL');
      }
    };
    await Promise.allSettled(Array.from({ length: 8 }, (_, writer) => writeUntilItEnds(writer)));
    await engine.exited;
    await client.close(true);

    const { uri } = await start();
    await withCollection<void>(uri, async (accounts) => {
      // With a limit, the order is that of the index; without one, what is found is sorted.
      const query = { shop: 'a', due_at: { $gte: at(0) } };
      const sort = { due_at: 1, _id: 1 } as const;
      const walked = await accounts.find(query, { sort, limit: 1_000 }).toArray();
      const all = await accounts.find({ generation: null }, { sort }).toArray();
      expect(all).toHaveLength(400);
      expect(walked).toEqual(all.filter(({ due_at }) => due_at instanceof Date));
    });
  }, 120_000);

  it('refuses data that is in use by an Evergrant that is alive', async () => {
    const engine = await start();
    await expect(start()).rejects.toThrow(/already running on .*Stop that one first/);
    expect(await runs(engine.pid)).toBe(true);
  });

  it('tells that the engine was killed by somebody else', async () => {
    const engine = await start();
    process.kill(engine.pid, 'SIGKILL');
    expect(await engine.exited).toMatchObject({
      expected: false,
      detail: expect.stringContaining('SIGKILL'),
    });
  });

  it('lists every way it tried if none works, and leaves nothing half done in the cache', async () => {
    const cacheDir = await temporaryFolder();
    const parent = await startParent(
      'mongodb',
      { dataDir, cacheDir },
      {
        ...process.env,
        PATH: cacheDir,
        // Keeps the download from working where there is a network.
        MONGOMS_DOWNLOAD_MIRROR: 'http://127.0.0.1:1',
        MONGOMS_USE_HTTP: 'true',
      },
    );
    const left = await readdir(join(cacheDir, 'mongod')).catch(() => []);
    await removeFolder(cacheDir);
    expect(parent.failed).toMatch(/^MongoDB could not be started/);
    for (const way of ['mongod on PATH', 'mongodb-memory-server', 'mongo-java-server']) {
      expect(parent.failed).toContain(way);
    }
    expect(parent.failed).toContain('Install MongoDB');
    expect(left).toEqual([]);
  });
});
