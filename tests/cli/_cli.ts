/** The real command, as people run it from `build/`, against a real API over HTTP. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { type RunningApi, serveApi } from '../../src/api/serve';
import { createLogger } from '../../src/logging';
import { engines } from '../support/engines';
import type { Harness } from '../support/harness';

const MAIN = join(__dirname, '..', '..', 'build', 'cli', 'main.js');

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
  /** stdout, parsed. */
  json(): any;
}

export interface Running {
  child: ChildProcess;
  stdout(): string;
  ended: Promise<Ran>;
}

/** Starts the command with nothing of the tests' own environment but where programs are. */
export function startCli(
  environment: Record<string, string>,
  args: string[],
  stdin: string,
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

/** The API of the harness, listening. */
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

/** The rows of a printed table, by the names in its header. */
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
