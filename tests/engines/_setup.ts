/** Temporary folders, parent processes that tests kill, and views of processes and ports. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { EngineRecord } from '../../src/engines/engine-record';

/** The cache of `npm start`, so that tests use programs that were downloaded or built before. */
export const CACHE_DIR = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'evergrant',
);

export async function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'evergrant-engines-'));
}

export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
}

/** Collects the log lines of an embedded server. */
export function collectedLines(): { log: (line: string) => void; lines: string[] } {
  const lines: string[] = [];
  return { log: (line) => lines.push(line), lines };
}

export interface Parent {
  process: ChildProcess;
  lines: string[];
  ready: Record<string, unknown> | undefined;
  failed: string | undefined;
}

/** Starts a parent and waits until it is ready or has failed. */
export async function startParent(
  what: 'temporal' | 'mongodb' | 'lock',
  options: object,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Parent> {
  const child = spawn(
    process.execPath,
    [
      '-r',
      join(__dirname, '_typescript.cjs'),
      join(__dirname, '_parent.cjs'),
      what,
      JSON.stringify(options),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], env: environment },
  );
  const parent: Parent = { process: child, lines: [], ready: undefined, failed: undefined };
  for await (const line of createInterface({ input: child.stdout })) {
    const message = JSON.parse(line);
    if (typeof message.line === 'string') parent.lines.push(message.line);
    parent.ready = message.ready;
    parent.failed = message.failed;
    if (parent.ready || parent.failed !== undefined) break;
  }
  return parent;
}

export async function engineRecord(dataDir: string, engine: string): Promise<EngineRecord> {
  return JSON.parse(await readFile(join(dataDir, engine, 'engine.json'), 'utf8'));
}

/** A zombie counts as ended, because in a container no process may reap it. */
export async function runs(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (process.platform !== 'linux') return true;
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') Z');
  return !/\) Z/.test(status);
}

/** The TCP ports that a process listens on. */
export async function listeningPorts(pid: number): Promise<number[]> {
  if (process.platform !== 'linux') {
    const args = ['-a', '-n', '-P', '-p', String(pid), '-iTCP', '-sTCP:LISTEN', '-Fn'];
    const { stdout } = await promisify(execFile)('lsof', args).catch(() => ({ stdout: '' }));
    return [...stdout.matchAll(/^n.*:(\d+)$/gm)].map(([, port]) => Number(port));
  }
  const descriptors = await readdir(`/proc/${pid}/fd`);
  const targets = descriptors.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => ''));
  const inodes = new Set(
    (await Promise.all(targets)).map((to) => /^socket:\[(\d+)\]$/.exec(to)?.[1]),
  );
  const tables = ['tcp', 'tcp6'].map((table) => readFile(`/proc/${pid}/net/${table}`, 'utf8'));
  const rows = (await Promise.all(tables)).flatMap((table) => table.trim().split('\n').slice(1));
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === '0A' && inodes.has(inode))
    .map(([, local = '']) => Number.parseInt(local.split(':')[1] ?? '', 16));
}

/** Waits until the condition holds. Fails with the description after `withinMs`. */
export async function eventually(
  description: string,
  condition: () => boolean | Promise<boolean>,
  withinMs: number,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`${description}: not within ${withinMs} ms`);
    await delay(50);
  }
}
