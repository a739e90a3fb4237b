/** Starts in special cases: short token lifetimes, interruptions, a port in use, a wrong encryption key. */
import { Client, Connection } from '@temporalio/client';
import mongoose from 'mongoose';
import { CONNECTABLE_PROVIDERS } from '../../src/all-in-one/demo-mode';
import { DEMO_ACCOUNT_PROVIDERS } from '../../src/sandbox/demo-accounts';
import { engines } from '../support/engines';
import { eventually } from '../support/eventually';
import {
  ask,
  cleanUp,
  type EvergrantProcess,
  enginesOf,
  isAlive,
  newKey,
  occupy,
  providersFile,
  START_MS,
  sharedEngines,
  startProcess,
  temporaryFolder,
} from './_evergrant';

afterAll(cleanUp, START_MS);

const apiOf = (run: EvergrantProcess) => /^ {2}API +(\S+)/m.exec(run.stderr())?.[1] ?? '';
const keyOf = (run: EvergrantProcess) => /Admin key +(evg_\S+)/.exec(run.stderr())?.[1] ?? '';

async function stop(run: EvergrantProcess): Promise<void> {
  run.signal('SIGTERM');
  expect(await run.exited).toMatchObject({ code: 0 });
}

/** The contents of all collections of a database, in a fixed order. */
async function dump(database: string): Promise<string> {
  const connection = await mongoose.createConnection(engines.mongodbUri(database)).asPromise();
  try {
    const collections = (await connection.listCollections()).map(({ name }) => name).toSorted();
    const contents: unknown[] = [];
    for (const name of collections) {
      const documents = await connection.collection(name).find().sort({ _id: 1 }).toArray();
      contents.push([name, documents]);
    }
    return JSON.stringify(contents);
  } finally {
    await connection.close();
  }
}

it('SANDBOX_ACCESS_TOKEN_LIFE and REFRESH_INTERVAL_MINUTES shorten the token lifetime and interval of demo mode', async () => {
  const { environment } = await sharedEngines();
  const run = startProcess('main.js', {
    ...environment,
    SANDBOX_ACCESS_TOKEN_LIFE: '2m',
    REFRESH_INTERVAL_MINUTES: '1',
  });
  await run.printed(/Evergrant is running/);
  await run.logged(/^sweep finished$/);
  expect(run.stderr()).toMatch(/sweep\/ebay every 1 min,/);
  const connection = await Connection.connect({ address: engines.temporalAddress });
  const client = new Client({ connection, namespace: environment['TEMPORAL_NAMESPACE'] ?? '' });
  const { spec } = await client.schedule.getHandle('sweep/ebay').describe();
  expect(spec.intervals).toMatchObject([{ every: 60_000 }]);
  await connection.close();
  const refreshed = await eventually(async () => {
    const { items } = await ask(apiOf(run), keyOf(run), '/api/admin/accounts?limit=100');
    const some = items.filter(({ generation }: any) => generation > 1);
    return some.length > 5 && some;
  });
  for (const { expires_at, last_refreshed_at } of refreshed) {
    const lifeMs = Date.parse(expires_at) - Date.parse(last_refreshed_at);
    expect(lifeMs).toBeGreaterThan(90_000);
    expect(lifeMs).toBeLessThan(150_000);
  }
  await stop(run);
});

it('a start with a real provider after demo mode shows that provider, and pauses the schedules of demo mode', async () => {
  const { environment } = await sharedEngines();
  const demo = startProcess('main.js', environment);
  await demo.printed(/Evergrant is running in demo mode/);
  await stop(demo);
  const run = startProcess('main.js', {
    ...environment,
    ...providersFile('http://127.0.0.1:9/token', { sweepEvery: '15s' }, 'my-shop'),
    EBAY_CLIENT_ID: 'an-app',
    EBAY_CLIENT_SECRET: 'a-secret-of-no-use',
  });
  await run.printed(/Evergrant is running\./);
  expect(run.stderr()).toMatch(/^ {2}Sweeps +sweep\/my-shop every 15 s$/m);
  expect(run.stderr()).toContain('/api/admin/my-shop/tokens/terminal-logs?env=production&limit=20');
  const key = keyOf(run);
  const { items } = await ask(apiOf(run), key, '/api/admin/schedules');
  const states = items.map(({ id, paused, note }: any) => [id, paused, note || null]);
  const note = 'Paused at start: the provider is not configured.';
  expect(states).toEqual(
    [
      ...[...DEMO_ACCOUNT_PROVIDERS, ...CONNECTABLE_PROVIDERS].map((id) => [
        `sweep/${id}`,
        true,
        note,
      ]),
      ['sweep/my-shop', false, null],
    ].toSorted(([one = ''], [other = '']) => (String(one) < String(other) ? -1 : 1)),
  );
  await ask(apiOf(run), key, '/api/admin/my-shop/tokens/terminal-logs?env=production');
  await stop(run);
});

