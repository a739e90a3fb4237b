// The embedded MongoDB: a mongod where one can be had, mongo-java-server where not.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { mongo } from 'mongoose';
import { download } from './download';
import type { EngineOptions, RunningEngine } from './engine';
import { type GuardedCommand, runGuarded } from './guarded-process';
import { mongoJavaServerClasspath, mongoJavaServerCommand } from './mongo-java-server';
import { packageFile } from './package-file';
import { LOOPBACK, usualOrFreePort } from './ports';
import { runEngine } from './run-engine';
import { firstWayThatWorks, type Way } from './ways';

const USUAL_PORT = 27_017;
const DATABASE = 'evergrant';
const READY_WITHIN_MS = 90_000;
const PING_WITHIN_MS = 2_000;
const VERSION_WITHIN_MS = 30_000;

const INSTALL =
  'Install MongoDB (https://www.mongodb.com/docs/manual/installation/), or a JDK 17 and Maven for trying out, or set MONGODB_URI to a server that runs.';

export interface RunningMongodb extends RunningEngine {
  uri: string;
}

/** Whose files the data folder holds; neither server can read the other's. */
type Keeper = 'mongod' | 'mongo-java-server';

interface Server {
  keeper: Keeper;
  command(port: number): GuardedCommand;
}

/**
 * Starts a MongoDB server on the data directory and waits until it answers a ping.
 *
 * @throws {NoWayWorked} if none can be had.
 * @throws {EngineNotReady} if it does not start; the message ends with its log.
 */
export async function startMongodb(
  options: EngineOptions & { port?: number },
): Promise<RunningMongodb> {
  const { say, environment, port: usual = USUAL_PORT } = options;
  const folder = resolve(options.dataDir, 'mongodb');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const keeper = await readKeeper(folder);
  const { way, found } = await firstWayThatWorks(
    'MongoDB',
    waysFor(keeper, folder, options),
    keeper === undefined ? INSTALL : `${INSTALL} The data in ${folder} was written by ${keeper}.`,
    say,
  );

  const { where: port, ...engine } = await runEngine<number>({
    name: 'MongoDB',
    way,
    folder,
    say,
    readyWithinMs: READY_WITHIN_MS,
    place: () => usualOrFreePort('MongoDB', usual, say),
    command: (chosen) => ({ ...found.command(chosen), environment }),
    probe: (chosen) => ping(uriOf(chosen)),
  });
  await writeFile(keeperFile(folder), `${found.keeper}\n`);
  const caution =
    found.keeper === 'mongo-java-server' ? '; for trying out and tests, never for production' : '';
  say(`MongoDB: ${LOOPBACK}:${port} (${way}${caution})`);
  return { ...engine, uri: uriOf(port) };
}

/**
 * The ordered ways, less those that could not read the data that is there: a start must not show an
 * empty database because another server has been installed, or removed, in the meantime.
 */
function waysFor(
  keeper: Keeper | undefined,
  folder: string,
  options: EngineOptions,
): (Way<Server> & { keeper: Keeper })[] {
  const ways: (Way<Server> & { keeper: Keeper })[] = [
    {
      keeper: 'mongod',
      name: 'mongod on PATH',
      find: async () => mongod('mongod', folder, options),
    },
    {
      keeper: 'mongod',
      name: "mongodb-memory-server's download",
      find: async () => mongod(await downloadedMongod(options), folder, options),
    },
    {
      keeper: 'mongo-java-server',
      name: 'mongo-java-server with H2',
      find: async () => javaServer(await mongoJavaServerClasspath(options), folder),
    },
  ];
  return ways.filter((way) => keeper === undefined || way.keeper === keeper);
}

async function mongod(path: string, folder: string, options: EngineOptions): Promise<Server> {
  const version = await runGuarded(
    { command: path, args: ['--version'], environment: options.environment },
    { timeoutMs: VERSION_WITHIN_MS },
  );
  // Also fails on processors that the build does not support.
  if (version.code !== 0) throw new Error(`"${path} --version" failed: ${version.output}`);
  const dbpath = join(folder, 'wiredtiger');
  await mkdir(dbpath, { recursive: true });
  return {
    keeper: 'mongod',
    command: (port) => ({
      command: path,
      args: ['--dbpath', dbpath, '--bind_ip', LOOPBACK, '--port', String(port)],
    }),
  };
}

function javaServer(classpath: string, folder: string): Server {
  return {
    keeper: 'mongo-java-server',
    command: (port) => mongoJavaServerCommand(classpath, join(folder, 'evergrant.mv.db'), port),
  };
}

async function downloadedMongod(options: EngineOptions): Promise<string> {
  const folder = join(options.cacheDir, 'mongod');
  await mkdir(folder, { recursive: true });
  const printed = await download('MongoDB', 'mongod', folder, options, {
    command: process.execPath,
    args: [packageFile('src/engines/download-mongod.cjs'), folder],
    // Its default of three retries makes a machine without network wait; the next start tries again.
    variables: { MONGOMS_MAX_RETRIES: '2' },
  });
  const path = /^mongod at (.+)$/m.exec(printed)?.[1];
  if (path === undefined) throw new Error(printed);
  return path;
}

function keeperFile(folder: string): string {
  return join(folder, 'kept-by');
}

async function readKeeper(folder: string): Promise<Keeper | undefined> {
  const keeper = (await readFile(keeperFile(folder), 'utf8').catch(() => '')).trim();
  return keeper === 'mongod' || keeper === 'mongo-java-server' ? keeper : undefined;
}

function uriOf(port: number): string {
  return `mongodb://${LOOPBACK}:${port}/${DATABASE}?directConnection=true`;
}

async function ping(uri: string): Promise<void> {
  const client = new mongo.MongoClient(uri, { serverSelectionTimeoutMS: PING_WITHIN_MS });
  try {
    await client.db().command({ ping: 1 });
  } finally {
    await client.close();
  }
}
