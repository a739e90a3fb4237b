/** `npm start` in demo mode without any configuration, from the first start to the third. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { engines } from '../support/engines';
import { eventually } from '../support/eventually';
import {
  ask,
  cleanUp,
  type EvergrantProcess,
  enginesOf,
  isAlive,
  occupy,
  START_MS,
  startProcess,
  temporaryFolder,
} from './_evergrant';

const RUNNING = /Evergrant is running[^]*npm start\n/;
const ACCOUNTS = '/api/admin/accounts?limit=100';
const TERMINAL = '/api/admin/ebay/tokens/terminal-logs?limit=100';

const QUARANTINED = {
  status: 'expiring_soon',
  quarantine: true,
  generation: 1,
  due: { due: false, reason: 'quarantined' },
};

let dataDir: string;
let run: EvergrantProcess;
let api: string;
let key: string;
let temporal: string;

const temporalCommand = async (...args: string[]): Promise<string> =>
  (await promisify(execFile)(engines.temporalCli, [...args, '--address', temporal])).stdout;

async function start(): Promise<void> {
  // Sweeps that found nothing due are logged at this level.
  run = startProcess('main.js', { DATA_DIR: dataDir, LOG_LEVEL: 'debug' });
  const [text] = await run.printed(RUNNING);
  api = /^ {2}API +(\S+)/m.exec(text)?.[1] ?? '';
  temporal = /^ {2}Temporal +(\S+)/m.exec(text)?.[1] ?? '';
}

/** Waits until each of the four providers with demo accounts has finished a sweep. */
const untilSweepsFinished = () =>
  eventually(() => {
    const finished = run.lines().filter(({ msg }) => msg === 'sweep finished');
    const swept = new Set(finished.map(({ provider }) => provider));
    return ['ebay', 'etsy', 'shopify', 'google'].every((provider) => swept.has(provider));
  }, START_MS);

beforeAll(async () => {
  // Occupies the default ports.
  await Promise.all([3000, 7233].map(occupy));
  dataDir = temporaryFolder();
  await start();
  key = /Admin key +(evg_\S+)/.exec(run.stderr())?.[1] ?? '';
  await untilSweepsFinished();
}, 2 * START_MS);
afterAll(cleanUp, START_MS);

