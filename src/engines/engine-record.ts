/**
 * engine.json: the processes of an embedded server on a data folder. The next start reads it and waits until a server
 * that outlived a killed Evergrant has closed its files.
 */
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Log } from './engine';
import { signalGroup } from './guard/guarded-process';

const RECORD_FILE = 'engine.json';
const POLL_MS = 100;
/** Longer than the ten seconds after which the guard kills its server. */
const GUARD_ENDS_WITHIN_MS = 13_000;
const TERM_WITHIN_MS = 10_000;
const KILL_WITHIN_MS = 3_000;

export interface EngineRecord {
  pid: number;
  guardPid: number;
  startedAt: string;
}

export async function writeEngineRecord(folder: string, record: EngineRecord): Promise<void> {
  await writeFile(join(folder, RECORD_FILE), `${JSON.stringify(record)}\n`);
}

export async function removeEngineRecord(folder: string): Promise<void> {
  await rm(join(folder, RECORD_FILE), { force: true });
}

/**
 * Ensures that no server of an earlier run uses the folder: waits while its guard stops it, and stops it here if the
 * guard is gone.
 *
 * @throws if the guard keeps running, because then another Evergrant still uses the server.
 */
export async function awaitPredecessor(name: string, folder: string, log: Log): Promise<void> {
  const record = await readRecord(folder);
  if (!record) return;
  const serverRuns = (): Promise<boolean> => runsWith(record.pid, folder);
  if (!(await serverRuns())) return;

  if (await runsWith(record.guardPid, folder)) {
    log(`${name}: waiting for the server of an earlier run to stop (pid ${record.pid})`);
    if (await gone(serverRuns, GUARD_ENDS_WITHIN_MS)) return;
    if (await runsWith(record.guardPid, folder)) {
      throw new Error(
        `${name} is already running on ${folder} (pid ${record.pid}, since ${record.startedAt}), and the Evergrant that started it is still running. Stop that Evergrant first.`,
      );
    }
  }
  log(`${name}: stopping the server that an earlier run left behind (pid ${record.pid})`);
  signalGroup(record.pid, 'SIGTERM');
  if (await gone(serverRuns, TERM_WITHIN_MS)) return;
  signalGroup(record.pid, 'SIGKILL');
  if (await gone(serverRuns, KILL_WITHIN_MS)) return;
  throw new Error(
    `${name}: process ${record.pid} still uses ${folder} and did not end after SIGKILL. End it by hand, or set another DATA_DIR.`,
  );
}

async function readRecord(folder: string): Promise<EngineRecord | undefined> {
  try {
    const record: unknown = JSON.parse(await readFile(join(folder, RECORD_FILE), 'utf8'));
    return isRecord(record) ? record : undefined;
  } catch {
    return undefined; // no record, or an incomplete one of a killed run, whose guard stops the server
  }
}

function isRecord(value: unknown): value is EngineRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, guardPid } = value as Partial<EngineRecord>;
  // A signal to pid 1 or below would reach other processes.
  return Number.isInteger(pid) && Number(pid) > 1 && Number.isInteger(guardPid);
}

/**
 * Whether the process runs and its command line names the folder. The pid alone is not enough, because another process
 * may have it now. A zombie has no command line, so it counts as gone.
 */
async function runsWith(pid: number, folder: string): Promise<boolean> {
  return (await commandLine(pid)).includes(folder);
}

async function commandLine(pid: number): Promise<string> {
  try {
    if (process.platform === 'linux') {
      return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
    }
    const { stdout } = await promisify(execFile)('ps', [
      '-ww',
      '-o',
      'command=',
      '-p',
      String(pid),
    ]);
    return stdout;
  } catch {
    return '';
  }
}

async function gone(runs: () => Promise<boolean>, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  // oxlint-disable-next-line no-await-in-loop -- polling another process is sequential by nature
  while (await runs()) {
    if (Date.now() > deadline) return false;
    // oxlint-disable-next-line no-await-in-loop
    await delay(POLL_MS);
  }
  return true;
}
