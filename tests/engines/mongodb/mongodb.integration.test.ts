/** The embedded MongoDB: its data, its indexes, its socket, and its end. */
import { createHash, randomUUID } from 'node:crypto';
import { chmod, cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mongo } from 'mongoose';
import { type RunningMongodb, startMongodb } from '../../../src/engines/mongodb/mongodb';
import {
  CACHE_DIR,
  engineRecord,
  eventually,
  listeningPorts,
  removeFolder,
  runs,
  startParent,
  temporaryFolder,
} from '../_setup';

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

/** Returns a document with values that compare in special ways: missing, `null`, integers, fractions, unusual text. */
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

/** Each sort is a total order, so that only one result is correct. */
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
      log: () => {},
      ...options,
    });
    running.push(engine);
    return engine;
  }

  it('keeps documents and unique indexes across a restart', async () => {
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

  it('finds the same documents with and without a unique index', async () => {
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

  it('finds the same documents in the same order with and without indexes, also after changes and a restart', async () => {
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
      // Half of the documents exist before the indexes.
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

      // From now on, sizes have types that an index cannot order.
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

  it('listens only on a socket in a folder that only its user can enter', async () => {
    const folder = join(dataDir, 'mongodb');
    await mkdir(folder, { mode: 0o755 });
    const engine = await start();
    expect(new URL(engine.uri).hostname).toBe(encodeURIComponent(join(folder, 'mongodb.sock')));
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder, 'mongodb.sock'))).isSocket()).toBe(true);
    expect(await listeningPorts(engine.pid)).toEqual([]);
  });

  describe('with a data folder whose path is too long for a socket', () => {
    let long: string;
    let short: string;
    beforeEach(() => {
      long = join(dataDir, 'x'.repeat(110));
      const hash = createHash('sha256').update(join(long, 'mongodb')).digest('hex').slice(0, 16);
      short = join(tmpdir(), `evergrant-${hash}`);
    });
    afterEach(() => rm(short, { recursive: true, force: true }));

    it('listens in a private temporary folder, also at the next start', async () => {
      const label = randomUUID();
      const first = await start({ dataDir: long });
      expect((await stat(short)).mode & 0o777).toBe(0o700);
      expect((await stat(join(short, 'mongodb.sock'))).isSocket()).toBe(true);
      await withCollection(first.uri, (accounts) => accounts.insertOne({ label }));
      await first.stop();
      const { uri } = await start({ dataDir: long });
      expect(uri).toBe(first.uri);
      const found = await withCollection(uri, (accounts) => accounts.findOne({ label }));
      expect(found).toMatchObject({ label });
    }, 60_000);

    it('refuses that folder if other users can enter it', async () => {
      await mkdir(short);
      await chmod(short, 0o711);
      await expect(start({ dataDir: long })).rejects.toThrow(
        `${short}, the folder for the socket of ${join(long, 'mongodb')}, can be entered by other users. Remove it, or set DATA_DIR to a shorter path`,
      );
    });
  });

  it('starts mongod only on that socket', async () => {
    // Prints a version, and then fails with its arguments in the log.
    const bin = await temporaryFolder();
    const mongod = join(bin, 'mongod');
    await writeFile(mongod, '#!/bin/sh\ntest "$1" = --version || { echo "got $*"; exit 3; }\n');
    await chmod(mongod, 0o755);
    const environment = { ...process.env, PATH: `${bin}:${process.env['PATH']}` };
    const folder = join(dataDir, 'mongodb');
    await expect(start({ environment })).rejects.toThrow(
      `got --dbpath ${folder}/wiredtiger --bind_ip ${folder}/mongodb.sock --nounixsocket`,
    );
    await removeFolder(bin);
  });

  describe('with a library other than the pinned one', () => {
    let cacheDir: string;
    let libraries: string;
    beforeEach(async () => {
      cacheDir = await temporaryFolder();
      libraries = join(cacheDir, 'mongo-java-server-1.47.0');
      await cp(join(CACHE_DIR, 'mongo-java-server-1.47.0'), libraries, { recursive: true });
    });
    afterEach(() => removeFolder(cacheDir));
    // Excludes a mongod on this machine, which would be tried first.
    const withoutMongod = async () => {
      await mkdir(join(dataDir, 'mongodb'), { recursive: true });
      await writeFile(join(dataDir, 'mongodb', 'kept-by'), 'mongo-java-server\n');
    };

    it('refuses one changed byte and names the library and the folder to delete', async () => {
      await withoutMongod();
      const jar = join(libraries, 'h2-2.3.232.jar');
      const bytes = await readFile(jar);
      bytes[1_000] = (bytes[1_000] ?? 0) ^ 1;
      await writeFile(jar, bytes);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      await expect(start({ cacheDir })).rejects.toThrow(
        `${jar} has the SHA-256 ${sha256}, but 8dae62d22db8982c3dcb3826edb9c727c5d302063a67eef7d63d82de401f07d3 is expected. Evergrant does not use it. Delete ${libraries}. The next start downloads it again.`,
      );
      expect(await readdir(cacheDir)).toEqual(['mongo-java-server-1.47.0']);
    });

    it('refuses an unknown library and a missing library', async () => {
      await withoutMongod();
      await writeFile(join(libraries, 'aaa.jar'), '');
      await expect(start({ cacheDir })).rejects.toThrow(`${join(libraries, 'aaa.jar')} is not in`);
      await rm(join(libraries, 'aaa.jar'));
      await rm(join(libraries, 'slf4j-api-2.0.17.jar'));
      await expect(start({ cacheDir })).rejects.toThrow(`${libraries} has no slf4j-api-2.0.17.jar`);
    });
  });

  it('stops the server when its parent is killed, without another start', async () => {
    const parent = await startParent('mongodb', { dataDir, cacheDir: CACHE_DIR });
    expect(parent.failed).toBeUndefined();
    const { pid, guardPid } = await engineRecord(dataDir, 'mongodb');
    parent.process.kill('SIGKILL');
    const gone = async () => !(await runs(pid)) && !(await runs(guardPid));
    await eventually('server and guard end', gone, 30_000);
  });

  it('keeps an acknowledged write after all processes were killed', async () => {
    const label = randomUUID();
    const parent = await startParent('mongodb', { dataDir, cacheDir: CACHE_DIR });
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

  it('has consistent documents and indexes after it was killed during writes', async () => {
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
      // With a limit, the server reads in the order of the index. Without one, it sorts the result.
      const query = { shop: 'a', due_at: { $gte: at(0) } };
      const sort = { due_at: 1, _id: 1 } as const;
      const walked = await accounts.find(query, { sort, limit: 1_000 }).toArray();
      const all = await accounts.find({ generation: null }, { sort }).toArray();
      expect(all).toHaveLength(400);
      expect(walked).toEqual(all.filter(({ due_at }) => due_at instanceof Date));
    });
  }, 120_000);

  it('refuses data that another running Evergrant uses', async () => {
    const engine = await start();
    await expect(start()).rejects.toThrow(/already running on .*Stop that Evergrant first/);
    expect(await runs(engine.pid)).toBe(true);
  });

  it('reports that another process killed the server', async () => {
    const engine = await start();
    process.kill(engine.pid, 'SIGKILL');
    expect(await engine.exited).toMatchObject({
      expected: false,
      detail: expect.stringContaining('SIGKILL'),
    });
  });

  it('lists every strategy if none works, and leaves no unfinished files in the cache', async () => {
    const cacheDir = await temporaryFolder();
    const parent = await startParent(
      'mongodb',
      { dataDir, cacheDir },
      {
        ...process.env,
        PATH: cacheDir,
        HTTPS_PROXY: 'http://127.0.0.1:1', // makes the download fail on a machine with a network
      },
    );
    const left = await readdir(join(cacheDir, 'mongod')).catch(() => []);
    await removeFolder(cacheDir);
    expect(parent.failed).toMatch(/^MongoDB could not be started/);
    for (const strategy of ['mongod on PATH', 'download of mongod', 'mongo-java-server']) {
      expect(parent.failed).toContain(strategy);
    }
    expect(parent.failed).toContain('Install MongoDB');
    expect(left).toEqual([]);
  });
});
