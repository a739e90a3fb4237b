/**
 * The time to open the terminal with 10,000 entries, and the list and the overview of 100,000 accounts, in Chromium,
 * from the navigation to the first visible row. For comparison, in the same run: the same bytes from a static file.
 * Also prints the size of each page, plain and compressed.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import mongoose from 'mongoose';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { AccountState } from '../src/domain/account/account';
import { serveApi } from '../src/server/serve';
import { loadConfig } from '../src/process/config';
import { startMongodb } from '../src/engines/mongodb/mongodb';
import { startTemporal } from '../src/engines/temporal/temporal';
import { createLogger } from '../src/process/logging';
import { ConfiguredProviders } from '../src/providers/config/configured-providers';
import { defaultPolicy } from '../src/providers/config/providers-file';
import { openStore } from '../src/store/store';
import { KeyRing } from '../src/vault/key-ring';
import { logEntry } from '../tests/api/_log-entry';
import { chromium as findChromium } from '../tests/browser/_chromium';
import { Secret } from '../src/domain/masking/secret';
import { accountDocument, type Stored } from './sides/account-document';

const ENTRIES = 10_000;
const ACCOUNTS = 100_000;
/** One account in this many needs a reconnect. */
const BROKEN_SHARE = 1_000;
const BATCH = 5_000;
const ROUNDS = 9;
const WEIGHT_MAX_KB = 150;
const ORGANISATION = 'bench';
const PAGES = ['/sign-in', '/admin/overview', '/admin/accounts', '/admin/workers', '/admin/terminal'];
/** The pages that are timed, and what is visible once they can be read. */
const TIMED = [
  { path: '/admin/terminal', name: `terminal, ${ENTRIES} entries`, row: '.entry' },
  { path: '/admin/accounts', name: `list of ${ACCOUNTS} accounts`, row: 'tbody tr' },
  {
    path: '/admin/accounts?status=needs_reconnect',
    name: `the ${ACCOUNTS / BROKEN_SHARE} of them to reconnect`,
    row: 'tbody tr',
  },
  {
    path: '/admin/accounts?refresh_expires=7d',
    name: 'those with a refresh token to end',
    row: 'tbody tr',
  },
  {
    path: `/admin/accounts?q=shop-${ACCOUNTS - 1}`,
    name: 'a search for one of them',
    // A search that takes long ends its first page without a row.
    row: 'tbody tr, .empty',
  },
  { path: '/admin/overview', name: `overview of ${ACCOUNTS} accounts`, row: 'main h2' },
];

const log = (line: string) => process.stderr.write(`${line}\n`);
const print = (line: string) => process.stdout.write(`${line}\n`);

async function fill(uri: string): Promise<void> {
  const connection = await mongoose.createConnection(uri).asPromise();
  const now = Date.now();
  const documents = Array.from({ length: ENTRIES }, (_, n) => {
    const { id, ...rest } = logEntry({ organisation: ORGANISATION, account_id: `acc_${n % 500}` });
    const diagnostics = {
      caller: 'sweep',
      input_prefix: 'ENC:v1:k1:…',
      decrypted_prefix: 'v^1.1#… (96 characters)',
      final_prefix: 'v^1.1#… (96 characters)',
      refresh_token_fingerprint: `fingerprint-${n % 500}`,
      warnings: [],
    };
    const created_at = new Date(now - n * 1000);
    const remove_at = new Date(now + 24 * 3600_000);
    return { ...rest, diagnostics, _id: id, created_at, recorded_at: created_at, remove_at };
  });
  await connection.collection<{ _id: string }>('log_entries').insertMany(documents);
  const shape = { now: new Date(now), all: ACCOUNTS, organisation: ORGANISATION };
  for (let n = 0; n < ACCOUNTS; n += BATCH)
    await connection
      .collection<Stored>('accounts')
      .insertMany(Array.from({ length: BATCH }, (_, at) => account(n + at, shape)));
  await connection.close();
}