describe('the first start', () => {
  it("prints the addresses, the state of Temporal's UI, the admin key and how to connect a real account to stderr", () => {
    const text = run.stderr();
    expect(text).toMatch(
      /so it refreshes 27 demo accounts \(1 of another organisation, which the admin key does not see\)/,
    );
    expect(text).toMatch(/^ {2}API +http:\/\/127\.0\.0\.1:\d+ /m);
    expect(text).toMatch(/^ {2}Temporal's UI +off \(TEMPORAL_UI=true starts it/m);
    expect(text).toMatch(/^ {2}MongoDB +mongodb:\/\/%2F\S+mongodb\.sock\/evergrant_demo/m);
    expect(text).toMatch(
      /^ {2}Sweeps +sweep\/ebay every 10 min, sweep\/etsy every 3 min, sweep\/shopify every 3 min, sweep\/google every 5 min, and 10 of providers without demo accounts$/m,
    );
    expect(text).toMatch(
      /^ {2}Admin key +evg_[0-9a-f]{16}_[\w-]{43} +\(shown only once; save it\)$/m,
    );
    expect(text).toContain(
      'The sandbox also simulates QuickBooks Online, Salesforce, Slack, Dropbox,',
    );
    expect(text).toMatch(/set EBAY_CLIENT_ID and EBAY_CLIENT_SECRET .* in the environment/);
    expect(text).toContain('SANDBOX_ACCESS_TOKEN_LIFE=2m REFRESH_INTERVAL_MINUTES=1 npm start');
  });

  it('uses free ports if the default ones are in use, and logs them', () => {
    const text = `${run.stdout()}${run.stderr()}`;
    expect(text).toMatch(/port 3000 is taken, using \d+ for the API/);
    expect(text).toMatch(/Temporal: port 7233 is in use, using \d+/);
    expect(new URL(api).port).not.toBe('3000');
  });

  it('writes only JSON lines to stdout if stdout is no terminal', () => {
    expect(run.lines().length).toBeGreaterThan(27);
    for (const line of run.lines())
      expect(line).toMatchObject({ level: expect.any(String), time: expect.any(String) });
  });

  it('answers the command in the banner', async () => {
    const command = /curl -s -H "Authorization: Bearer (\S+)" "([^"]+)"/.exec(run.stderr());
    const url = new URL(command?.[2] ?? '');
    const { items } = await ask(url.origin, command?.[1] ?? '', `${url.pathname}${url.search}`);
    expect(items.length).toBeGreaterThan(5);
  });

  it('serves the terminal in the browser, with its style and script', async () => {
    const url = /^ {2}Terminal +(\S+) /m.exec(run.stderr())?.[1] ?? '';
    const page = await fetch(url);
    expect(new URL(page.url).pathname).toBe('/sign-in');
    const files = [...(await page.text()).matchAll(/"(\/assets\/[^"]+)"/g)];
    expect(files).toHaveLength(2);
    for (const [, file = ''] of files) expect((await fetch(new URL(file, url))).status).toBe(200);
  });

  it('stores its encryption key readable only by its owner', () => {
    expect(statSync(join(dataDir, 'encryption-keys')).mode & 0o777).toBe(0o600);
  });

  const states: [shop: string, expected: object][] = [
    ['Lantern Lane', { status: 'ok', generation: 1, last_attempt: null }],
    ['Copper Kettle', { status: 'ok', generation: 1, last_attempt: null }],
    ['Harbour Books', { status: 'ok', generation: 2, last_error: null }],
    ['Juniper Crafts', { status: 'ok', generation: 2, last_error: null }],
    ['Meadow Bikes', { status: 'ok', generation: 2, last_error: null }],
    ['Old Mill Records', { status: 'ok', generation: 2, last_error: null }],
    ['Quarry Tools', { status: 'ok', generation: 2, last_error: null }],
    ['Willow Test Seller', { status: 'ok', generation: 2, environment: 'sandbox' }],
    [
      'Saffron Spices',
      {
        status: 'needs_reconnect',
        status_reason: expect.stringMatching(/must reconnect the account/),
        last_error: expect.objectContaining({ code: 'invalid_grant' }),
      },
    ],
    [
      'Tidewater Toys',
      {
        status: 'needs_reconnect',
        status_reason: expect.stringMatching(/must reconnect the account/),
        last_error: expect.objectContaining({ code: 'row_corrupt' }),
      },
    ],
    [
      'Umber Antiques',
      { status: 'needs_reconnect', last_error: expect.objectContaining({ code: 'invalid_grant' }) },
    ],
    ['Fern Pottery', { provider: 'etsy', status: 'ok', generation: 1 }],
    ['Loom and Thread', { provider: 'etsy', status: 'ok', generation: 2 }],
    ['Pebble Prints', { provider: 'etsy', status: 'ok', generation: 2 }],
    ['Rowan Candles', { provider: 'etsy', status: 'needs_reconnect', generation: 1 }],
    ['Wick and Wax', { provider: 'etsy', ...QUARANTINED }],
    ['Amber Outfitters', { provider: 'shopify', status: 'ok', generation: 1 }],
    ['Birch Supply', { provider: 'shopify', status: 'ok', generation: 2 }],
    ['Cobalt Cycles', { provider: 'shopify', status: 'ok', generation: 2 }],
    ['Dune Decor', { provider: 'shopify', status: 'inactive', generation: 1 }],
    ['Seaview Hotel, booking', { kind: 'booking', status: 'ok', generation: 1 }],
    ['Seaview Hotel, stopsale', { kind: 'stopsale', status: 'ok', generation: 2 }],
    ['Alpine Lodge, booking', { kind: 'booking', status: 'ok', generation: 2 }],
    ['Alpine Lodge, stopsale', { kind: 'stopsale', status: 'needs_reconnect', generation: 1 }],
    ['Palm Resort, booking', { kind: 'booking', status: 'ok', generation: 2 }],
    ['Palm Resort, stopsale', { kind: 'stopsale', ...QUARANTINED }],
  ];
  it.each(states)('brings %s to its state with the first sweep', async (shop, expected) => {
    const { items } = await ask(api, key, ACCOUNTS);
    expect(items.find(({ label }: any) => label.startsWith(shop))).toMatchObject(expected);
  });

  it('R1.4 warns of a refresh token with an unusual form', async () => {
    const { items } = await ask(api, key, TERMINAL);
    const entry = items.find(({ account_label }: any) => account_label?.startsWith('Umber'));
    expect(entry.diagnostics.warnings).toEqual([expect.stringContaining('starts with "v^"')]);
  });

  it('R1.5 shows no accounts of another organisation', async () => {
    const accounts = await ask(api, key, ACCOUNTS);
    expect(accounts.items).toHaveLength(states.length);
    expect(JSON.stringify([accounts, await ask(api, key, TERMINAL)])).not.toMatch(/Acme|acme/);
    // The sweep refreshes that organisation's account, too: it is one of the ten due accounts.
    const first = run
      .lines()
      .find((line) => line['msg'] === 'sweep finished' && line['provider'] === 'ebay');
    expect(first).toMatchObject({ due: 10, refreshed: 7 });
  });

  it("R1.5 lists accounts of eBay's sandbox in a separate environment", async () => {
    const labels = async (env: string) =>
      (await ask(api, key, `${TERMINAL}&env=${env}`)).items
        .filter(({ account_id }: any) => account_id !== null)
        .map(({ account_label }: any) => account_label.replace(/ –.*/, ''));
    expect(await labels('sandbox')).toEqual(['Willow Test Seller']);
    const inProduction = await labels('production');
    expect(inProduction).not.toContain('Willow Test Seller');
    expect(inProduction).toHaveLength(8);
  });

  it('refuses a second Evergrant on the same data at once, and names the process and address of the first', async () => {
    const second = startProcess('main.js', { DATA_DIR: dataDir });
    const { code, afterMs } = await second.exited;
    expect(code).toBe(1);
    expect(afterMs).toBeLessThan(30_000);
    expect(second.stderr()).toContain(
      `Another Evergrant (process ${run.pid}) is running on the data directory ${dataDir}: ${api}.`,
    );
    expect(second.stderr()).not.toMatch(/^\s+at /m);
    expect((await ask(api, key, ACCOUNTS)).items).toHaveLength(states.length);
  });

  it('stops in order on Ctrl-C, even if the signal arrives twice, with exit code 0 and no engine left running', async () => {
    // A browser opens connections in advance. Without a request on them, the stop does not wait for them.
    const spare = createConnection(Number(new URL(api).port), '127.0.0.1');
    spare.on('error', () => undefined);
    await once(spare, 'connect');
    const askedAt = performance.now();
    const running = enginesOf(dataDir);
    expect(running.filter(isAlive)).toHaveLength(4);
    // npm forwards the signal in addition to the terminal. One process sends both, so that they arrive shortly after each other.
    await promisify(execFile)('sh', [
      '-c',
      `kill -INT ${run.pid}; sleep 0.1; kill -INT ${run.pid}`,
    ]);
    expect(await run.exited).toMatchObject({ code: 0, signal: null });
    expect(performance.now() - askedAt).toBeLessThan(8_000);
    const messages = run.lines().map(({ msg, state }) => state ?? msg);
    // The workers for refreshes and for webhooks each stop in order, within the stop of the process.
    const steps = messages.filter((text) =>
      /^(RUNNING|stopping.*|DRAINED|STOPPED|stopped)$/.test(text),
    );
    const stopping = steps.findIndex((step) => step.startsWith('stopping'));
    expect(steps.slice(0, stopping)).toEqual(['RUNNING', 'RUNNING']);
    const ended = steps.slice(stopping + 1, -1);
    for (const state of ['DRAINED', 'STOPPED'])
      expect(ended.filter((step) => step === state)).toHaveLength(2);
    expect(ended).toHaveLength(4);
    expect(ended.indexOf('DRAINED')).toBeLessThan(ended.indexOf('STOPPED'));
    expect(steps.at(-1)).toBe('stopped');
    expect(running.filter(isAlive)).toEqual([]);
    expect(enginesOf(dataDir)).toEqual([]);
  });
});

