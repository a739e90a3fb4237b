/**
 * The index of each query that grows with the data, the documents that it examines for the documents that it returns,
 * and its time, as it was before its index or bound and as it is now. `npm run bench -- queries --accounts 1000000
 * --entries 3000000`, on MONGODB_URI or on the embedded server. That takes half an hour on two busy cores.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import mongoose from 'mongoose';
import { AccountState } from '../src/domain/account/account';
import type { RefreshRule } from '../src/domain/account/due-times';
import { Secret } from '../src/domain/masking/secret';
import { startMongodb } from '../src/engines/mongodb/mongodb';
import { metricsText } from '../src/metrics/registry';
import { loadConfig } from '../src/process/config';
import { createLogger } from '../src/process/logging';
import { ConfiguredProviders } from '../src/providers/config/configured-providers';
import { defaultPolicy } from '../src/providers/config/providers-file';
import { StoreGauges } from '../src/services/metrics/store-gauges';
import { withDatabase } from '../src/store/mongo/connection-string';
import { COUNTED_AT_ONCE_MAX } from '../src/store/mongo/stored-counts';
import { openStore, type Store } from '../src/store/store';
import { KeyRing } from '../src/vault/key-ring';
import type { Vault } from '../src/vault/vault';
import { countNext } from '../src/worker/keep-counts';
import { explained } from '../tests/support/explained';
import { accountDocument, idOf, type Stored } from './sides/account-document';
import { whole } from './sides/options';
import { median, printTable } from './sides/table';

/** The organisation with nearly all accounts and entries, and one with few. */
const LARGE = 'org-large';
const SMALL = 'org-small';
const SMALL_ACCOUNTS = COUNTED_AT_ONCE_MAX;
/** One entry in this many is of the small organisation. */
const SMALL_SHARE = 400;
const EVENTS = 20_000;
const WAITING_EVENTS = 5_000;
const SCRAPES = 9;
const BATCH = 5_000;
/** Batches of a collection that are stored at once. */
const BATCHES_AT_ONCE = 3;
/** For the embedded server while it stores the documents and builds the indexes; it is measured with its usual heap. */
const FILLING_JVM = '-Xmx6g -XX:TieredStopAtLevel=4';
const PAGE = 200;
const ROUNDS = 5;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const RULE: RefreshRule = {
  policy: defaultPolicy('ebay', null),
  accessTokenLifeSeconds: 7200,
  refreshTokenLifeSeconds: null,
  replayRule: { kind: 'safe' },
};

const log = (line: string) => process.stderr.write(`${line}\n`);

const thousands = (count: number) => Math.round(count).toLocaleString('en');

function entry(n: number, now: Date, all: number): Stored {
  const at = new Date(now.getTime() - ((all - n) / all) * 30 * HOUR);
  const failed = n % 20 === 0;
  return {
    _id: idOf('ent', n),
    organisation: n % SMALL_SHARE === 0 ? SMALL : LARGE,
    environment: 'production',
    provider: 'ebay',
    account_id: idOf('acc', n % 10_000),
    account_label: 'Shop',
    action: failed ? 'token_refresh_failed' : 'token_refreshed',
    source: 'scheduled',
    outcome: failed ? 'rejected' : 'ok',
    request: null,
    response: { status: 200, duration_ms: 100 + (n % 400) },
    error: failed ? { code: 'invalid_grant' } : null,
    diagnostics: null,
    message: 'Refreshed.',
    created_at: at,
    recorded_at: at,
    remove_at: new Date(now.getTime() + 24 * HOUR),
  };
}

function event(n: number, now: Date): Stored {
  return {
    _id: idOf('evt', n),
    organisation: LARGE,
    type: 'account.needs_reconnect',
    at: new Date(now.getTime() - n * 1_000),
    data: {},
    remove_at: new Date(now.getTime() + 24 * HOUR),
    ...(n < WAITING_EVENTS ? { to_dispatch: true } : {}),
  };
}

