/** Starts commands under the guard (guard.cjs): embedded servers, and the builds and downloads that provide them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { packageFile } from '../package-file';

/** Longer than the ten seconds after which the guard kills its server. */
const STOP_WITHIN_MS = 15_000;
const OUTPUT_LINES_KEPT = 15;

export interface GuardedCommand {
  command: string;
  args: readonly string[];
  /** Added to the environment. */
  variables?: Record<string, string> | undefined;
  /** Replaces the inherited environment. */
  environment?: NodeJS.ProcessEnv | undefined;
}

export interface ProcessEnding {
  code: number | null;
  signal: string | null;
  /** Whether `stop()` was called before the process ended. */
  stopped: boolean;
}

export interface GuardedProcess {
  pid: number;
  guardPid: number;
  stop(): Promise<void>;
  ended: Promise<ProcessEnding>;
}

type GuardMessage =
  | { started: number }
  | { failed: string; code?: string }
  | { ended: { code: number | null; signal: string | null } };

/** The command could not be started. `missing`: the program does not exist. */
class CommandNotStarted extends Error {
  readonly code = 'command_not_started';
  readonly missing: boolean;

  constructor(message: string, missing: boolean) {
    super(message);
    this.name = 'CommandNotStarted';
    this.missing = missing;
  }
}

/**
 * Starts a command whose output goes to an open file.
 *
 * @throws {CommandNotStarted} if the program does not exist or cannot be executed.
 */
export async function startGuarded(
  command: GuardedCommand,
  outputFile: number,
): Promise<GuardedProcess> {
  return follow(spawnGuard(command, outputFile), command.command);
}

/** The output and the end of a finished step. */
export interface StepResult extends ProcessEnding {
  output: string;
  timedOut: boolean;
}

/**
 * Runs a command to its end and keeps the last lines of its output.
 *
 * @param limits `timeoutMs` stops the command; `onLine` receives each line.
 */
export async function runGuarded(
  command: GuardedCommand,
  limits: { timeoutMs: number; onLine?: (line: string) => void; giveUp?: AbortSignal },
): Promise<StepResult> {
  const guard = spawnGuard(command, 'pipe');
  const lines: string[] = [];
  const keep = (line: string): void => {
    if (line.trim() === '') return;
    limits.onLine?.(line);
    lines.push(line.trim());
    if (lines.length > OUTPUT_LINES_KEPT) lines.shift();
  };
  const streams = [guard.stdout, guard.stderr].filter((stream) => stream !== null);
  const drained = streams.map(async (input) => {
    for await (const line of createInterface({ input })) keep(line);
  });

  const running = await follow(guard, command.command);
  let timedOut = false;
  const giveUp = (): void => {
    timedOut = true;
    void running.stop();
  };
  const timer = setTimeout(giveUp, limits.timeoutMs);
  limits.giveUp?.addEventListener('abort', giveUp);
  const ending = await running.ended;
  clearTimeout(timer);
  limits.giveUp?.removeEventListener('abort', giveUp);
  await Promise.all(drained);
  return { ...ending, output: lines.join('\n'), timedOut };
}

function spawnGuard(command: GuardedCommand, output: number | 'pipe'): ChildProcess {
  const variables = Object.entries(command.variables ?? {}).map(
    ([name, value]) => `${name}=${value}`,
  );
  const guardScript = packageFile('src/engines/guard/guard.cjs');
  return spawn(
    process.execPath,
    [guardScript, ...variables, '--', command.command, ...command.args],
    {
      stdio: ['ignore', output, output, 'ipc'],
      // A separate session, so that Ctrl-C in a terminal reaches only Evergrant, which stops its servers in order.
      detached: true,
      windowsHide: true,
      ...(command.environment && { env: command.environment }),
    },
  );
}

/** Resolves when the guard reports that the command runs. */
function follow(guard: ChildProcess, command: string): Promise<GuardedProcess> {
  let stopped = false;
  let enginePid: number | undefined;
  let endingKnown = false;
  return new Promise((resolveStarted, rejectStarted) => {
    const ended = new Promise<ProcessEnding>((resolveEnded) => {
      guard.on('message', (message: GuardMessage) => {
        if ('started' in message) {
          enginePid = message.started;
          resolveStarted({ pid: enginePid, guardPid: guard.pid ?? 0, stop, ended });
        } else if ('ended' in message) {
          endingKnown = true;
          resolveEnded({ ...message.ended, stopped });
        } else {
          const missing = message.code === 'ENOENT';
          const reason = missing ? `"${command}" is not on PATH` : message.failed;
          rejectStarted(new CommandNotStarted(reason, missing));
        }
      });
      guard.on('error', (error) => rejectStarted(new CommandNotStarted(error.message, false)));
      // On 'exit', the last message may not have arrived yet.
      guard.on('close', () => {
        rejectStarted(new CommandNotStarted(`the guard of "${command}" ended`, false));
        // Without an `ended` message the guard was killed, so the server must be stopped here.
        if (enginePid !== undefined && !endingKnown) signalGroup(enginePid, 'SIGTERM');
        resolveEnded({ code: null, signal: null, stopped });
      });
    });

    async function stop(): Promise<void> {
      stopped = true;
      if (guard.connected) guard.send({ stop: true }, () => {});
      const timer = setTimeout(() => {
        if (enginePid !== undefined) signalGroup(enginePid, 'SIGKILL');
        guard.kill('SIGKILL');
      }, STOP_WITHIN_MS);
      await ended;
      clearTimeout(timer);
    }
  });
}

/** Signals a process and its children. Ignores a process that has ended. */
export function signalGroup(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, signal);
  } catch {
    // The process has already ended.
  }
}
