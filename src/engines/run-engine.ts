/**
 * Runs the process of an embedded server on its data folder: under the guard, with a bounded log, and recorded for the
 * next start. A probe decides when the server is ready.
 */
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Log, RunningEngine } from './engine';
import { awaitPredecessor, removeEngineRecord, writeEngineRecord } from './engine-record';
import {
  type GuardedCommand,
  type GuardedProcess,
  type ProcessEnding,
  startGuarded,
} from './guard/guarded-process';

const LOG_FILE = 'engine.log';
const LOG_LINES_SHOWN = 12;
const READY_POLL_MS = 150;
const LOG_WAITING_EVERY_MS = 5_000;
const START_ATTEMPTS_MAX = 3;
const PORT_TAKEN = /address already in use|EADDRINUSE/i;

/** The parts that differ between embedded servers. */
export interface EngineRecipe<Where> {
  name: string;
  /** @see RunningEngine.strategy */
  strategy: string;
  /** The server's folder in the data directory. The command line must contain it. */
  folder: string;
  log: Log;
  readyWithinMs: number;
  /** Chooses ports. Called again if another process took one in the meantime. */
  place(): Promise<Where>;
  command(where: Where): GuardedCommand;
  /** Rejects until the server answers. */
  probe(where: Where): Promise<void>;
}

/** The process ended or did not answer in time. The message ends with the last lines of its log. */
class EngineNotReady extends Error {
  readonly code = 'engine_not_ready';
  /** Searched in the whole log, because Temporal writes a hundred lines of its stack after that line. */
  readonly isPortTaken: boolean;

  constructor(message: string, log: string) {
    super(log === '' ? message : `${message}. The end of its log:\n${tailOf(log)}`);
    this.name = 'EngineNotReady';
    this.isPortTaken = PORT_TAKEN.test(log);
  }
}

/**
 * Starts the server and waits until it answers.
 *
 * @throws {EngineNotReady} if it ends early or takes longer than `readyWithinMs`.
 */
export async function runEngine<Where>(
  recipe: EngineRecipe<Where>,
): Promise<RunningEngine & { where: Where }> {
  await mkdir(recipe.folder, { recursive: true, mode: 0o700 });
  await awaitPredecessor(recipe.name, recipe.folder, recipe.log);
  for (let attempt = 1; ; attempt += 1) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- only one process at a time may open the data
      return await startOnce(recipe);
    } catch (error) {
      const isPortTaken = error instanceof EngineNotReady && error.isPortTaken;
      if (!isPortTaken || attempt === START_ATTEMPTS_MAX) throw error;
      recipe.log(`${recipe.name}: another process took the port, trying another port`);
    }
  }
}

async function startOnce<Where>(
  recipe: EngineRecipe<Where>,
): Promise<RunningEngine & { where: Where }> {
  const { name, strategy, folder } = recipe;
  const where = await recipe.place();
  const logPath = join(folder, LOG_FILE);
  const logFile = await open(logPath, 'w'); // truncates: the log covers one run
  let running: GuardedProcess;
  try {
    running = await startGuarded(recipe.command(where), logFile.fd);
  } finally {
    await logFile.close(); // the guard and the server have their own file descriptors
  }
  const startedAt = new Date().toISOString();
  await writeEngineRecord(folder, { pid: running.pid, guardPid: running.guardPid, startedAt });

  const exited = running.ended.then(async (ending) => {
    await removeEngineRecord(folder).catch(() => {});
    const detail = describeEnding(ending);
    const tail = ending.stopped ? '' : tailOf(await readLog(logPath));
    return { expected: ending.stopped, detail: tail === '' ? detail : `${detail}\n${tail}` };
  });
  try {
    await untilReady(recipe, where, running.ended);
  } catch (error) {
    await running.stop();
    await exited;
    throw new EngineNotReady(`${name} (${strategy}) ${messageOf(error)}`, await readLog(logPath));
  }
  const stop = async (): Promise<void> => {
    await running.stop();
    await exited; // also waits for the removal of the record
  };
  return { name, strategy, pid: running.pid, stop, exited, where };
}

async function untilReady<Where>(
  recipe: EngineRecipe<Where>,
  where: Where,
  ended: Promise<ProcessEnding>,
): Promise<void> {
  const begun = Date.now();
  let ending: ProcessEnding | undefined;
  void (async () => {
    ending = await ended;
  })();
  let loggedAt = begun;
  let lastRefusal: unknown;
  while (Date.now() - begun < recipe.readyWithinMs) {
    if (ending) throw new Error(`ended during the start: ${describeEnding(ending)}`);
    try {
      // oxlint-disable-next-line no-await-in-loop
      await recipe.probe(where);
      return;
    } catch (error) {
      lastRefusal = error;
    }
    if (Date.now() - loggedAt >= LOG_WAITING_EVERY_MS) {
      loggedAt = Date.now();
      recipe.log(`${recipe.name}: starting, ${Math.round((loggedAt - begun) / 1000)} s`);
    }
    // oxlint-disable-next-line no-await-in-loop
    await delay(READY_POLL_MS);
  }
  throw new Error(
    `did not answer within ${recipe.readyWithinMs / 1000} s: ${messageOf(lastRefusal)}`,
  );
}

function describeEnding({ code, signal, stopped }: ProcessEnding): string {
  if (signal !== null) return `ended by ${signal}`;
  if (code !== null) return `exit code ${code}`;
  return stopped ? 'stopped' : 'its guard was killed';
}

async function readLog(file: string): Promise<string> {
  return (await readFile(file, 'utf8').catch(() => '')).trimEnd();
}

function tailOf(log: string): string {
  return log.split('\n').slice(-LOG_LINES_SHOWN).join('\n');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