/** Stores documents before their indexes exist: an index is built faster from all documents than with each of them. */
async function fill(uri: string, collection: string, count: number, make: (n: number) => Stored) {
  const connection = await mongoose.createConnection(uri).asPromise();
  const documents = connection.collection<Stored>(collection);
  const began = performance.now();
  let next = 0;
  const store = async (): Promise<void> => {
    while (next < count) {
      const first = next;
      next += BATCH;
      const size = Math.min(BATCH, count - first);
      // oxlint-disable-next-line no-await-in-loop -- a few loops store batches at once
      await documents.insertMany(Array.from({ length: size }, (_, k) => make(first + k)), { ordered: false });
      if (first % 100_000 === 0) log(`  ${first + size} of ${count} in ${collection}, ${seconds(began)}`);
    }
  };
  await Promise.all(Array.from({ length: BATCHES_AT_ONCE }, store));
  log(`  ${count} in ${collection}, ${seconds(began)}`);
  await connection.close();
}

const seconds = (began: number) => `${((performance.now() - began) / 1000).toFixed(0)} s`;

interface Measured {
  index: string;
  examined: number;
  returned: number;
  ms: number;
}

/** Explains the queries of an action, and takes its time without that. */
async function measured(uri: string, action: () => Promise<unknown>, rounds = ROUNDS): Promise<Measured> {
  const queries = await explained(uri, action);
  const counted = queries.filter(({ collection }) => collection !== 'counts');
  const shown = counted.length > 0 ? counted : queries;
  const sum = (of: (query: (typeof queries)[number]) => number) =>
    queries.reduce((all, query) => all + of(query), 0);
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const began = performance.now();
    await action();
    times.push(performance.now() - began);
  }
  return {
    index: [...new Set(shown.map(({ index }) => index ?? 'none'))].join(', '),
    examined: sum(({ documentsExamined }) => documentsExamined),
    returned: sum(({ returned }) => returned),
    ms: median(times),
  };
}

interface Query {
  name: string;
  /** The query before its index or bound. */
  before?: () => Promise<unknown>;
  now: () => Promise<unknown>;
}

const schema = (collection: string) =>
  new mongoose.Schema({ _id: String }, { collection, strict: false });

