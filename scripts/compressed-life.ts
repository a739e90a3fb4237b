/**
 * Compressed life: tokens with lifetimes of one to three minutes, refreshed by the real worker and served by the real
 * API, while introspection checks every sampled token at once.
 *
 * `npx --no tsx scripts/compressed-life.ts --minutes 30 --server oidc` (or `strict`) after `npm run build`; `--accounts 20`,
 * `--sweep-every 5s`. `--kill-every 2m` kills the worker at random times, on average that often, and restarts it; with
 * `--kill-at grant` it does so as the server grants the next refresh. Uses MONGODB_URI and TEMPORAL_ADDRESS, or
 * embedded engines. Exits with 1 if an account was lost without a kill, or a sampled token was refused.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Connection } from '@temporalio/client';
import { openStoreAndVault } from '../bench/sides/accounts';
import { startEngines } from '../bench/sides/engines';
import { type EvergrantProcess, startApi, startWorker } from '../bench/sides/evergrant/processes';
import { createNamespace } from '../bench/sides/evergrant/sweeps';
import { whole } from '../bench/sides/options';
import { ORGANISATION, type Setting } from '../bench/sides/side';
import { program, log } from '../bench/sides/stage';
import { printTable } from '../bench/sides/table';
import { duration } from '../src/domain/text/duration';
import { startOidcServer } from './compressed-life/oidc-server';
import type { LifeServer, LostAnswer } from './compressed-life/server-record';
import { startStrictServer } from './compressed-life/strict-server';

const SERVERS = { oidc: startOidcServer, strict: startStrictServer };
const PROVIDER = 'life';
const SAMPLE_EVERY_MS = 1_000;
const PROGRESS_EVERY_MS = 30_000;
/** Time limit, in ms, for the first refresh of every account, and for refreshes in progress at the end. */
const SETTLE_WITHIN_MS = 30_000;
/** A kill within this time, in ms, after a refresh was granted may have lost its response. */
const KILL_WINDOW_MS = 5_000;

interface Account {
  id: string;
  name: string;
}

/** The members of the API's account that this script reads. */
interface AccountBody {
  id: string;
  external_id: string;
  status: string;
  last_error: { code: string; detail?: string } | null;
}

type TokenBody =
  | { active: true; access_token: string; expires_at: string | null }
  | { active: false; reason: string };

interface Samples {
  taken: number;
  /** Tokens that were served as active, but that introspection refused before their stated expiry. */
  refused: { account: string; at: Date; expiresAt: string | null }[];
  /** Number of requests without a token, by reason. */
  none: Map<string, number>;
  /** Tokens that expired between the responses of the API and of introspection. */
  expiredMeanwhile: number;
}

interface Lost {
  name: string;
  /** The response was in flight when the worker was killed, the one loss that no client of a strict server can avoid. */
  byKill: boolean;
  reason: string;
}

class Evergrant {
  readonly #url: string;
  readonly #key: string;

  constructor(url: string, key: string) {
    this.#url = url;
    this.#key = key;
  }

  async ask<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(`${this.#url}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#key}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path} returned ${response.status}`);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the shapes are the API's own
    return (await response.json()) as T;
  }

  async connect(server: LifeServer, name: string): Promise<Account> {
    const { refreshToken, lifeSeconds } = await server.grant(name);
    const { id } = await this.ask<AccountBody>('POST', '/api/admin/accounts', {
      provider: PROVIDER,
      external_id: name,
      refresh_token: refreshToken,
      refresh_token_expires_at: new Date(Date.now() + lifeSeconds * 1000).toISOString(),
    });
    return { id, name };
  }

  accounts(): Promise<{ items: AccountBody[] }> {
    return this.ask('GET', '/api/admin/accounts?limit=500');
  }

  /** Never waits for a refresh while a token is valid. */
  token({ id }: Account): Promise<TokenBody> {
    return this.ask('GET', `/api/tokens/${id}?min_valid_seconds=0`);
  }
}

/** The worker, which can be killed and restarted. */
class Worker {
  readonly #setting: Setting;
  #process: EvergrantProcess;
  readonly kills: number[] = [];

  private constructor(setting: Setting, running: EvergrantProcess) {
    this.#setting = setting;
    this.#process = running;
  }

  static async start(setting: Setting): Promise<Worker> {
    return new Worker(setting, await startWorker(setting));
  }

