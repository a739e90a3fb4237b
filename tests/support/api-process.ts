/** An API process as in production, `node build/server/main.js`, that a test may kill. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { engines } from './engines';
import type { Harness } from './harness';

export interface ApiProcess {
  child: ChildProcess;
  /** Resolves with the address when it is ready; rejects with its output if it ends before that. */
  ready: Promise<string>;
  /** Chunks of its standard output and error. */
  output: string[];
  /** Sends SIGKILL and waits for the process to end. */
  kill(): Promise<void>;
}

const ENTRY = join(__dirname, '..', '..', 'build', 'server', 'main.js');

/** Starts an API process on the harness's database, namespace, providers and sandbox. */
export function spawnApi(
  h: Harness,
  environment: Record<string, string> = {},
  entry = ENTRY,
): ApiProcess {
  const child = spawn(process.execPath, [entry], {
    env: {
      PATH: process.env['PATH'],
      MONGODB_URI: h.mongodbUri,
      TEMPORAL_ADDRESS: engines.temporalAddress,
      TEMPORAL_NAMESPACE: h.namespace,
      ENCRYPTION_KEYS: h.encryptionKeys,
      SANDBOX_CLIENT_SECRET: h.clientSecret,
      PROVIDERS_FILE: h.providersFile,
      PORT: '0',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const output: string[] = [];
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const ready = new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      output.push(String(chunk));
      const line = /^\{.*"msg":"API ready".*\}$/m.exec(output.join(''))?.[0];
      if (line !== undefined) resolve(JSON.parse(line).url);
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    void exited.then(() =>
      reject(new Error(`the API process ended:\n${output.join('').slice(-2000)}`)),
    );
  });
  ready.catch(() => undefined);
  return {
    child,
    ready,
    output,
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