describe('the next starts on the same data', () => {
  let accounts: any[];
  let entries: any[];

  it('show no key and add no accounts', async () => {
    await start();
    await untilSweepsFinished();
    expect(run.stderr()).not.toMatch(/evg_/);
    expect(run.stderr()).toMatch(
      /Admin key +shown at the first start\. Lost it\? Start with a new one: ADMIN_API_KEY=/,
    );
    accounts = (await ask(api, key, ACCOUNTS)).items;
    expect(accounts).toHaveLength(26);
    expect(accounts.filter(({ generation }) => generation === 2)).toHaveLength(13);
    expect(accounts.filter(({ generation }) => generation === 1)).toHaveLength(13);
  });

  it('leave no engine running when the process is killed', async () => {
    await temporalCommand(
      'schedule',
      'toggle',
      '--schedule-id',
      'sweep/ebay',
      '--pause',
      '--reason',
      'holiday',
    );
    entries = (await ask(api, key, TERMINAL)).items;
    expect(entries.some(({ action }) => action === 'worker_heartbeat')).toBe(true);
    const running = enginesOf(dataDir);
    expect(running.filter(isAlive)).toHaveLength(4);
    run.signal('SIGKILL');
    await eventually(() => running.filter(isAlive).length === 0, 20_000);
  });

  it('keep accounts, generations, log entries and the paused schedule after that', async () => {
    await start();
    // Shopify's sweeps validate its accounts each time.
    const kept = (account: any) => ({ ...account, last_validation: null, updated_at: null });
    const { items } = await ask(api, key, ACCOUNTS);
    expect(items.map(kept)).toEqual(accounts.map(kept));
    expect((await ask(api, key, TERMINAL)).items).toEqual(entries);
    expect(run.stderr()).toMatch(/Sweeps +sweep\/ebay every 10 min \(paused: holiday\)/);
    expect(await temporalCommand('schedule', 'describe', '--schedule-id', 'sweep/ebay')).toMatch(
      /Notes +holiday[^]*Paused +true/,
    );
    const swept = run.lines().filter(({ msg }) => msg === 'sweep finished');
    expect(swept.map(({ provider }) => provider)).not.toContain('ebay');
  });

  it('keep the grants: a forced refresh of an account succeeds', async () => {
    const quarry = accounts.find(({ label }) => label.startsWith('Quarry'));
    const outcome = await ask(api, key, `/api/admin/accounts/${quarry.id}/refresh`, {
      method: 'POST',
      body: { force: true },
    });
    expect(outcome).toMatchObject({ outcome: 'refreshed', generation: 3 });
  });

  it('stop in order on SIGTERM', async () => {
    const running = enginesOf(dataDir);
    run.signal('SIGTERM');
    expect(await run.exited).toMatchObject({ code: 0, signal: null });
    expect(run.lines().at(-1)?.['msg']).toBe('stopped');
    expect(running.filter(isAlive)).toEqual([]);
  });
});
