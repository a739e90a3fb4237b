/** Starts Evergrant's processes from `build/`, as users do, each with a separate environment. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { recordCreated } from '../support/created';
import { engines } from '../support/engines';
import { eventually } from '../support/eventually';

const ROOT = join(__dirname, '..', '..');
/** Longest start with embedded engines on a busy machine, in ms. */
export const START_MS = 120_000;

interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
  afterMs: number;
}

export interface EvergrantProcess {
  pid: number;
  stdout(): string;
  stderr(): string;
  /** The lines of stdout, parsed. */
  lines(): Record<string, any>[];
  exited: Promise<Ending>;
  signal(name: NodeJS.Signals): void;
  /** Waits until stderr matches, and returns the match. Fails at once if the process ends first. */
  printed(what: RegExp): Promise<RegExpExecArray>;
  /** Waits for a log line with a matching message. */
  logged(message: RegExp): Promise<Record<string, any>>;
}

const started: ChildProcess[] = [];
const folders: string[] = [];
const servers: Server[] = [];

/**
 * Starts a built entry point with Node, or runs `npm start`. From the environment of the tests, the process gets only PATH
 * and the home and cache folders.
 */
export function startProcess(
  entry: 'npm start' | 'main.js' | 'worker/main.js' | 'server/main.js',
  environment: Record<string, string>,
  { packageRoot, cwd } = { packageRoot: ROOT, cwd: ROOT },
): EvergrantProcess {
  const beganAt = performance.now();
  // Skips `prestart`, because it would rebuild `build/`, from which other tests run.
  const [command, args] =
    entry === 'npm start'
      ? ['npm', ['start', '--silent', '--ignore-scripts']]
      : [process.execPath, [join(packageRoot, 'build', entry)]];
  const child = spawn(command, args, {
    cwd,
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'],
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(child);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  let ending: Ending | undefined;
  const exited = new Promise<Ending>((resolve) => {
    child.once('close', (code, signal) => {
      ending = { code, signal, afterMs: performance.now() - beganAt };
      resolve(ending);
    });
  });
  const lines = () =>
    stdout
      .split('\n')
      .slice(0, -1)
      .map((line): Record<string, any> => JSON.parse(line));
  const orEnded = async <T>(probe: () => T | undefined | null): Promise<T> => {
    const found = await eventually<{ value: T } | { ended: Ending }>(() => {
      const value = probe();
      if (value !== undefined && value !== null) return { value };
      return ending === undefined ? false : { ended: ending };
    }, START_MS);
    if ('value' in found) return found.value;
    throw new Error(`ended first (${JSON.stringify(found.ended)}):\n${stdout}\n${stderr}`);
  };
  return {
    pid: child.pid ?? 0,
    stdout: () => stdout,
    stderr: () => stderr,
    lines,
    exited,
    signal: (name) => child.kill(name),
    printed: (what) => orEnded(() => what.exec(stderr)),
    logged: (message) => orEnded(() => lines().find(({ msg }) => message.test(String(msg)))),
  };
}

/** Kills the processes that a test file left running, removes its folders and frees its ports. */
export async function cleanUp(): Promise<void> {
  for (const child of started.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  }
  for (const server of servers.splice(0)) server.close();
  for (const folder of folders.splice(0)) {
    await eventually(async () => enginesOf(folder).filter(isAlive).length === 0, START_MS);
    rmSync(folder, { recursive: true, force: true });
  }
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'evergrant-start-'));
  folders.push(folder);
  return folder;
}

/** The process ids of a data directory's engines and their guards, from the engines' records. */
export function enginesOf(dataDir: string): number[] {
  return ['temporal', 'mongodb'].flatMap((name) => {
    try {
      const record = JSON.parse(readFileSync(join(dataDir, name, 'engine.json'), 'utf8'));
      return [record.pid, record.guardPid];
    } catch {
      return [];
    }
  });
}

/** Whether the process exists. A zombie counts as gone. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    return !/^\d+ \(.*\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return process.platform !== 'linux';
  }
}

/** Makes sure that a port is in use, by this process or by another one. */
export async function occupy(port: number): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.once('error', () => resolve());
    server.listen(port, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') return port;
  servers.push(server);
  return address.port;
}

export function newKey(id = 'k1'): string {
  return `${id}:${randomBytes(32).toString('base64')}`;
}

/** The shared engines, with a new database and namespace. */
export async function sharedEngines(): Promise<{
  database: string;
  environment: Record<string, string>;
}> {
  const name = `start-${randomBytes(6).toString('hex')}`;
  recordCreated('namespace', name);
  const connection = await Connection.connect({ address: engines.temporalAddress });
  await connection.workflowService.registerNamespace({
    namespace: name,
    workflowExecutionRetentionPeriod: { seconds: (24 * 3600) as never },
  });
  await connection.close();
  const database = name.replace('-', '_');
  return {
    database,
    environment: {
      MONGODB_URI: engines.mongodbUri(database),
      TEMPORAL_ADDRESS: engines.temporalAddress,
      TEMPORAL_NAMESPACE: name,
      ENCRYPTION_KEYS: newKey(),
      DATA_DIR: temporaryFolder(),
      PORT: '0',
    },
  };
}

/** Writes a providers file whose provider `id` uses the eBay adapter with another token endpoint. */
export function providersFile(
  tokenEndpoint: string,
  more: Record<string, string> = {},
  id = 'ebay',
): { PROVIDERS_FILE: string } {
  const file = join(temporaryFolder(), 'providers.yaml');
  writeFileSync(
    file,
    JSON.stringify({
      providers: {
        [id]: {
          adapter: 'ebay',
          clientId: '${EBAY_CLIENT_ID}',
          clientSecret: '${EBAY_CLIENT_SECRET}',
          tokenEndpoint,
          ...more,
        },
      },
    }),
  );
  return { PROVIDERS_FILE: file };
}

/** Requests a path of the API with a key. */
export async function ask(
  url: string,
  key: string,
  path: string,
  init: { method?: string; body?: unknown } = {},
): Promise<any> {
  const response = await fetch(`${url}${path}`, {
    method: init.method ?? 'GET',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}
