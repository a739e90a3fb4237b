/** A worker process as in production, `node build/worker/main.js`, that a test may kill. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { engines } from './engines';
import type { Harness } from './harness';

export interface WorkerProcess {
  child: ChildProcess;
  output: string[];
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

const BUILD = join(__dirname, '..', '..', 'build');

/** Starts a worker on the harness's database, namespace, providers and sandbox. */
export function spawnWorker(
  h: Harness,
  encryptionKeys: string,
  environment: Record<string, string> = {},
): WorkerProcess {
  const child = spawn(process.execPath, [join(BUILD, 'worker', 'main.js')], {
    env: {
      PATH: process.env['PATH'],
      MONGODB_URI: h.mongodbUri,
      TEMPORAL_ADDRESS: engines.temporalAddress,
      TEMPORAL_NAMESPACE: h.namespace,
      ENCRYPTION_KEYS: encryptionKeys,
      SANDBOX_CLIENT_SECRET: h.clientSecret,
      PROVIDERS_FILE: h.providersFile,
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: string[] = [];
  child.stdout.on('data', (chunk) => output.push(String(chunk)));
  child.stderr.on('data', (chunk) => output.push(String(chunk)));
  return {
    child,
    output,
    exited: new Promise((resolve) =>
      child.once('exit', (code, signal) => resolve({ code, signal })),
    ),
  };
}
