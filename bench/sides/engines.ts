/**
 * The engines of the sides: MongoDB, Temporal, Redis, and packages that only the bench needs, installed on first use.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import getPort from 'get-port';
import { loadConfig } from '../../src/process/config';
import { startMongodb } from '../../src/engines/mongodb/mongodb';
import { startTemporal } from '../../src/engines/temporal/temporal';
import { withDatabase } from '../../src/store/mongo/connection-string';
import { endChild, startChild } from './child';
import { startProductionTemporal } from './production-temporal';
import type { Need } from './side';

const BENCH = join(__dirname, '..');
const LOOPBACK = '127.0.0.1';
const REDIS_READY_WITHIN_MS = 10_000;

export interface Engines {
  /** The URI of the database with this name. */
  mongodbUri(database: string): string;
  temporalAddress: string;
  redisUrl: string;
  /** How each engine was started, for the head of the table. */
  strategies: string[];
  stop(): Promise<void>;
}

/** The Temporal servers that the bench can start without `TEMPORAL_ADDRESS`. */
export const TEMPORALS = ['embedded', 'production'] as const;
export type TemporalKind = (typeof TEMPORALS)[number];

/** Uses `MONGODB_URI` and `TEMPORAL_ADDRESS` or starts engines, and installs the other needs. */
export async function startEngines(
  needed: ReadonlySet<Need>,
  dataDir: string,
  log: (line: string) => void,
  temporalKind: TemporalKind = 'embedded',
): Promise<Engines> {
  const config = loadConfig();
  if (needed.has('packages')) installPackages(log);
  if (needed.has('python')) installPython(log);
  const strategies: string[] = [];
  const stops: (() => Promise<void>)[] = [];
  const options = { dataDir, cacheDir: config.cacheDir, log: log };
  let { mongodbUri } = config;
  if (mongodbUri === null) {
    const mongodb = await startMongodb(options);
    stops.push(() => mongodb.stop());
    mongodbUri = mongodb.uri;
    strategies.push(`MongoDB: ${mongodb.strategy}`);
  } else strategies.push('MongoDB: MONGODB_URI');
  let temporalAddress = '';
  if (needed.has('temporal')) {
    const temporal = await startTemporalOf(temporalKind, dataDir, log);
    stops.push(() => temporal.stop());
    temporalAddress = temporal.address;
    strategies.push(`Temporal: ${temporal.strategy}`);
  }
  let redisUrl = '';
  if (needed.has('redis')) {
    const redis = await startRedis(dataDir);
    stops.push(() => redis.stop());
    redisUrl = redis.url;
    strategies.push('Redis: redis-server, AOF each second');
  }
  return {
    mongodbUri(database) {
      return withDatabase(mongodbUri, database);
    },
    temporalAddress,
    redisUrl,
    strategies,
    async stop() {
      for (const stop of stops.toReversed()) await stop();
    },
  };
}

/** Uses the server at `TEMPORAL_ADDRESS`, or starts one of this kind. */
export async function startTemporalOf(
  kind: TemporalKind,
  dataDir: string,
  log: (line: string) => void,
): Promise<{ address: string; strategy: string; stop(): Promise<void> }> {
  const { cacheDir, temporal } = loadConfig();
  const address = temporal.connection?.address;
  if (address !== undefined)
    return { address, strategy: 'TEMPORAL_ADDRESS', stop: () => Promise.resolve() };
  return kind === 'production'
    ? await startProductionTemporal(dataDir, cacheDir, log)
    : await startTemporal({ dataDir, cacheDir, log: log, searchAttributes: {} });
}

/** Configured as BullMQ's guide advises for production, which also suits Celery. */
async function startRedis(dataDir: string): Promise<{ url: string; stop(): Promise<void> }> {
  const port = await getPort({ host: LOOPBACK });
  const settings = {
    port: String(port),
    bind: LOOPBACK,
    dir: dataDir,
    save: '',
    appendonly: 'yes',
    appendfsync: 'everysec',
    'maxmemory-policy': 'noeviction',
  };
  const server = startChild(
    'redis-server',
    Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
    { stdio: 'ignore' },
  );
  const missing = once(server, 'error').then(() => {
    throw new Error('redis-server is not on PATH; install it: apt-get install redis-server');
  });
  await Promise.race([missing, accepts(port)]);
  return {
    url: `redis://${LOOPBACK}:${port}/0`,
    stop: () => endChild(server),
  };
}

async function accepts(port: number): Promise<void> {
  const deadline = Date.now() + REDIS_READY_WITHIN_MS;
  for (;;) {
    const socket = createConnection(port, LOOPBACK);
    try {
      await once(socket, 'connect');
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await delay(50);
    } finally {
      socket.destroy();
    }
  }
}

/** Installs into bench/node_modules, so that a normal installation does not contain them. */
function installPackages(log: (line: string) => void): void {
  const wanted = join(BENCH, 'package.json');
  const installed = join(BENCH, 'node_modules', '.package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs > statSync(wanted).mtimeMs) return;
  log('installing the packages of bench/package.json');
  const quiet = ['--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'];
  execFileSync('npm', ['install', '--prefix', BENCH, ...quiet], { stdio: 'inherit' });
}

function environmentFolder(): string {
  return join(loadConfig().cacheDir, 'bench', 'venv');
}

/** The Python interpreter of the environment with the packages of bench/requirements.txt. */
export function python(): string {
  return join(environmentFolder(), 'bin', 'python');
}

function installPython(log: (line: string) => void): void {
  const folder = environmentFolder();
  const wanted = join(BENCH, 'requirements.txt');
  const installed = join(folder, 'requirements.txt');
  if (existsSync(installed) && readFileSync(installed).equals(readFileSync(wanted))) return;
  log(`installing bench/requirements.txt into ${folder}`);
  mkdirSync(folder, { recursive: true });
  execFileSync('python3', ['-m', 'venv', folder], { stdio: 'inherit' });
  execFileSync(python(), ['-m', 'pip', 'install', '--quiet', '-r', wanted], { stdio: 'inherit' });
  copyFileSync(wanted, installed);
}
