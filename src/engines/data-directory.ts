// The lock of a data directory: one Evergrant at a time. Held by a listening socket, so the kernel
// releases it with its holder, however that one ends; a pid in a file could not tell a dead holder
// from a stranger who got its number.
import { createHash } from 'node:crypto';
import { mkdir, realpath, unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ANSWER_WITHIN_MS = 2_000;
const ANSWER_LENGTH_MAX = 4_096;

export interface DataDirectoryLock {
  release(): Promise<void>;
}

interface Holder {
  /** Unknown if it did not answer. */
  pid: number | undefined;
  description: string;
}

/** Another Evergrant runs on the data directory; the message is a sentence for people. */
export class DataDirectoryInUse extends Error {
  readonly code = 'data_directory_in_use';

  constructor(dataDir: string, holder: Holder) {
    const { pid, description } = holder;
    const who = pid === undefined ? 'Another Evergrant' : `Another Evergrant (process ${pid})`;
    const what = description === '' ? '' : `: ${description}`;
    const stop = pid === undefined ? 'Stop it first' : `Stop it first (Ctrl-C, or kill ${pid})`;
    super(
      `${who} is running on the data directory ${dataDir}${what}. ${stop}, or give this one a DATA_DIR of its own.`,
    );
    this.name = 'DataDirectoryInUse';
  }
}

/**
 * Takes the data directory for this process, creating it if absent.
 *
 * @param describe what a second Evergrant tells its user about this one, such as where its API listens;
 *   asked when that happens.
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
  server.unref(); // holding a lock is no reason to keep running
  return {
    release: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
      }),
  };
}

/**
 * Linux has sockets without a file, in the kernel only: nothing stale is left, and a private /tmp
 * hides nothing. Windows' named pipes are alike; elsewhere it is a file.
 */
function socketAddress(directory: string): string {
  const hash = createHash('sha256').update(directory).digest('hex').slice(0, 24);
  const name = `evergrant-${hash}`;
  if (process.platform === 'linux') return `\0${name}`;
  if (process.platform === 'win32') return `\\\\.\\pipe\\${name}`;
  return join(tmpdir(), `${name}.sock`);
}

/** Resolves with nothing if the address is taken. */
function listen(address: string, describe: () => string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => {}); // whoever asked has gone
      socket.end(JSON.stringify({ pid: process.pid, description: describe() }));
    });
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(address, () => resolve(server));
  });
}

/** The address is taken: by a running one, which says so, or by the file of one that was killed. */
async function takeStale(
  directory: string,
  address: string,
  describe: () => string,
): Promise<Server> {
  const answer = await ask(address);
  if (answer !== 'nobody') throw new DataDirectoryInUse(directory, answer);
  if (process.platform !== 'win32' && !address.startsWith('\0')) {
    await unlink(address).catch(() => {});
  }
  const server = await listen(address, describe);
  if (server) return server;
  const winner = await ask(address);
  throw new DataDirectoryInUse(
    directory,
    winner === 'nobody' ? { pid: undefined, description: '' } : winner,
  );
}

/** A holder that does not answer in time still holds: it may be stopped in a debugger. */
function ask(address: string): Promise<'nobody' | Holder> {
  return new Promise((resolve) => {
    const socket = connect(address);
    let text = '';
    const silent = { pid: undefined, description: '' };
    const timer = setTimeout(() => {
      socket.destroy();
      resolve(silent);
    }, ANSWER_WITHIN_MS);
    const finish = (answer: 'nobody' | Holder): void => {
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
      finish(gone ? 'nobody' : silent);
    });
  });
}

function parseAnswer(text: string): Holder | undefined {
  try {
    const answer: unknown = JSON.parse(text);
    if (isHolder(answer)) return answer;
  } catch {
    // Cut off: the holder was just ending.
  }
  return undefined;
}

function isHolder(value: unknown): value is Holder {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, description } = value as Partial<Holder>;
  return typeof pid === 'number' && typeof description === 'string';
}