function queriesOf(store: Store, before: mongoose.Connection, now: Date, entries: number): Query[] {
  // A model for the earlier queries, so that they are reported and explained in the same way.
  const accounts = before.model('accounts', schema('accounts'));
  const logEntries = before.model('log_entries', schema('log_entries'));
  const events = before.model('events', schema('events'));
  const sweepable = { state: AccountState.active, quarantine: false };
  const summary = (organisation: string) =>
    store.accountSummaries.of({ organisation, now, validSince: new Map([['ebay', new Date(0)]]) });
  const middle = new Date(now.getTime() - 5 * MINUTE);
  const dayAgo = new Date(now.getTime() - 24 * HOUR);
  const place = { createdAt: new Date(now.getTime() - 20 * HOUR), id: '' };
  const old = { at: new Date(now.getTime() - 20 * HOUR), id: '' };
  const end = { at: now, id: '\uffff' };
  const byStatus = [
    { $match: { organisation: LARGE } },
    { $group: { _id: { provider: '$provider', state: '$state' }, total: { $sum: 1 } } },
  ];
  return [
    {
      name: 'due list, a page in its middle',
      before: () =>
        accounts
          .find({
            provider: 'ebay',
            ...sweepable,
            due_at: { $lte: now },
            $or: [{ due_at: { $gt: middle } }, { due_at: middle, _id: { $gt: '' } }],
          })
          .sort({ due_at: 1, _id: 1 })
          .limit(PAGE)
          .lean(),
      now: () =>
        store.dueAccounts.page({
          provider: 'ebay',
          environment: null,
          now,
          expiringUntil: new Date(0),
          cursor: { scan: 'rest', at: middle.toISOString(), accountId: '' },
          limit: PAGE,
        }),
    },
    {
      name: 'log, a page of 20 h ago',
      before: () =>
        logEntries
          .find({
            organisation: { $in: [LARGE, null] },
            $or: [
              { created_at: { $lt: place.createdAt } },
              { created_at: place.createdAt, _id: { $lt: '' } },
            ],
          })
          .sort({ created_at: -1, _id: -1 })
          .limit(PAGE)
          .lean(),
      now: () => store.logEntries.list({ organisation: LARGE, before: place, limit: PAGE }),
    },
    {
      name: 'events, a page after 10,000',
      before: () => {
        const at = new Date(now.getTime() - 10_000_000);
        return events
          .find({
            organisation: { $in: [LARGE, null] },
            $or: [{ at: { $lt: at } }, { at, _id: { $lt: '' } }],
          })
          .sort({ at: -1, _id: -1 })
          .limit(PAGE)
          .lean();
      },
      now: () =>
        store.events.list({
          organisation: LARGE,
          before: { at: new Date(now.getTime() - 10_000_000), id: '' },
          limit: PAGE,
        }),
    },
    {
      name: 'stream, resumed after 20 h',
      // Counted instead of read: the answer would fill the memory of the embedded server.
      before: () =>
        logEntries.aggregate([
          { $match: { recorded_at: { $gte: old.at }, organisation: LARGE } },
          { $group: { _id: null, places: { $sum: 1 } } },
        ]),
      now: () =>
        store.logEntries.missed({ organisation: LARGE }, { after: old, until: end, limit: 500 }),
    },
    {
      name: 'webhook outbox, one round',
      before: () =>
        events
          .find({ to_dispatch: { $exists: true } })
          .sort({ at: 1 })
          .limit(100)
          .lean(),
      now: () => store.webhookOutbox.dispatch(now, 100),
    },
    {
      name: 'accounts per OAuth app',
      before: () =>
        accounts.aggregate([
          { $match: { ...sweepable, due_at: { $ne: null } } },
          { $group: { _id: '$provider', accounts: { $sum: 1 } } },
        ]),
      now: () => store.dueAccounts.perApp(['ebay'], now),
    },
    {
      name: 'accounts by status, large organisation',
      before: () => accounts.aggregate(byStatus),
      now: () => summary(LARGE),
    },
    { name: `accounts by status, ${thousands(SMALL_ACCOUNTS)} accounts`, now: () => summary(SMALL) },
    {
      name: 'validations, large organisation',
      before: () =>
        accounts.aggregate([
          { $match: { organisation: LARGE, 'last_validation.outcome': 'invalid' } },
          { $group: { _id: '$provider', count: { $sum: 1 } } },
        ]),
      now: () => summary(LARGE),
    },
    {
      name: 'attempts of 24 h, large organisation',
      before: () =>
        logEntries.aggregate([
          { $match: { organisation: LARGE, created_at: { $gte: dayAgo } } },
          { $group: { _id: '$action', count: { $sum: 1 } } },
        ]),
      now: () => store.statistics.attempts({ organisation: LARGE, now }),
    },
    {
      name: `attempts of 24 h, ${thousands(entries / SMALL_SHARE)} entries`,
      now: () => store.statistics.attempts({ organisation: SMALL, now }),
    },
    {
      name: 'records per encryption key',
      before: () => {
        const pattern = /^ENC:v1:k1:/;
        return accounts.aggregate([
          {
            $match: {
              $or: [{ 'current.access_token': pattern }, { 'current.refresh_token': pattern }],
            },
          },
          { $group: { _id: null, n: { $sum: 1 } } },
        ]);
      },
      now: () => store.sealedRecords.perKey(['k1'], now),
    },
  ];
}

/** Makes the counts that the large organisation's requests want, as a worker does. */
async function countAll(store: Store, vault: Vault): Promise<void> {
  const providers = new ConfiguredProviders([]);
  const signal = new AbortController().signal;
  for (;;) {
    const began = performance.now();
    if (!(await countNext({ store, vault, providers }, signal))) return;
    log(`  a worker counted in ${seconds(began)}`);
  }
}

async function timed(gauges: StoreGauges): Promise<number> {
  const began = performance.now();
  await gauges.refresh();
  await metricsText();
  return performance.now() - began;
}

/**
 * The time of a scrape that reads all gauges, and of one that finds them read, in ms. The schedules of Temporal are left
 * out, because their number does not grow with the accounts.
 */
