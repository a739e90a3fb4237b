/** Runs the built CLI from `build/` against a real API over HTTP. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createLogger } from '../../src/process/logging';
import { type RunningApi, serveApi } from '../../src/server/serve';
import { engines } from '../support/engines';
import type { Harness } from '../support/harness';

const MAIN = join(__dirname, '..', '..', 'build', 'cli', 'main.js');

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
  /** Parses stdout as JSON. */
  json(): any;
}

export interface Running {
  child: ChildProcess;
  stdout(): string;
  ended: Promise<Ran>;
}

/** Starts the CLI with only PATH from the tests' environment. */
export function startCli(
  environment: Record<string, string>,
  args: string[],
  stdin: string | Buffer,
): Running {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin.end(stdin);
  return {
    child,
    stdout: () => stdout,
    ended: new Promise((resolve) => {
      child.once('close', (code) =>
        resolve({ code, stdout, stderr, json: () => JSON.parse(stdout) }),
      );
    }),
  };
}

/** Starts the harness's API on a port. */
export function serve(h: Harness): Promise<RunningApi> {
  return serveApi({
    config: h.config,
    temporal: { address: engines.temporalAddress },
    store: h.store,
    vault: h.vault,
    logger: createLogger('fatal'),
    port: 0,
  });
}

/** Parses a printed table into rows, by the names in its header. */
export function rows(stdout: string): Record<string, string>[] {
  const [header = '', ...lines] = stdout.split('\n\n', 1)[0]?.trimEnd().split('\n') ?? [];
  const starts = [...header.matchAll(/\S+(?: \S+)*/g)].map((match) => ({
    name: match[0],
    at: match.index,
  }));
  return lines.map((line) =>
    Object.fromEntries(
      starts.map(({ name, at }, index) => [name, line.slice(at, starts[index + 1]?.at).trim()]),
    ),
  );
}
