/**
 * The lock of a data directory: one Evergrant at a time. A listening socket holds the lock, because the kernel releases
 * it when the process ends for any reason. With a pid file, a new process with the same pid would look like the holder.
 */
import { createHash } from 'node:crypto';
import { mkdir, realpath, unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Time in ms for a holder to describe itself. A holder that takes longer is reported without its pid. */
const ANSWER_WITHIN_MS = 2_000;
const ANSWER_LENGTH_MAX = 4_096;

export interface DataDirectoryLock {
  release(): Promise<void>;
}

interface Holder {
  /** `undefined` if the holder did not answer. */
  pid: number | undefined;
  description: string;
}

/** Another Evergrant runs on the data directory. The message is for the operator. */
export class DataDirectoryInUse extends Error {
  readonly code = 'data_directory_in_use';

  constructor(dataDir: string, holder: Holder) {
    const { pid, description } = holder;
    const name = pid === undefined ? 'Another Evergrant' : `Another Evergrant (process ${pid})`;
    const what = description === '' ? '' : `: ${description}`;
    const stop = pid === undefined ? 'Stop it first' : `Stop it first (Ctrl-C, or kill ${pid})`;
    super(
      `${name} is running on the data directory ${dataDir}${what}. ${stop}, or set a different DATA_DIR for this one.`,
    );
    this.name = 'DataDirectoryInUse';
  }
}

/**
 * Locks the data directory for this process. Creates it if it does not exist.
 *
 * @param describe returns a description of this process for the error of a second one, such as the URL of its API.
 * @throws {DataDirectoryInUse} if another process holds it.
 */
export async function lockDataDirectory(
  dataDir: string,
  describe: () => string,
): Promise<DataDirectoryLock> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const directory = await realpath(dataDir);
  const address = socketAddress(directory);
  const server =
    (await listen(address, describe)) ?? (await takeStale(directory, address, describe));
  server.unref(); // the lock alone does not keep the process running
  return {
    release: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
      }),
  };
}

/**
 * On Linux an abstract socket without a file, which leaves no stale file and does not depend on /tmp. On Windows a
 * named pipe, elsewhere a file.
 */
function socketAddress(directory: string): string {
  const hash = createHash('sha256').update(directory).digest('hex').slice(0, 24);
  const name = `evergrant-${hash}`;
  if (process.platform === 'linux') return `\0${name}`;
  if (process.platform === 'win32') return `\\\\.\\pipe\\${name}`;
  return join(tmpdir(), `${name}.sock`);
}

/** Resolves with `undefined` if the address is in use. */
function listen(address: string, describe: () => string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => {}); // the client closed the connection
      socket.end(JSON.stringify({ pid: process.pid, description: describe() }));
    });
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(address, () => resolve(server));
  });
}

/** Handles an address in use: by a running holder, which answers, or by the socket file of a killed one. */
async function takeStale(
  directory: string,
  address: string,
  describe: () => string,
): Promise<Server> {
  const answer = await ask(address);
  if (answer !== 'none') throw new DataDirectoryInUse(directory, answer);
  if (process.platform !== 'win32' && !address.startsWith('\0')) {
    await unlink(address).catch(() => {});
  }
  const server = await listen(address, describe);
  if (server) return server;
  const winner = await ask(address);
  throw new DataDirectoryInUse(
    directory,
    winner === 'none' ? { pid: undefined, description: '' } : winner,
  );
}

/** A holder that does not answer in time counts as running, because it may be suspended in a debugger. */
function ask(address: string): Promise<'none' | Holder> {
  return new Promise((resolve) => {
    const socket = connect(address);
    let text = '';
    const silent = { pid: undefined, description: '' };
    const timer = setTimeout(() => {
      socket.destroy();
      resolve(silent);
    }, ANSWER_WITHIN_MS);
    const finish = (answer: 'none' | Holder): void => {
      clearTimeout(timer);
      resolve(answer);
    };
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      if (text.length < ANSWER_LENGTH_MAX) text += chunk;
    });
    socket.on('end', () => finish(parseAnswer(text) ?? silent));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const gone = error.code === 'ECONNREFUSED' || error.code === 'ENOENT';
      finish(gone ? 'none' : silent);
    });
  });
}

function parseAnswer(text: string): Holder | undefined {
  try {
    const answer: unknown = JSON.parse(text);
    if (isHolder(answer)) return answer;
  } catch {
    // The holder ended while it answered.
  }
  return undefined;
}

function isHolder(value: unknown): value is Holder {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, description } = value as Partial<Holder>;
  return typeof pid === 'number' && typeof description === 'string';
}
