/** A worker as it runs in production: `node build/worker/main.js`, to be killed as a process can be. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engines } from './engines';
import { CLIENT_ID, type Harness } from './harness';

export interface WorkerProcess {
  child: ChildProcess;
  output: string[];
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

const BUILD = join(__dirname, '..', '..', 'build');

/** Starts a worker on the harness's database, namespace and sandbox. */
export function spawnWorker(h: Harness, encryptionKeys: string): WorkerProcess {
  const directory = mkdtempSync(join(tmpdir(), 'evergrant-worker-'));
  const providersFile = join(directory, 'providers.yaml');
  writeFileSync(
    providersFile,
    JSON.stringify({
      providers: {
        ebay: {
          clientId: CLIENT_ID,
          clientSecret: '${EBAY_CLIENT_SECRET}',
          tokenEndpoint: h.sandbox.tokenEndpoint('ebay'),
        },
      },
    }),
  );
  const child = spawn(process.execPath, [join(BUILD, 'worker', 'main.js')], {
    env: {
      PATH: process.env['PATH'],
      MONGODB_URI: h.mongodbUri,
      TEMPORAL_ADDRESS: engines.temporalAddress,
      TEMPORAL_NAMESPACE: h.namespace,
      ENCRYPTION_KEYS: encryptionKeys,
      EBAY_CLIENT_SECRET: h.clientSecret,
      PROVIDERS_FILE: providersFile,
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