async function scrapes(store: Store, vault: Vault): Promise<{ reading: number; read: number }> {
  const endpoint = { clientId: 'bench', clientSecret: new Secret('bench'), tokenEndpoint: 'https://127.0.0.1/token' };
  const providers = new ConfiguredProviders([
    { id: 'ebay', adapter: 'ebay', policy: defaultPolicy('ebay', null), environments: { production: endpoint } },
  ]);
  const deps = { store, vault, providers, logger: createLogger('fatal'), schedules: { list: async () => [] }, pingTemporal: async () => {} };
  // The first reading wants the counts.
  await new StoreGauges(deps).refresh();
  await countAll(store, vault);
  const [reading, read]: [number[], number[]] = [[], []];
  for (let round = 0; round < SCRAPES; round += 1) {
    const gauges = new StoreGauges(deps);
    reading.push(await timed(gauges));
    read.push(await timed(gauges));
  }
  return { reading: median(reading), read: median(read) };
}

const shown = ({ index, examined, returned, ms }: Measured) => [
  index,
  `${thousands(examined)} / ${thousands(returned)}`,
  `${ms < 10 ? ms.toFixed(1) : thousands(ms)} ms`,
];

async function bench(): Promise<void> {
  const { values } = parseArgs({
    options: {
      accounts: { type: 'string', default: '1000000' },
      entries: { type: 'string', default: '3000000' },
    },
  });
  const accounts = whole('accounts', values.accounts, 1);
  const entries = whole('entries', values.entries, 1);
  const config = loadConfig();
  const dataDir = mkdtempSync(join(tmpdir(), 'evergrant-bench-'));
  const database = `evergrant_bench_${randomBytes(4).toString('hex')}`;
  const ring = KeyRing.parse(`k1:${randomBytes(32).toString('base64')}`);
  const open = (uri: string) =>
    openStore(uri, { logRetentionDays: 1, rules: () => RULE, logger: createLogger('fatal'), ring });
  const start = async (options?: string) => {
    if (options !== undefined) process.env['_JAVA_OPTIONS'] = options;
    const started = await startMongodb({ dataDir, cacheDir: config.cacheDir, log });
    delete process.env['_JAVA_OPTIONS'];
    return started;
  };
  let engine = config.mongodbUri === null ? await start(FILLING_JVM) : null;
  try {
    const uri = withDatabase(engine?.uri ?? config.mongodbUri ?? '', database);
    const filled = new Date();
    await Promise.all([
      fill(uri, 'accounts', accounts, (n) => accountDocument(n, { now: filled, all: accounts, organisation: n < SMALL_ACCOUNTS ? SMALL : LARGE })),
      fill(uri, 'log_entries', entries, (n) => entry(n, filled, entries)),
      fill(uri, 'events', EVENTS, (n) => event(n, filled)),
    ]);
    const began = performance.now();
    await (await open(uri)).store.close();
    log(`  indexes, ${seconds(began)}`);
    if (engine !== null) {
      await engine.stop();
      engine = await start();
    }
    const { store, vault } = await open(uri);
    const before = await mongoose.createConnection(uri).asPromise();
    const queries = queriesOf(store, before, filled, entries);
    // The first requests want the counts of the large organisation.
    for (const query of queries.slice(5)) await query.now();
    await countAll(store, vault);
    const lines: string[][] = [];
    for (const query of queries) {
      const earlier = query.before && (await measured(uri, query.before, 1));
      const later = await measured(uri, query.now);
      const line = [query.name, ...(earlier ? shown(earlier) : ['–', '–', '–']), ...shown(later)];
      log(`  ${line.join(' | ')}`);
      lines.push(line);
    }
    process.stdout.write(
      `\n${thousands(accounts)} accounts, ${thousands(entries)} entries (${engine?.strategy ?? 'MONGODB_URI'})\n`,
    );
    const head = ['index', 'examined / returned', 'time'];
    printTable(['query', ...head.map((title) => `${title}, before`), ...head], lines);
    const { reading, read } = await scrapes(store, vault);
    process.stdout.write(
      `\na scrape that reads all gauges: ${reading.toFixed(0)} ms (target < 200 ms); one within the next 15 s: ${read.toFixed(1)} ms\n`,
    );
    await before.close();
    await store.close();
  } finally {
    await engine?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

void bench();
