/**
 * A Temporal server as in production: `go.temporal.io/server`, which Go builds on first use, on a PostgreSQL that syncs
 * its writes, with as many history shards as `docker-compose.yml` sets. Runs on this machine, and is removed
 * afterwards.
 */
import { type ChildProcess, execFileSync } from 'node:child_process';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import getPort, { portNumbers } from 'get-port';
import { endChild, startChild } from './child';

const VERSION = '1.29.1';
const PACKAGES = ['cmd/server', 'cmd/tools/sql'];
const HISTORY_SHARDS = 128;
const LOOPBACK = '127.0.0.1';
const USER = 'temporal';
const DEBIAN_FOLDER = '/usr/lib/postgresql';
/** Temporal stores its ports in PostgreSQL as smallint. */
const serverPort = () => getPort({ host: LOOPBACK, port: portNumbers(20_000, 32_767) });
const READY_WITHIN_MS = 120_000;
const LOOK_EVERY_MS = 200;

interface Running {
  address: string;
  strategy: string;
  stop(): Promise<void>;
}

export async function startProductionTemporal(
  dataDir: string,
  cacheDir: string,
  log: (line: string) => void,
): Promise<Running> {
  const programs = buildServer(join(cacheDir, 'temporal-server', VERSION), log);
  const postgres = await startPostgres(join(dataDir, 'postgres.log'));
  try {
    for (const [database, schema] of [
      [USER, 'temporal'],
      [`${USER}_visibility`, 'visibility'],
    ] as const)
      setUpSchema(join(programs, 'sql'), postgres.port, database, `postgresql/v12/${schema}`);
    const server = await startServer(programs, dataDir, postgres.port);
    return {
      address: server.address,
      strategy: `server ${VERSION} on ${postgres.version}`,
      async stop() {
        await server.stop();
        await postgres.stop();
      },
    };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}

/** @returns the folder of the programs */
function buildServer(folder: string, log: (line: string) => void): string {
  if (existsSync(join(folder, 'server')) && existsSync(join(folder, 'sql'))) return folder;
  log(`go install go.temporal.io/server@v${VERSION}: takes some minutes the first time`);
  mkdirSync(folder, { recursive: true });
  const packages = PACKAGES.map((path) => `go.temporal.io/server/${path}@v${VERSION}`);
  execFileSync('go', ['install', '-ldflags=-s -w', ...packages], {
    env: { ...process.env, GOBIN: folder },
    stdio: 'inherit',
  });
  return folder;
}

async function startPostgres(
  logFile: string,
): Promise<{ port: number; version: string; stop(): Promise<void> }> {
  const programs = postgresPrograms();
  // PostgreSQL refuses to run as root, and its user cannot read the folders of the bench.
  const folder = mkdtempSync(join(tmpdir(), 'evergrant-bench-postgres-'));
  const user = process.getuid?.() === 0 ? postgresUser() : null;
  if (user !== null) chownSync(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  const options = { ...user, cwd: folder };
  execFileSync(
    join(programs, 'initdb'),
    ['--pgdata', data, '--username', USER, '--auth', 'trust', '--encoding', 'UTF8'],
    { ...options, stdio: 'ignore' },
  );
  const version = execFileSync(join(programs, 'postgres'), ['--version'], { encoding: 'utf8' });
  const port = await getPort({ host: LOOPBACK });
  const log = openSync(logFile, 'a');
  const server = startChild(
    join(programs, 'postgres'),
    ['-D', data, '-p', String(port), '-k', folder, '-h', LOOPBACK, '-c', 'max_connections=300'],
    { ...options, stdio: ['ignore', log, log] },
  );
  closeSync(log);
  const stop = async () => {
    await endChild(server);
    rmSync(folder, { recursive: true, force: true });
  };
  await ready('PostgreSQL', server, logFile, async () => {
    execFileSync(join(programs, 'pg_isready'), ['-h', LOOPBACK, '-p', String(port)], {
      stdio: 'ignore',
    });
  });
  return {
    port,
    version: version.replace(/^postgres \(PostgreSQL\) (\S+)[^]*$/, 'PostgreSQL $1'),
    stop,
  };
}

/** Debian installs PostgreSQL's programs outside PATH. */
function postgresPrograms(): string {
  const versions = existsSync(DEBIAN_FOLDER) ? readdirSync(DEBIAN_FOLDER) : [];
  const folders = versions
    .toSorted((one, other) => Number(other) - Number(one))
    .map((version) => join(DEBIAN_FOLDER, version, 'bin'));
  const found = [...folders, ...(process.env['PATH'] ?? '').split(':')].find((folder) =>
    existsSync(join(folder, 'initdb')),
  );
  if (found === undefined)
    throw new Error('PostgreSQL was not found; install it: apt-get install postgresql');
  return found;
}

function postgresUser(): { uid: number; gid: number } {
  const [uid, gid] = ['-u', '-g'].map((flag) =>
    Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' })),
  );
  return { uid: uid ?? 0, gid: gid ?? 0 };
}

function setUpSchema(tool: string, port: number, database: string, schema: string): void {
  const at = ['--plugin', 'postgres12', '--ep', LOOPBACK, '-p', String(port), '-u', USER];
  const run = (...args: string[]) =>
    execFileSync(tool, [...at, '--db', database, ...args], { stdio: 'ignore' });
  run('create-database', '--defaultdb', 'postgres');
  run('setup-schema', '-v', '0.0');
  run('update-schema', '--schema-name', schema);
}

async function startServer(
  programs: string,
  dataDir: string,
  postgresPort: number,
): Promise<{ address: string; stop(): Promise<void> }> {
  const config = join(dataDir, 'temporal-config');
  mkdirSync(config);
  const { yaml, port } = await configuration(postgresPort);
  writeFileSync(join(config, 'bench.yaml'), yaml);
  const logFile = join(dataDir, 'temporal-server.log');
  const log = openSync(logFile, 'a');
  const server = startChild(
    join(programs, 'server'),
    [
      '--root',
      dataDir,
      '--config',
      'temporal-config',
      '--env',
      'bench',
      '--allow-no-auth',
      'start',
    ],
    { env: { PATH: process.env['PATH'] }, stdio: ['ignore', log, log] },
  );
  closeSync(log);
  const address = `${LOOPBACK}:${port}`;
  await ready('Temporal', server, logFile, async () => {
    const connection = await Connection.connect({ address, connectTimeout: '2s' });
    try {
      await connection.workflowService.describeNamespace({ namespace: 'temporal-system' });
    } finally {
      await connection.close();
    }
  });
  return { address, stop: () => endChild(server) };
}

async function service() {
  return {
    rpc: {
      grpcPort: await serverPort(),
      membershipPort: await serverPort(),
      bindOnLocalHost: true,
    },
  };
}

async function configuration(postgresPort: number): Promise<{ yaml: string; port: number }> {
  const store = (databaseName: string) => ({
    sql: {
      pluginName: 'postgres12',
      databaseName,
      connectAddr: `${LOOPBACK}:${postgresPort}`,
      connectProtocol: 'tcp',
      user: USER,
      password: '',
      maxConns: 20,
      maxIdleConns: 20,
      maxConnLifetime: '1h',
    },
  });
  const services = {
    frontend: await service(),
    matching: await service(),
    history: await service(),
    worker: await service(),
  };
  const port = services.frontend.rpc.grpcPort;
  const cluster = {
    enabled: true,
    initialFailoverVersion: 1,
    rpcName: 'frontend',
    rpcAddress: `${LOOPBACK}:${port}`,
  };
  // JSON is YAML.
  const yaml = JSON.stringify({
    log: { stdout: true, level: 'warn' },
    persistence: {
      defaultStore: 'main',
      visibilityStore: 'visibility',
      numHistoryShards: HISTORY_SHARDS,
      datastores: { main: store(USER), visibility: store(`${USER}_visibility`) },
    },
    global: { membership: { maxJoinDuration: '30s', broadcastAddress: LOOPBACK } },
    services,
    clusterMetadata: {
      enableGlobalNamespace: false,
      failoverVersionIncrement: 10,
      masterClusterName: 'active',
      currentClusterName: 'active',
      clusterInformation: { active: cluster },
    },
  });
  return { yaml, port };
}

async function ready(
  name: string,
  server: ChildProcess,
  logFile: string,
  probe: () => Promise<void>,
): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  for (;;) {
    try {
      await probe();
      return;
    } catch {
      if (server.exitCode !== null || Date.now() > deadline)
        throw new Error(`${name} did not start; see ${logFile}`);
    }
    await delay(LOOK_EVERY_MS);
  }
}
