/**
 * The cost of an import, and whether its memory is bounded: 10,000 and 100,000 accounts (or BENCH_LINES) streamed to
 * the API in a separate process, compared with a bare loop that inserts as many encrypted documents. Uses the MongoDB
 * of MONGODB_URI or, without one, the embedded engine, which then causes most of the cost.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { serve } from '@hono/node-server';
import mongoose from 'mongoose';
import { createApp } from '../src/server/app';
import { createAuditLog } from '../src/services/audit/audit-log';
import type { ApiDependencies } from '../src/http/dependencies';
import { createApiClient } from '../src/cli/api-client';
import type { ImportAnswer } from '../src/cli/import-report';
import { loadConfig } from '../src/process/config';
import { startMongodb } from '../src/engines/mongodb/mongodb';
import { createLogger } from '../src/process/logging';
import type { RefreshRule } from '../src/domain/account/due-times';
import { ConfiguredProviders } from '../src/providers/config/configured-providers';
import { defaultPolicy } from '../src/providers/config/providers-file';
import { withDatabase } from '../src/store/mongo/connection-string';
import { openStore } from '../src/store/store';
import { KeyRing } from '../src/vault/key-ring';
import { Secret } from '../src/domain/masking/secret';

const SIZES = (process.env['BENCH_LINES'] ?? '10000,100000').split(',').map(Number);
const BATCH = 250;
/** Heap limit of the API: far below the larger file, and small enough that garbage does not count as growth. */
const HEAP_MAX_MB = 96;
const SAMPLE_EVERY_MS = 100;
const MB = 1024 * 1024;
const API_KEY = 'evg_bench';
const HOUR_MS = 3_600_000;
const STORE = {
  logRetentionDays: 1,
  rules: (): RefreshRule => ({
    policy: defaultPolicy('ebay', null),
    accessTokenLifeSeconds: 7200,
    refreshTokenLifeSeconds: null,
    replayRule: { kind: 'safe' },
  }),
};
const storeOptions = () => ({
  ...STORE,
  ring: KeyRing.parse(`bench:${randomBytes(32).toString('base64')}`),
  logger: createLogger('fatal'),
});
const log = (line: string) => process.stderr.write(`${line}\n`);

const now = () => new Date();

/** Serves the import route as a separate process. Imports do not need Temporal. */
async function serveImport(uri: string): Promise<void> {
  const { store, vault } = await openStore(uri, storeOptions());
  const tokenEndpoint = 'http://127.0.0.1:9/token';
  const providers = new ConfiguredProviders([
    {
      id: 'ebay',
      adapter: 'ebay',
      policy: defaultPolicy('ebay', null),
      environments: { production: { clientId: 'bench', clientSecret: new Secret('bench'), tokenEndpoint } },
    },
  ]);
  const dependencies: Partial<ApiDependencies> = {
    store,
    providers,
    vault,
    audit: createAuditLog({ store, vault, retentionDays: 1, now }),
    logger: createLogger('fatal'),
    configuredKeys: [
      { key: new Secret(API_KEY), principal: { keyId: 'bench', organisation: 'bench', scopes: ['admin'] } },
    ],
    now,
  };
  // The other dependencies belong to routes that receive no request here.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const app = createApp(dependencies as ApiDependencies);
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) =>
    process.send?.({ port }),
  );
  process.once('disconnect', () => server.close(() => process.exit(0)));
}

function account(n: number, run: string): string {
  return `${JSON.stringify({
    provider: 'ebay',
    external_id: `${run}-${n}`,
    label: `Shop ${n}`,
    refresh_token: `v^1.1#i^1#p^3#${randomBytes(60).toString('base64url')}`,
    access_token: `v^1.1#i^1#p^3#${randomBytes(900).toString('base64url')}`,
    expires_at: new Date(Date.now() + HOUR_MS).toISOString(),
  })}\n`;
}

async function* lines(count: number, run: string): AsyncIterable<Uint8Array> {
  const encoder = new TextEncoder();
  for (let n = 0; n < count; n += 1) yield encoder.encode(account(n, run));
}

function residentMb(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return (Number(kilobytes) * 1024) / MB;
}

async function listening(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('message', (message: { port: number }) => resolve(message.port));
    child.once('exit', (code) => reject(new Error(`the API ended with ${code}`)));
  });
}

interface Imported {
  seconds: number;
  growthMb: number;
}

/** Imports into a separate database, and samples the API's memory after the warm-up. */
async function importInto(uri: string, count: number): Promise<Imported> {
  const execArgv = [...process.execArgv, `--max-old-space-size=${HEAP_MAX_MB}`];
  const child = fork(__filename, ['--serve', uri], { execArgv });
  try {
    const url = new URL(`http://127.0.0.1:${await listening(child)}`);
    const client = createApiClient({ url, apiKey: API_KEY });
    const send = async (some: number, run: string) => {
      let last: ImportAnswer | undefined;
      const body = Readable.from(lines(some, run));
      const upload = { type: 'application/x-ndjson', body, name: 'bench' };
      for await (const answer of client.upload<ImportAnswer>('/api/admin/accounts/import', upload))
        last = answer;
      if (last === undefined || !('summary' in last) || last.summary.created !== some)
        throw new Error(`not all accounts were created: ${JSON.stringify(last)}`);
    };
    await send(2 * BATCH, 'warm');
    const before = residentMb(child.pid ?? 0);
    let peak = before;
    const timer = setInterval(() => {
      peak = Math.max(peak, residentMb(child.pid ?? 0));
    }, SAMPLE_EVERY_MS);
    const started = performance.now();
    await send(count, 'run');
    const seconds = (performance.now() - started) / 1000;
    clearInterval(timer);
    return { seconds, growthMb: peak - before };
  } finally {
    child.disconnect();
  }
}

