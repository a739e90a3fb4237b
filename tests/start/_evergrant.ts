/** Real processes of Evergrant, as people start them: from `build/`, with an environment of their own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { engines } from '../support/engines';
import { eventually } from '../support/eventually';

const ROOT = join(__dirname, '..', '..');
/** What an embedded start may take on a busy machine. */
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
  /** Waits until stderr matches, and answers the match; fails at once if the process ends first. */
  said(what: RegExp): Promise<RegExpExecArray>;
  /** Waits until a line with that message was logged. */
  logged(message: RegExp): Promise<Record<string, any>>;
}

const started: ChildProcess[] = [];
const folders: string[] = [];
const servers: Server[] = [];

/** Starts one of the built entry points, by Node or as a person does by `npm start`. Nothing of the tests' own environment reaches it but where programs are. */
export function startProcess(
  entry: 'npm start' | 'main.js' | 'worker/main.js' | 'server/main.js',
  environment: Record<string, string>,
  { packageRoot, cwd } = { packageRoot: ROOT, cwd: ROOT },
): EvergrantProcess {
  const beganAt = performance.now();
  // Without `prestart`: other tests are running from `build/`.
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
    said: (what) => orEnded(() => what.exec(stderr)),
    logged: (message) => orEnded(() => lines().find(({ msg }) => message.test(String(msg)))),
  };
}

/** Ends what a test file has left running, by process; removes its folders and frees its ports. */
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

/** The processes of the engines that run on a data directory, their guards included, as their records name them. */
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

/** A zombie, which only waits to be reaped, counts as gone. */
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

/** Makes sure that a port is taken: by this, or by whoever has it. */
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

/** The shared engines, with a database and a namespace that nobody else has. */
export async function sharedEngines(): Promise<{
  database: string;
  environment: Record<string, string>;
}> {
  const name = `start-${randomBytes(6).toString('hex')}`;
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

/** A providers file that sends eBay's requests to another token endpoint; by the name `id`. */
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

/** Asks the API as somebody who has the key. */
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
