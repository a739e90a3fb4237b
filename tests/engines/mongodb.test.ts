import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
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