  /** Kills and restarts the worker until `end`, each time after a random pause and the next `moment`. */
  async killUntil(end: number, everyMs: number, moment: () => Promise<unknown>): Promise<void> {
    for (;;) {
      const pauseMs = everyMs * (0.5 + Math.random());
      if (Date.now() + pauseMs > end) return;
      await delay(pauseMs);
      await Promise.race([moment(), delay(Math.max(0, end - Date.now()))]);
      process.kill(this.#process.pid, 'SIGKILL');
      this.kills.push(Date.now());
      this.#process = await startWorker(this.#setting);
      log(`worker killed and restarted (${this.kills.length})`);
    }
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }
}

async function sample(
  evergrant: Evergrant,
  server: LifeServer,
  account: Account,
  samples: Samples,
): Promise<void> {
  const token = await evergrant.token(account);
  samples.taken += 1;
  if (!token.active) {
    samples.none.set(token.reason, (samples.none.get(token.reason) ?? 0) + 1);
    return;
  }
  const expiresAt = token.expires_at;
  const isActive = await server.isActive(token.access_token);
  if (isActive) return;
  if (expiresAt !== null && Date.parse(expiresAt) <= Date.now()) samples.expiredMeanwhile += 1;
  else samples.refused.push({ account: account.name, at: new Date(), expiresAt });
}

/** Samples every account each second until `end`, and prints the progress. */
async function live(
  evergrant: Evergrant,
  server: LifeServer,
  accounts: readonly Account[],
  end: number,
): Promise<Samples> {
  const samples: Samples = { taken: 0, refused: [], none: new Map(), expiredMeanwhile: 0 };
  for (let progressAt = Date.now() + PROGRESS_EVERY_MS; Date.now() < end; ) {
    const tick = delay(SAMPLE_EVERY_MS);
    await Promise.all(accounts.map((account) => sample(evergrant, server, account, samples)));
    if (Date.now() >= progressAt) {
      progressAt += PROGRESS_EVERY_MS;
      const none = sum(samples.none.values());
      log(
        `${Math.round((end - Date.now()) / 1000)} s left: ${server.record.refreshes} refreshes, ${samples.taken} samples, ${samples.refused.length} refused, ${none} without a token`,
      );
    }
    await tick;
  }
  return samples;
}

const WORKING = ['ok', 'expiring_soon'];

/** The accounts that do not work after the end. */
async function lostAccounts(
  evergrant: Evergrant,
  { record, accessTokenLifeSeconds }: LifeServer,
  kills: readonly number[],
): Promise<Lost[]> {
  const deadline = Date.now() + SETTLE_WITHIN_MS;
  let { items } = await evergrant.accounts();
  while (items.some(({ status }) => status === 'expired') && Date.now() < deadline) {
    await delay(SAMPLE_EVERY_MS);
    ({ items } = await evergrant.accounts());
  }
  const dead = items.filter(({ status }) => !WORKING.includes(status));
  return dead.map(({ external_id: name, status, last_error: error }) => {
    const lost = record.lostAnswer(name);
    const byKill =
      lost !== null && kills.some((at) => at >= lost.at - 1_000 && at <= lost.at + KILL_WINDOW_MS);
    const refusal = record.firstRefusal(name);
    const words = [
      status,
      refusal === null ? 'never refused by the server' : `the server answered "${refusal}"`,
      lost === null ? null : lostWords(lost, accessTokenLifeSeconds),
      error === null ? null : `Evergrant reports ${error.code}`,
    ];
    return { name, byKill, reason: words.filter((one) => one !== null).join('; ') };
  });
}

/** Describes when the response was lost, and the remaining life of the old access token at the replay. */
function lostWords({ at, replayedAt, heldSince }: LostAnswer, lifeSeconds: number): string {
  const lost = `the response of ${new Date(at).toISOString()} was sent but not stored`;
  if (heldSince === null) return lost;
  const leftSeconds = Math.round(lifeSeconds - (replayedAt - heldSince) / 1000);
  return `${lost}; replayed when the old access token had ${Math.max(0, leftSeconds)} s of ${lifeSeconds} s left`;
}

function report(
  server: LifeServer,
  accounts: number,
  { samples, lost, kills }: { samples: Samples; lost: readonly Lost[]; kills: number },
): void {
  const faults = lost.filter(({ byKill }) => !byKill);
  const refused = refusedSamples(samples, lost);
  const lines: [string, number][] = [
    ['accounts', accounts],
    ['refreshes that the server granted', server.record.refreshes],
    ['kills of the worker', kills],
    ['accounts lost', faults.length],
    ['accounts lost by a kill in the known window', lost.length - faults.length],
    ['samples of the token endpoint', samples.taken],
    ['sampled tokens that introspection refused', refused.length],
    ['  the same for accounts lost by a kill', samples.refused.length - refused.length],
    ['sampled tokens that expired before introspection', samples.expiredMeanwhile],
    ['samples without a token', sum(samples.none.values())],
  ];
  process.stdout.write('\n');
  printTable(
    [server.name, ''],
    lines.map(([name, count]) => [name, String(count)]),
  );
  for (const [reason, count] of samples.none)
    process.stdout.write(`  without a token, ${reason}: ${count}\n`);
  for (const { name, byKill, reason } of lost)
    process.stdout.write(`  lost${byKill ? ' by a kill' : ''}: ${name}: ${reason}\n`);
  for (const { account, at, expiresAt } of samples.refused.slice(0, 20))
    process.stdout.write(
      `  refused: ${account} at ${at.toISOString()}, served as valid until ${expiresAt}\n`,
    );
}

/** Excludes accounts lost by a kill: a replay that revokes the grant also revokes its access token. */
function refusedSamples({ refused }: Samples, lost: readonly Lost[]): Samples['refused'] {
  const killed = new Set(lost.filter(({ byKill }) => byKill).map(({ name }) => name));
  return refused.filter(({ account }) => !killed.has(account));
}

function sum(counts: Iterable<number>): number {
  return [...counts].reduce((total, count) => total + count, 0);
}

/** Converts a duration such as `2m` to ms. */
function milliseconds(name: string, text: string): number {
  const parsed = duration.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new Error(`--${name} takes a duration such as 90s or 2m, not "${text}"`);
}

program(async () => {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '30' },
      server: { type: 'string', default: 'oidc' },
      accounts: { type: 'string', default: '20' },
      'sweep-every': { type: 'string', default: '5s' },
      'kill-every': { type: 'string' },
      'kill-at': { type: 'string', default: 'random' },
    },
  });
  const minutes = whole('minutes', values.minutes, 1);
  const count = whole('accounts', values.accounts, 1);
  const start = Object.entries(SERVERS).find(([name]) => name === values.server)?.[1];
  if (start === undefined)
    throw new Error(`--server takes ${Object.keys(SERVERS).join(' or ')}, not "${values.server}"`);
  const killEveryMs =
    values['kill-every'] === undefined ? null : milliseconds('kill-every', values['kill-every']);
  const killAt = values['kill-at'];
  if (killAt !== 'random' && killAt !== 'grant')
    throw new Error(`--kill-at takes random or grant, not "${killAt}"`);

  const id = randomBytes(4).toString('hex');
  const scratch = mkdtempSync(join(tmpdir(), 'evergrant-life-'));
  const client = { clientId: 'compressed-life', clientSecret: randomBytes(16).toString('hex') };
  const stops: (() => Promise<void>)[] = [];
  let failed = true;
  try {
    const engines = await startEngines(new Set(['temporal'] as const), scratch, log);
    stops.push(() => engines.stop());
    const server = await start(client);
    stops.push(() => server.stop());
    const providersFile = join(scratch, 'providers.yaml');
    const entry = {
      adapter: 'oauth2',
      issuer: server.issuer,
      sweepEvery: values['sweep-every'],
      ...server.entry,
      ...client,
    };
    // JSON is YAML.
    writeFileSync(providersFile, JSON.stringify({ providers: { [PROVIDER]: entry } }));
    const setting: Setting = {
      ...client,
      mongodbUri: engines.mongodbUri(`evergrant_life_${id}`),
      encryptionKeys: `k1:${randomBytes(32).toString('base64')}`,
      tokenEndpoint: `${server.issuer}/token`,
      providersFile,
      concurrency: 1,
      temporal: { address: engines.temporalAddress, namespace: `life-${id}` },
      redisUrl: '',
      logFile: join(scratch, 'log'),
    };
    const connection = await Connection.connect({ address: engines.temporalAddress });
    await createNamespace(connection, setting.temporal.namespace);
    await connection.close();
    const worker = await Worker.start(setting);
    stops.push(() => worker.stop());
    const api = await startApi(setting);
    stops.push(() => api.stop());
    const evergrant = new Evergrant(api.url, await createKey(setting));

    log(`connecting ${count} accounts`);
    const names = Array.from({ length: count }, (_, n) => `account-${n + 1}`);
    const accounts = await Promise.all(names.map((name) => evergrant.connect(server, name)));
    await settled(evergrant);
    log(`running for ${minutes} min; the logs are in ${scratch}`);
    const end = Date.now() + minutes * 60_000;
    const granted = () => new Promise<void>((resolve) => server.record.nextGrant(resolve));
    const moment = killAt === 'grant' ? granted : () => Promise.resolve();
    const [samples] = await Promise.all([
      live(evergrant, server, accounts, end),
      killEveryMs === null ? null : worker.killUntil(end, killEveryMs, moment),
    ]);
    const lost = await lostAccounts(evergrant, server, worker.kills);
    report(server, accounts.length, { samples, lost, kills: worker.kills.length });
    failed = refusedSamples(samples, lost).length > 0 || lost.some(({ byKill }) => !byKill);
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
  if (failed) throw new Error(`accounts were lost or tokens were refused; the logs are in ${scratch}`);
  rmSync(scratch, { recursive: true, force: true });
});

/** Creates an API key with the scopes of an administrator and of an application. */
async function createKey(setting: Setting): Promise<string> {
  const { store } = await openStoreAndVault(setting);
  const { text } = await store.apiKeys.create(
    { organisation: ORGANISATION, name: 'compressed life', scopes: ['admin', 'tokens'] },
    new Date(),
  );
  await store.close();
  return text;
}

/** Waits for the first refresh of every account. */
async function settled(evergrant: Evergrant): Promise<void> {
  const deadline = Date.now() + SETTLE_WITHIN_MS;
  for (;;) {
    const { items } = await evergrant.accounts();
    if (items.every(({ status }) => WORKING.includes(status))) return;
    if (Date.now() > deadline) throw new Error('the first refresh of the accounts did not complete in time');
    await delay(SAMPLE_EVERY_MS);
  }
}
