/** Logging: pino for the whole process, Temporal's own loggers bridged into it. Pretty in a terminal, JSON otherwise. */
import { DefaultLogger, makeTelemetryFilterString, Runtime } from '@temporalio/worker';
import pino, { type DestinationStream, type Logger } from 'pino';
import pretty from 'pino-pretty';
import type { LogLevel } from './config';
import { safeError } from './domain/safe-error';
import { scrub, scrubText } from './domain/scrubbing';

/** `destination` is for tests that read what was logged. */
export function createLogger(level: LogLevel, destination?: DestinationStream): Logger {
  const options: pino.LoggerOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: safeError },
    hooks: {
      // Without a message of ours pino would take the error's, which may quote anything.
      logMethod(given, method) {
        const [first, ...rest]: unknown[] = given;
        const error = errorOf(first);
        if (error === null || rest.length > 0) return method.apply(this, given);
        return method.call(this, first instanceof Error ? { err: first } : first, error.name);
      },
      // A net under the rule that token-bearing objects are never logged, not the rule itself.
      streamWrite: scrubbed,
    },
  };
  if (destination !== undefined) return pino(options, destination);
  return process.stdout.isTTY
    ? pino(options, pretty({ ...PRETTY, ignore: IN_JSON_ONLY.join() }))
    : pino(options, standardOutput());
}

/** The error that a line would be named after. */
function errorOf(logged: unknown): Error | null {
  if (logged instanceof Error) return logged;
  const isNamed =
    typeof logged === 'object' && logged !== null && 'err' in logged && !('msg' in logged);
  return isNamed && logged.err instanceof Error ? logged.err : null;
}

/** One line as it may leave the process. */
function scrubbed(line: string): string {
  try {
    return `${JSON.stringify(scrub(JSON.parse(line)))}\n`;
  } catch {
    return scrubText(line);
  }
}

/** Lines that nobody reads wait up to this size; then they are dropped. */
const WAITING_BYTES_MAX = 8 * 2 ** 20;

/**
 * Written beside the event loop: whoever reads our output and stops (a full pipe, a log collector that hangs) must
 * neither stop refreshes nor take all memory. What is lost is counted, and said once there is room again.
 */
function standardOutput(): DestinationStream {
  const output = pino.destination({ dest: 1, sync: false, maxLength: WAITING_BYTES_MAX });
  let dropped = 0;
  output.on('drop', () => {
    dropped += 1;
  });
  output.on('drain', () => {
    if (dropped === 0) return;
    const line = { level: 'warn', time: new Date().toISOString(), dropped, msg: LINES_DROPPED };
    dropped = 0;
    output.write(`${JSON.stringify(line)}\n`);
  });
  return output;
}

const LINES_DROPPED = 'log lines were dropped: nobody read our output';

const PRETTY = { colorize: true, translateTime: 'SYS:HH:MM:ss', sync: true };
/** Left out in a terminal, where every member is a line. */
const IN_JSON_ONLY = [
  'sdkComponent',
  'activityType',
  'workflowType',
  'workflowRunId',
  'log_entry_id',
];

/** Workflows, activities and Temporal's core log through `logger` from here on. Once in a process. */
export function installTemporalLogger(logger: Logger): void {
  Runtime.install({
    logger: new DefaultLogger('TRACE', ({ level, message, meta }) => {
      logger[PINO_LEVELS[level]](chosenFields(meta ?? {}), message);
    }),
    telemetryOptions: {
      logging: { filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }), forward: {} },
    },
  });
}

/** Temporal's own context that only makes lines long; the workflow id and the run id stay. */
const LEFT_OUT = new Set([
  'timestampNanos',
  'taskToken',
  'taskQueue',
  'namespace',
  'workflowNamespace',
  'isLocal',
  'activityId',
  'attempt',
]);

function chosenFields(meta: Record<string, unknown>): Record<string, unknown> {
  const fields = Object.entries(meta).filter(([name]) => !LEFT_OUT.has(name));
  return Object.fromEntries(
    fields.map(([name, value]) => [name, name === 'error' ? safeError(value) : value]),
  );
}

const PINO_LEVELS = {
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
} as const;
