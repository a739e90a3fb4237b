/** Evergrant's processes as in production: from build/, configured by their environment, each with its log file. */
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { endChild, startChild } from '../child';
import { ORGANISATION, type Setting } from '../side';

const BUILD = join(__dirname, '..', '..', '..', 'build');
export const TASK_QUEUE = 'evergrant';
/** A production Temporal server takes up to a minute to know new search attributes. */
export const READY_WITHIN_MS = 120_000;
const LOOK_EVERY_MS = 20;

export interface EvergrantProcess {
  pid: number;
  /** Time from the start to the log line that reports readiness. */
  startedInSeconds: number;
  stop(): Promise<void>;
}

/** @param environment further settings */
export async function startWorker(
  setting: Setting,
  environment: Record<string, string> = {},
): Promise<EvergrantProcess> {
  return (await start('worker', setting, environment, [])).process;
}

/** @param execArgv options of Node, such as `--cpu-prof` */
export async function startApi(
  setting: Setting,
  execArgv: readonly string[] = [],
): Promise<EvergrantProcess & { url: string }> {
  const environment = {
    PORT: '0',
    ADMIN_API_KEY: randomBytes(16).toString('hex'),
    ADMIN_ORGANISATION: ORGANISATION,
  };
  const { process, ready } = await start('server', setting, environment, execArgv);
  return { ...process, url: String(ready['url']) };
}

async function start(
  kind: 'worker' | 'server',
  setting: Setting,
  environment: Record<string, string>,
  execArgv: readonly string[],
): Promise<{ process: EvergrantProcess; ready: Record<string, unknown> }> {
  const logFile = `${setting.logFile}.${kind}-${randomBytes(2).toString('hex')}`;
  const log = openSync(logFile, 'a');
  const begun = performance.now();
  const child = startChild(process.execPath, [...execArgv, join(BUILD, kind, 'main.js')], {
    env: {
      PATH: process.env['PATH'],
      MONGODB_URI: setting.mongodbUri,
      TEMPORAL_ADDRESS: setting.temporal.address,
      TEMPORAL_NAMESPACE: setting.temporal.namespace,
      TEMPORAL_TASK_QUEUE: TASK_QUEUE,
      ENCRYPTION_KEYS: setting.encryptionKeys,
      PROVIDERS_FILE: setting.providersFile,
      ...environment,
    },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const ready = await readyLine(child, logFile);
  const startedInSeconds = (performance.now() - begun) / 1000;
  const stop = () => endChild(child);
  return { process: { pid: child.pid ?? 0, startedInSeconds, stop }, ready };
}

/** The log line with which the process reports that it is ready. */
async function readyLine(child: ChildProcess, logFile: string): Promise<Record<string, unknown>> {
  const deadline = Date.now() + READY_WITHIN_MS;
  for (;;) {
    const lines = existsSync(logFile) ? readFileSync(logFile, 'utf8').split('\n') : [];
    const line = lines.find((text) => /"msg":"(worker|API) ready"/.test(text));
    if (line !== undefined) return JSON.parse(line);
    if (child.exitCode !== null || Date.now() > deadline)
      throw new Error(`a process of Evergrant did not start; see ${logFile}`);
    await delay(LOOK_EVERY_MS);
  }
}
