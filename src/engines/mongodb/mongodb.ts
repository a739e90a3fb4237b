/**
 * Starts the embedded MongoDB: a mongod if this machine has one or can download one, otherwise mongo-java-server. Both
 * listen only on a Unix domain socket in a private folder, so only the user who started Evergrant can connect.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { mongo } from 'mongoose';
import { archiveOf, MONGOD_VERSION, thisPlatform } from '../archives';
import { isChecked } from '../checked-program';
import { download } from '../download';
import type { EngineOptions, RunningEngine } from '../engine';
import { type GuardedCommand, runGuarded } from '../guard/guarded-process';
import { runEngine } from '../run-engine';
import { firstStrategyThatWorks, NoStrategyWorked, type Strategy } from '../strategies';
import { mongoJavaServerClasspath, mongoJavaServerCommand } from './mongo-java-server';
import { privateFolder, socketPath } from './socket-path';

const SOCKET = 'mongodb.sock'; // the driver recognises a socket by this suffix
const DATABASE = 'evergrant';
const READY_WITHIN_MS = 90_000;
const PING_WITHIN_MS = 2_000;
const VERSION_WITHIN_MS = 30_000;

const INSTALL =
  'Install MongoDB (https://www.mongodb.com/docs/manual/installation/), or for development a JDK 17 and Maven, or set MONGODB_URI to a running server.';

const NO_SOCKETS = {
  strategy: 'a server on a Unix domain socket',
  reason:
    'Node.js does not support Unix domain sockets on Windows, and every user of this machine could connect to a port',
};

export interface RunningMongodb extends RunningEngine {
  uri: string;
}

/** The server that wrote the data folder. Neither server can read the files of the other. */
type Keeper = 'mongod' | 'mongo-java-server';

interface Server {
  keeper: Keeper;
  command(socket: string): GuardedCommand;
}

/**
 * Starts a MongoDB server on the data directory and waits until it answers a ping.
 *
 * @throws {NoStrategyWorked} if no server is available.
 * @throws {EngineNotReady} if it does not start; the message ends with its log.
 */
export async function startMongodb(options: EngineOptions): Promise<RunningMongodb> {
  const { log, environment } = options;
  if (process.platform === 'win32') throw new NoStrategyWorked('MongoDB', [NO_SOCKETS], INSTALL);
  const folder = resolve(options.dataDir, 'mongodb');
  await privateFolder(folder);
  const socket = await socketPath(folder, SOCKET);
  const uri = `mongodb://${encodeURIComponent(socket)}/${DATABASE}?directConnection=true`;
  const keeper = await readKeeper(folder);
  const { strategy, found } = await firstStrategyThatWorks(
    'MongoDB',
    strategiesFor(keeper, folder, options),
    keeper === undefined ? INSTALL : `${INSTALL} The data in ${folder} was written by ${keeper}.`,
    log,
  );

  const { where: _, ...engine } = await runEngine<string>({
    name: 'MongoDB',
    strategy,
    folder,
    log,
    readyWithinMs: READY_WITHIN_MS,
    place: async () => socket,
    command: (chosen) => ({ ...found.command(chosen), environment }),
    probe: () => ping(uri),
  });
  await writeFile(keeperFile(folder), `${found.keeper}\n`);
  const caution =
    found.keeper === 'mongo-java-server'
      ? '; only for development and tests, not for production'
      : '';
  log(`MongoDB is ready at ${socket} (${strategy}${caution})`);
  return { ...engine, uri };
}

/**
 * The strategies in order, without those whose server cannot read the existing data: installing or removing a server
 * between two starts must not lead to an empty database.
 */
function strategiesFor(
  keeper: Keeper | undefined,
  folder: string,
  options: EngineOptions,
): (Strategy<Server> & { keeper: Keeper })[] {
  const strategies: (Strategy<Server> & { keeper: Keeper })[] = [
    {
      keeper: 'mongod',
      name: 'mongod on PATH',
      find: async () => mongod('mongod', folder, options),
    },
    {
      keeper: 'mongod',
      name: `a download of mongod ${MONGOD_VERSION}`,
      find: async () => mongod(await cachedOrDownloadedMongod(options), folder, options),
    },
    {
      keeper: 'mongo-java-server',
      name: 'mongo-java-server with H2',
      find: async () => javaServer(await mongoJavaServerClasspath(options), folder),
    },
  ];
  return strategies.filter((one) => keeper === undefined || one.keeper === keeper);
}

async function mongod(path: string, folder: string, options: EngineOptions): Promise<Server> {
  const version = await runGuarded(
    { command: path, args: ['--version'], environment: options.environment },
    { timeoutMs: VERSION_WITHIN_MS },
  );
  // This also fails on processors that the build does not support.
  if (version.code !== 0) throw new Error(`"${path} --version" failed: ${version.output}`);
  const dbpath = join(folder, 'wiredtiger');
  await mkdir(dbpath, { recursive: true });
  return {
    keeper: 'mongod',
    command: (socket) => ({
      command: path,
      // Without --nounixsocket, mongod would also listen on a socket in /tmp.
      args: ['--dbpath', dbpath, '--bind_ip', socket, '--nounixsocket'],
    }),
  };
}

function javaServer(classpath: string, folder: string): Server {
  return {
    keeper: 'mongo-java-server',
    command: (socket) => mongoJavaServerCommand(classpath, join(folder, 'evergrant.mv.db'), socket),
  };
}

async function cachedOrDownloadedMongod(options: EngineOptions): Promise<string> {
  const path = join(options.cacheDir, 'mongod', `mongod-${MONGOD_VERSION}`);
  if (!(await isChecked(path))) {
    await download('MongoDB', archiveOf('mongod', thisPlatform()), path, options);
  }
  return path;
}

function keeperFile(folder: string): string {
  return join(folder, 'kept-by');
}

async function readKeeper(folder: string): Promise<Keeper | undefined> {
  const keeper = (await readFile(keeperFile(folder), 'utf8').catch(() => '')).trim();
  return keeper === 'mongod' || keeper === 'mongo-java-server' ? keeper : undefined;
}

async function ping(uri: string): Promise<void> {
  const client = new mongo.MongoClient(uri, { serverSelectionTimeoutMS: PING_WITHIN_MS });
  try {
    await client.db().command({ ping: 1 });
  } finally {
    await client.close();
  }
}