type Document = Record<string, unknown> & { _id: string };

/** A batch of imported documents with encrypted tokens, to be inserted again under other names. */
async function sealedDocuments(uri: string): Promise<Document[]> {
  const connection = await mongoose.createConnection(uri).asPromise();
  const accounts = connection.collection<Document>('accounts');
  const documents = await accounts.find({}).limit(BATCH).toArray();
  await connection.close();
  return documents;
}

/** Inserts as many encrypted documents of the same size under the same indexes with the driver only. */
async function insertBare(uri: string, sealed: readonly Document[], count: number): Promise<number> {
  const { store } = await openStore(uri, storeOptions());
  const writeConcern = { w: 'majority', journal: true } as const;
  const connection = await mongoose.createConnection(uri, { writeConcern }).asPromise();
  const accounts = connection.collection<Document>('accounts');
  let spentMs = 0;
  for (let n = 0; n < count; n += BATCH) {
    const batch = sealed.slice(0, count - n).map((document, at) => ({
      ...document,
      _id: `acc_${randomBytes(12).toString('hex')}`,
      external_id: `bare-${n + at}`,
    }));
    const started = performance.now();
    await accounts.insertMany(batch, { ordered: false });
    spentMs += performance.now() - started;
  }
  await Promise.all([connection.close(), store.close()]);
  return spentMs / 1000;
}

async function drop(uri: string): Promise<void> {
  const connection = await mongoose.createConnection(uri).asPromise();
  await connection.dropDatabase();
  await connection.close();
}

async function bench(): Promise<void> {
  const config = loadConfig();
  const dataDir = mkdtempSync(join(tmpdir(), 'evergrant-bench-'));
  const engine =
    config.mongodbUri === null
      ? await startMongodb({ dataDir, cacheDir: config.cacheDir, log: log })
      : null;
  const database = () => {
    const name = `evergrant_bench_${randomBytes(4).toString('hex')}`;
    return withDatabase(engine?.uri ?? config.mongodbUri ?? '', name);
  };
  try {
    const rows: (Imported & { count: number; bareSeconds: number })[] = [];
    for (const count of SIZES) {
      const [imported, bare] = [database(), database()];
      log(`  importing ${count}`);
      const result = await importInto(imported, count);
      const { seconds, growthMb } = result;
      log(`  ${seconds.toFixed(1)} s, ${growthMb.toFixed(0)} MB; inserting ${count} by a bare loop`);
      const sealed = await sealedDocuments(imported);
      // Dropped before the next one is filled, because the embedded server cannot hold two with 100,000 documents.
      await drop(imported);
      rows.push({ ...result, count, bareSeconds: await insertBare(bare, sealed, count) });
      await drop(bare);
    }
    process.stdout.write(`\nImport by the API (${engine?.strategy ?? 'MONGODB_URI'})\n`);
    process.stdout.write('   lines   seconds   lines/s   peak RSS growth   bare insertMany   ratio\n');
    for (const { count, seconds, growthMb, bareSeconds } of rows) {
      const cells = [
        String(count).padStart(8),
        seconds.toFixed(1).padStart(9),
        String(Math.round(count / seconds)).padStart(9),
        `${growthMb.toFixed(0)} MB`.padStart(17),
        `${bareSeconds.toFixed(1)} s`.padStart(17),
        (seconds / bareSeconds).toFixed(2).padStart(7),
      ];
      process.stdout.write(`${cells.join(' ')}\n`);
    }
    const [small, large] = rows;
    if (small && large)
      process.stdout.write(`memory, large to small: ${(large.growthMb / small.growthMb).toFixed(2)}\n`);
  } finally {
    await engine?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

const [mode, uri] = process.argv.slice(2);
void (mode === '--serve' && uri !== undefined ? serveImport(uri) : bench());
