/** Indexes: built with progress in the log and without limits of time, never twice, and never dropped. */
import { randomUUID } from 'node:crypto';
import { checkIndexes } from '../../../src/store/mongo/indexes';
import { onIndexConnection, openStore, type StoreOptions } from '../../../src/store/store';
import { engines } from '../../support/engines';
import { type MongodbProxy, startMongodbProxy } from '../../support/mongodb-proxy';
import { ringOf } from '../../vault/_keys';
import { RULE } from '../_store';

let uri: string;
let proxy: MongodbProxy;
let lines: { level: string; message: string; [member: string]: unknown }[];
const ring = ringOf('k1');
beforeEach(async () => {
  proxy = await startMongodbProxy();
  uri = proxy.through(engines.mongodbUri(`evergrant_indexes_${randomUUID()}`));
  lines = [];
});
afterEach(async () => {
  jest.useRealTimers();
  await proxy.stop();
});

const line = (level: string) => (members: unknown, message?: string) =>
  void lines.push({ level, message: String(message), ...(members as object) });
const logger = {
  debug: line('debug'),
  info: line('info'),
  warn: line('warn'),
} as unknown as NonNullable<StoreOptions['indexes']>['logger'];
async function start(mode: 'apply' | 'manual'): Promise<void> {
  const { store } = await openStore(uri, {
    logRetentionDays: 30,
    rules: () => RULE,
    ring,
    logger: { error: () => undefined },
    indexes: { mode, logger },
  });
  await store.close();
}
const check = () => onIndexConnection(uri, checkIndexes);
const builds = () => proxy.commands.filter(({ name }) => name === 'createIndexes');
const droppedAny = () => proxy.commands.some(({ name }) => name === 'dropIndexes');

it('builds every index once, and says so', async () => {
  const { missing } = await check();
  expect(missing.length).toBeGreaterThan(10);
  await start('apply');
  expect(await check()).toMatchObject({ missing: [], conflicting: [], unneeded: [] });
  const messages = lines.map(({ message }) => message);
  expect(messages.filter((one) => one === 'an index is being built')).toHaveLength(missing.length);
  expect(messages.filter((one) => one === 'an index was built')).toHaveLength(missing.length);
  const before = builds().length;
  await start('apply');
  expect(builds()).toHaveLength(before);
});

it('leaves two processes that start at once with one set of indexes', async () => {
  await Promise.all([start('apply'), start('apply')]);
  expect(await check()).toMatchObject({ missing: [], conflicting: [], unneeded: [] });
});

it('waits for a build that takes longer than any operation may, and logs its progress', async () => {
  let finish = () => {};
  const until = new Promise<void>((resolve) => {
    finish = resolve;
  });
  let held = 0;
  proxy.intervene(({ name }) => {
    if (name === 'currentOp')
      return {
        kind: 'answer',
        reply: { ok: 1, inprog: [{ progress: { done: 40, total: 100 } }] },
      };
    if (name !== 'createIndexes' || held > 0) return null;
    held += 1;
    return { kind: 'hold', until };
  });
  // Longer than one interval of the log; the socket's limit of 500 ms would have ended it long before.
  const limited = new URL(uri);
  limited.searchParams.set('socketTimeoutMS', '500');
  uri = limited.href;
  const started = start('apply');
  while (!lines.some(({ message }) => message === 'an index is still being built'))
    await new Promise((resolve) => setTimeout(resolve, 100));
  finish();
  await started;
  expect(lines.find(({ message }) => message === 'an index is still being built')).toMatchObject({
    collection: expect.any(String),
    index: expect.any(String),
    done: 40,
    total: 100,
  });
});

it('names an index that no query needs with the command that drops it, and keeps it', async () => {
  await start('apply');
  await onIndexConnection(uri, async ({ db }) => {
    await db?.collection('accounts').createIndex({ label: 1 }, { name: 'former' });
  });
  await start('apply');
  expect(lines.at(-1)).toMatchObject({
    level: 'warn',
    collection: 'accounts',
    index: 'former',
    drop: 'db.getCollection("accounts").dropIndex("former")',
  });
  expect((await check()).unneeded).toEqual([{ collection: 'accounts', index: 'former' }]);
  expect(droppedAny()).toBe(false);
});

it('refuses the start if an index of the same name has another definition, and drops nothing', async () => {
  await onIndexConnection(uri, async ({ db }) => {
    await db?.collection('accounts').createIndex({ label: 1 }, { name: 'identity' });
  });
  await expect(start('apply')).rejects.toThrow(/accounts\.identity with another definition/);
  expect(droppedAny()).toBe(false);
});

it('INDEXES=manual builds nothing, refuses the start without unique indexes, and names the others', async () => {
  await expect(start('manual')).rejects.toThrow(/INDEXES=manual.*evergrant indexes apply/);
  expect(builds()).toHaveLength(0);
  await start('apply');
  const [optional] = (await onIndexConnection(uri, async (connection) => {
    const { db } = connection;
    const indexes = (await db?.collection('log_entries').listIndexes().toArray()) ?? [];
    const found = indexes.filter(({ name, unique }) => name !== '_id_' && unique !== true);
    await db?.collection('log_entries').dropIndex(String(found[0]?.name));
    return found;
  })) as { name: string }[];
  const before = builds().length;
  await start('manual');
  expect(lines.at(-1)).toMatchObject({ level: 'warn', missing: `log_entries.${optional?.name}` });
  expect(builds()).toHaveLength(before);
});