function account(n: number, shape: Parameters<typeof accountDocument>[1]): Stored {
  const document = accountDocument(n, shape);
  return n % BROKEN_SHARE === 0
    ? { ...document, state: AccountState.needsReconnect, state_reason: 'revoked' }
    : document;
}

/** Serves the bytes of the page, its style and its script from memory. */
async function serveStatic(url: string, html: string): Promise<{ url: string; server: Server }> {
  const assets = [...html.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map(([, path]) => path ?? '');
  const files = new Map<string, { type: string; body: Buffer }>();
  files.set('/', { type: 'text/html; charset=utf-8', body: Buffer.from(html) });
  for (const path of assets) {
    const response = await fetch(`${url}${path}`);
    const type = response.headers.get('content-type') ?? '';
    files.set(path, { type, body: Buffer.from(await response.arrayBuffer()) });
  }
  const server = createServer((request, response) => {
    const file = files.get(request.url ?? '');
    response.writeHead(file === undefined ? 404 : 200, { 'content-type': file?.type ?? 'text/plain' });
    response.end(file?.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('the server listens on no port');
  return { url: `http://127.0.0.1:${address.port}/`, server };
}

/** The time from the navigation to the first visible row, in ms. */
async function open(context: BrowserContext, address: string, row: string): Promise<number> {
  const page = await context.newPage();
  const started = performance.now();
  const response = await page.goto(address, { waitUntil: 'commit' });
  if (response?.ok() !== true) throw new Error(`${address} answered ${response?.status()}`);
  await page.locator(row).first().waitFor({ state: 'visible' });
  const took = performance.now() - started;
  await page.close();
  return took;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Scrolls to the last entry, and prints the time and the long tasks. */
async function scroll(page: Page): Promise<void> {
  await page.evaluate(`{
    globalThis.long = [];
    new PerformanceObserver((list) => long.push(...list.getEntries().map((e) => e.duration)))
      .observe({ entryTypes: ['longtask'] });
  }`);
  const started = performance.now();
  for (;;) {
    await page.keyboard.press('End');
    const [count, more] = await page.evaluate<[number, number]>(
      '[document.querySelectorAll(".entry").length, document.querySelectorAll(".older").length]',
    );
    if (more === 0) {
      print(`scrolled to entry ${count} in ${((performance.now() - started) / 1000).toFixed(1)} s`);
      break;
    }
    await page.waitForTimeout(20);
  }
  const long = await page.evaluate<number[]>('long');
  print(`  ${long.length} tasks over 50 ms meanwhile, median ${median(long).toFixed(0)} ms, longest ${Math.max(0, ...long).toFixed(0)} ms`);
  // All entries are loaded now; this measures the frame times.
  const frames = await page.evaluate<number[]>(`new Promise((done) => {
    const gaps = [];
    let last = performance.now();
    let at = 0;
    const height = document.documentElement.scrollHeight;
    requestAnimationFrame(function step(now) {
      gaps.push(now - last);
      last = now;
      at += 400;
      scrollTo(0, height - at);
      if (gaps.length < 300) requestAnimationFrame(step);
      else done(gaps.slice(1));
    });
  })`);
  const late = frames.filter((gap) => gap > 50).length;
  print(`  scrolling through them, 400 px a frame: median ${median(frames).toFixed(1)} ms, longest ${Math.max(...frames).toFixed(0)} ms, ${late} of ${frames.length} over 50 ms`);
}

const kb = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`;

async function weigh(context: BrowserContext, url: string): Promise<void> {
  print(`\n${'page'.padEnd(18)} uncompressed  gzip      target < ${WEIGHT_MAX_KB} kB transferred`);
  for (const path of PAGES) {
    const page = await context.newPage();
    const bodies: Promise<Buffer | null>[] = [];
    page.on('response', (response) => {
      if (response.headers()['content-type'] !== 'text/event-stream')
        bodies.push(response.body().catch(() => null));
    });
    await page.goto(`${url}${path}`, { waitUntil: 'load' });
    const all = (await Promise.all(bodies.slice())).filter((body) => body !== null);
    const plain = all.reduce((sum, body) => sum + body.length, 0);
    const packed = all.reduce((sum, body) => sum + gzipSync(body).length, 0);
    print(`${path.padEnd(18)} ${kb(plain).padEnd(12)}  ${kb(packed)}`);
    await page.close();
  }
}

async function bench(): Promise<void> {
  const base = loadConfig({ PROVIDERS_FILE: '', DATA_DIR: '/nonexistent' });
  const dataDir = mkdtempSync(join(tmpdir(), 'evergrant-bench-'));
  const options = { dataDir, cacheDir: loadConfig().cacheDir, log: log };
  const executablePath = await findChromium(options);
  const [temporal, mongodb] = await Promise.all([
    startTemporal({ ...options, searchAttributes: {} }),
    startMongodb(options),
  ]);
  const uri = new URL(mongodb.uri);
  uri.pathname = `/evergrant_bench_${randomBytes(4).toString('hex')}`;
  const endpoint = { clientId: 'bench', clientSecret: new Secret('bench'), tokenEndpoint: 'https://127.0.0.1/token' };
  const policy = defaultPolicy('ebay', null);
  const config = {
    ...base,
    encryptionKeys: KeyRing.parse(`k1:${randomBytes(32).toString('base64')}`),
    temporal: { connection: { address: temporal.address }, namespace: 'default', taskQueue: 'bench', deployment: null, uiUrl: null },
    providers: [{ id: 'ebay', adapter: 'ebay', policy, environments: { production: endpoint } }],
  };
  const { rule } = new ConfiguredProviders(config.providers);
  const logger = createLogger('fatal');
  const { store, vault } = await openStore(uri.href, {
    logRetentionDays: 30,
    rules: rule,
    ring: config.encryptionKeys,
    logger,
  });
  const api = await serveApi({ config, temporal: config.temporal.connection, store, vault, logger, port: 0 });
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  const browser = await chromium.launch({ executablePath, args });
  try {
    await fill(uri.href);
    const key = { organisation: ORGANISATION, name: randomUUID(), scopes: ['admin' as const] };
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    const page = await context.newPage();
    await page.goto(`${api.url}/sign-in`);
    await page.getByLabel('API key or JWT').fill((await store.apiKeys.create(key, new Date())).text);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL('**/admin/**');
    print(`\n${'page'.padEnd(30)} opened    slowest   static file  ratio   (${mongodb.strategy})`);
    for (const { path, name, row } of TIMED) {
      const address = `${api.url}${path}`;
      const html = await (await context.request.get(address)).text();
      const file = await serveStatic(api.url, html.replaceAll('hx-sse:connect', 'data-none'));
      const times: { page: number[]; file: number[] } = { page: [], file: [] };
      for (let round = 0; round < ROUNDS + 2; round += 1) {
        const [ours, theirs] = [await open(context, address, row), await open(context, file.url, row)];
        // The first two runs warm up the engines.
        if (round < 2) continue;
        times.page.push(ours);
        times.file.push(theirs);
      }
      file.server.close();
      const [ours, theirs] = [median(times.page), median(times.file)];
      print(
        `${name.padEnd(30)} ${ours.toFixed(0).padStart(5)} ms  ${Math.max(...times.page).toFixed(0).padStart(5)} ms  ${theirs.toFixed(0).padStart(7)} ms  ${(ours / theirs).toFixed(2).padStart(6)}`,
      );
    }
    await page.goto(`${api.url}/admin/terminal`);
    await scroll(page);
    await weigh(context, api.url);
  } finally {
    await browser.close();
    await api.stop();
    await store.close();
    await mongodb.stop();
    await temporal.stop();
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
  }
}

void bench();
