/**
 * The cost of a sweep's due list as the number of accounts that are NOT due grows: 100 due accounts among 2,000 and
 * among 200,000, on the MongoDB of MONGODB_URI or, without one, on the embedded engine.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mongoose from 'mongoose';
import { loadConfig } from '../src/process/config';
import { AccountState } from '../src/domain/account/account';
import type { RefreshRule } from '../src/domain/account/due-times';
import type { DueCursor } from '../src/domain/refresh/sweep';
import { startMongodb } from '../src/engines/mongodb/mongodb';
import { defaultPolicy } from '../src/providers/config/providers-file';
import { createLogger } from '../src/process/logging';
import { withDatabase } from '../src/store/mongo/connection-string';
import { openStore, type Store } from '../src/store/store';
import { KeyRing } from '../src/vault/key-ring';

const DUE = 100;
const SIZES = [2_000, 200_000];
const ROUNDS = 15;
const BATCH = 2_000;
const MINUTE = 60_000;

/** The store requires it for its writes, of which the bench makes none. */
const RULE: RefreshRule = {
  policy: defaultPolicy('ebay', null),
  accessTokenLifeSeconds: 7200,
  refreshTokenLifeSeconds: null,
  replayRule: { kind: 'safe' },
};

const log = (line: string) => process.stderr.write(`${line}\n`);

/** Reads the due list as a sweep does: all pages of both range scans. */
async function dueAccounts(store: Store, now: Date): Promise<number> {
  let cursor: DueCursor | null = { scan: 'expiring', at: null, accountId: null };
  let found = 0;
  while (cursor !== null) {
    const page = await store.dueAccounts.page({
      provider: 'ebay',
      environment: null,
      now,
      expiringUntil: new Date(now.getTime() + 15 * MINUTE),
      cursor,
      limit: 200,
    });
    found += page.accounts.length;
    cursor = page.next;
  }
  return found;
}

function document(n: number, now: Date): Record<string, unknown> & { _id: string } {
  const due = n < DUE;
  const at = now.getTime();
  const expiresAt = new Date(at + (due && n % 2 === 0 ? 10 : 60 + (n % 60)) * MINUTE);
  return {
    _id: `acc_${randomBytes(12).toString('hex')}`,
    organisation: `org-${n % 50}`,
    provider: 'ebay',
    environment: 'production',
    external_id: `shop-${n}`,
    label: `Shop ${n}`,
    kind: null,
    state: AccountState.active,
    state_at: now,
    generation: 1,
    current: {
      access_token: 'ENC:v1:bench:x',
      refresh_token: 'ENC:v1:bench:y',
      access_token_fingerprint: 'a',
      refresh_token_fingerprint: 'b',
      // Half of them are due by their expiry, half by their age.
      expires_at: expiresAt,
      scopes: [],
      obtained_at: now,
    },
    claim: null,
    quarantine: false,
    last_refreshed_at: new Date(at - (due && n % 2 === 1 ? 70 : n % 30) * MINUTE),
    last_attempt: null,
    next_attempt_at: null,
    first_expiry_at: expiresAt,
    due_at: new Date(at + (due ? -1 : 1 + (n % 30)) * MINUTE),
    failed_attempts: 0,
  };
}

async function fill(uri: string, size: number, now: Date): Promise<void> {
  const connection = await mongoose.createConnection(uri).asPromise();
  const accounts = connection.collection<Record<string, unknown> & { _id: string }>('accounts');
  for (let n = 0; n < size; n += BATCH) {
    await accounts.insertMany(Array.from({ length: Math.min(BATCH, size - n) }, (_, k) => document(n + k, now)));
    if (n % 20_000 === 0) log(`  ${n + BATCH} of ${size} accounts`);
  }
  await connection.close();
}

/** The number of documents and keys that the server examined, if it reports them. */
async function examined(uri: string, now: Date): Promise<string> {
  const connection = await mongoose.createConnection(uri).asPromise();
  try {
    const plan = await connection
      .collection('accounts')
      .find({ provider: 'ebay', state: AccountState.active, due_at: { $lte: now } })
      .explain('executionStats');
    const stats = plan['executionStats'];
    return `${stats.totalKeysExamined} keys, ${stats.totalDocsExamined} documents`;
  } catch {
    return 'not reported by this engine';
  } finally {
    await connection.close();
  }
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

async function bench(): Promise<void> {
  const config = loadConfig();
  const dataDir = mkdtempSync(join(tmpdir(), 'evergrant-bench-'));
  const engine = config.mongodbUri === null ? await startMongodb({ dataDir, cacheDir: config.cacheDir, log: log }) : null;
  try {
    const now = new Date();
    const rows: { accounts: number; due: number; 'median ms': number; examined: string }[] = [];
    for (const size of SIZES) {
      const database = `evergrant_bench_${randomBytes(4).toString('hex')}`;
      const uri = withDatabase(engine?.uri ?? config.mongodbUri ?? '', database);
      const ring = KeyRing.parse(`k1:${randomBytes(32).toString('base64')}`);
      const logger = createLogger('fatal');
      const { store } = await openStore(uri, { logRetentionDays: 1, rules: () => RULE, ring, logger });
      await fill(uri, size, now);
      const due = await dueAccounts(store, now);
      const times: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        const started = performance.now();
        await dueAccounts(store, now);
        times.push(performance.now() - started);
      }
      rows.push({ accounts: size, due, 'median ms': Number(median(times).toFixed(1)), examined: await examined(uri, now) });
      await store.close();
      const connection = await mongoose.createConnection(uri).asPromise();
      await connection.dropDatabase();
      await connection.close();
    }
    const [small, large] = rows;
    process.stdout.write(`\nDue list of ${DUE} accounts, both scans (${engine?.strategy ?? 'MONGODB_URI'})\n`);
    for (const row of rows) {
      process.stdout.write(
        `${String(row.accounts).padStart(9)} accounts  ${String(row.due).padStart(4)} due  ${String(row['median ms']).padStart(8)} ms  examined: ${row.examined}\n`,
      );
    }
    if (small && large) process.stdout.write(`ratio ${(large['median ms'] / small['median ms']).toFixed(2)}\n`);
  } finally {
    await engine?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

void bench();