it('a configured port that is in use ends the start with a message, and the next start still shows the admin key', async () => {
  const { environment } = await sharedEngines();
  const port = await occupy(0);
  const first = startProcess('main.js', { ...environment, PORT: String(port) });
  expect(await first.exited).toMatchObject({ code: 1 });
  expect(first.stderr().trim()).toBe(
    `Port ${port} on 127.0.0.1 is in use. Set PORT to a free port.`,
  );
  const second = startProcess('main.js', environment);
  await second.printed(/Evergrant is running/);
  expect((await ask(apiOf(second), keyOf(second), '/api/admin/accounts')).items).toHaveLength(26);
  await stop(second);
});

it(
  'SIGTERM to `npm start` reaches Evergrant, which stops in order and leaves no engine running',
  async () => {
    const dataDir = temporaryFolder();
    const npm = startProcess('npm start', { DATA_DIR: dataDir, PORT: '0' });
    await npm.printed(/Evergrant is running/);
    const running = enginesOf(dataDir);
    expect(running.filter(isAlive)).toHaveLength(4);
    npm.signal('SIGTERM');
    await npm.exited;
    await eventually(() => npm.stdout().includes('"msg":"stopped"'));
    await eventually(() => running.filter(isAlive).length === 0);
  },
  START_MS * 2,
);

it(
  "TEMPORAL_UI=true starts Temporal's web UI with a warning; the banner and the histories of workflows link to it",
  async () => {
    const run = startProcess('main.js', {
      DATA_DIR: temporaryFolder(),
      PORT: '0',
      TEMPORAL_UI: 'true',
    });
    await run.printed(/Evergrant is running/);
    const [, ui = ''] =
      /^ {2}Temporal's UI +(http:\/\/127\.0\.0\.1:\d+)$/m.exec(run.stderr()) ?? [];
    const page = await fetch(ui);
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toMatch(/text\/html/);
    await run.logged(/^Temporal: web UI at .* every user of this machine/);
    const { items } = await ask(apiOf(run), keyOf(run), '/api/admin/workflows');
    const history = `/api/admin/workflows/${encodeURIComponent(items[0].workflow_id)}/history`;
    const { temporal_ui_url: link } = await ask(apiOf(run), keyOf(run), history);
    expect(new URL(link).origin).toBe(ui);
    await stop(run);
  },
  START_MS * 2,
);

it('Ctrl-C during the start ends it at once and leaves no engine running', async () => {
  const dataDir = temporaryFolder();
  const run = startProcess('main.js', { DATA_DIR: dataDir });
  await eventually(() => enginesOf(dataDir).some(isAlive), START_MS);
  run.signal('SIGINT');
  expect(await run.exited).toMatchObject({ code: 0, signal: null });
  expect(run.stderr()).not.toMatch(/Evergrant is running/);
  await eventually(() => !enginesOf(dataDir).some(isAlive), 20_000);
});

it('R0.6 a wrong encryption key ends the start with its name and a remedy, and changes no data', async () => {
  const { database, environment } = await sharedEngines();
  const demo = `${database}_demo`;
  const right = startProcess('main.js', environment);
  await right.printed(/Evergrant is running/);
  const key = keyOf(right);
  await right.logged(/^sweep finished$/);
  await stop(right);
  const before = await dump(demo);
  expect(before).toContain('Lantern Lane');

  const another = startProcess('main.js', { ...environment, ENCRYPTION_KEYS: newKey('k1') });
  expect(await another.exited).toMatchObject({ code: 1 });
  expect(another.stderr()).toMatch(/Wrong encryption key: key mismatch: .*a key named "k1"/);
  expect(another.stderr()).toMatch(/Add the key that encrypted this database to/);
  expect(await dump(demo)).toBe(before);

  const missing = startProcess('main.js', { ...environment, ENCRYPTION_KEYS: newKey('k2') });
  expect(await missing.exited).toMatchObject({ code: 1 });
  expect(missing.stderr()).toMatch(
    /encrypted with key "k1", which is not in ENCRYPTION_KEYS \(it has: k2\)/,
  );
  expect(await dump(demo)).toBe(before);

  const again = startProcess('main.js', environment);
  await again.printed(/Evergrant is running/);
  const { items } = await ask(apiOf(again), key, '/api/admin/accounts?limit=100');
  const { id } = items.find(({ label }: any) => label.startsWith('Quarry'));
  const outcome = await ask(apiOf(again), key, `/api/admin/accounts/${id}/refresh`, {
    method: 'POST',
    body: { force: true },
  });
  expect(outcome).toMatchObject({ outcome: 'refreshed' });
  await stop(again);
});
