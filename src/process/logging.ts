/** Logging: pino for the whole process. Readable in a terminal, else JSON. */
import pino, { type DestinationStream, type Logger } from 'pino';
import pretty, { type PrettyOptions } from 'pino-pretty';
import { safeError } from '../domain/masking/safe-error';
import { scrub, scrubText } from '../domain/masking/scrubbing';
import { visible, visibleLines } from '../domain/text/visible-text';
import { logLinesDropped } from '../metrics/metrics';
import type { LogLevel } from './config';
import { shortLine } from './terminal-log';

/**
 * @param destination for tests that read the log
 * @param verbose whether a terminal shows every member of a line
 */
export function createLogger(
  level: LogLevel,
  destination?: DestinationStream,
  { verbose }: { verbose: boolean } = { verbose: true },
): Logger {
  const options: pino.LoggerOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: errorMember, error: errorMember },
    hooks: {
      // Without an explicit message, pino would use the error's message, which may contain secrets.
      logMethod(given, method) {
        const [first, ...rest]: unknown[] = given;
        const error = errorOf(first);
        if (error === null || rest.length > 0) return method.apply(this, given);
        return method.call(this, first instanceof Error ? { err: first } : first, error.name);
      },
      // A safety net: code must still never log objects that hold tokens.
      streamWrite: scrubbed,
    },
  };
  if (destination !== undefined) return pino(options, destination);
  if (!process.stdout.isTTY) return pino(options, standardOutput());
  const hooks = { ...options.hooks, streamWrite: forTerminal };
  return pino({ ...options, hooks }, pretty(verbose ? PRETTY : SHORT));
}

/** Keeps a string unchanged, because it is scrubbed with its line. */
function errorMember(error: unknown): unknown {
  return typeof error === 'string' ? error : safeError(error);
}

/** Returns the error whose message pino would use as the message of the line. */
function errorOf(logged: unknown): Error | null {
  if (logged instanceof Error) return logged;
  const isNamed =
    typeof logged === 'object' && logged !== null && 'err' in logged && !('msg' in logged);
  return isNamed && logged.err instanceof Error ? logged.err : null;
}

/** Returns the line without secrets and control characters. */
function scrubbed(line: string): string {
  try {
    return `${visible(JSON.stringify(scrub(JSON.parse(line))))}\n`;
  } catch {
    return visibleLines(scrubText(line));
  }
}

/** Returns the line for pino-pretty, which prints values instead of JSON. */
export function forTerminal(line: string): string {
  try {
    return `${JSON.stringify(JSON.parse(scrubbed(line)), valueForTerminal)}\n`;
  } catch {
    return visibleLines(scrubText(line));
  }
}

function valueForTerminal(_name: string, value: unknown): unknown {
  return typeof value === 'string' ? visibleLines(value) : value;
}

/** Maximum size of the buffered output, in bytes. Beyond it, lines are dropped. */
const WAITING_BYTES_MAX = 8 * 2 ** 20;

/**
 * Writes outside the event loop: a reader that stalls (a full pipe, a hanging log collector) must not block refreshes
 * or exhaust memory. Dropped lines are counted and reported once there is room again.
 */
function standardOutput(): DestinationStream {
  const output = pino.destination({ dest: 1, sync: false, maxLength: WAITING_BYTES_MAX });
  let dropped = 0;
  output.on('drop', () => {
    dropped += 1;
    logLinesDropped.add({});
  });
  output.on('drain', () => {
    if (dropped === 0) return;
    const line = { level: 'warn', time: new Date().toISOString(), dropped, msg: LINES_DROPPED };
    dropped = 0;
    output.write(`${JSON.stringify(line)}\n`);
  });
  return output;
}

const LINES_DROPPED = 'log lines were dropped, because the reader of stdout did not keep up';

/** Omitted in a terminal, where every member takes a line. */
const IN_JSON_ONLY = [
  'sdkComponent',
  'activityType',
  'workflowType',
  'workflowRunId',
  'log_entry_id',
];
const TERMINAL = { colorize: true, translateTime: 'SYS:HH:MM:ss', sync: true };
const PRETTY: PrettyOptions = { ...TERMINAL, ignore: IN_JSON_ONLY.join() };
const SHORT: PrettyOptions = {
  ...TERMINAL,
  ignore: 'level,time',
  hideObject: true,
  messageFormat: shortLine,
};
