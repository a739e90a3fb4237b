/** A worker of the fault lab as its parent sees it: told where to wait, killed, frozen, let go. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { transformFileSync } from '@swc/core';
import { engines } from './engines';
import type { Harness } from './harness';
import type { LabOrder, LabReport, WithoutControl, WorkerPhase } from './lab-worker';

export interface LabWorkerOptions {
  without?: WithoutControl;
  /** Places that ciphertext opens in, where associated data is switched off. */
  places?: { organisation: string; accountId: string }[];
  /** By way of a proxy. */
  mongodbUri?: string;
  temporalAddress?: string;
}

/** An attempt came to a phase; `at` in milliseconds since 1970. */
export interface Mark {
  accountId: string;
  attemptId: string;
  phase: WorkerPhase;
  at: number;
}

export interface LabWorker {
  readonly child: ChildProcess;
  readonly output: string[];
  /** In the order of the attempts. */
  readonly marks: readonly Mark[];
  /** Modules loaded, database open; it takes no work yet. */
  readonly ready: Promise<void>;
  /** Takes work from now on; asked twice it is the same. */
  run(): Promise<void>;
  /** The account's next attempt waits when it has reached the phase. */
  hold(accountId: string, phase: WorkerPhase): Promise<void>;
  /** Resolves when it has. */
  reached(accountId: string, phase: WorkerPhase): Promise<void>;
  go(accountId: string): void;
  /** It asks for no more work; what it has goes on. */
  drain(): Promise<void>;
  /** Stops its event loop for so long. */
  block(ms: number): void;
  /** Sends the signal and, where it ends the process, waits for that. */
  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void>;
  /** Lets it finish what is in flight, and ends it. */
  stop(): Promise<void>;
}

const BUILD = join(__dirname, '..', '..', 'build');

/** Beside what `npm run build` made, whose modules it is to use. */
function compiled(): string {
  const { code } = transformFileSync(join(__dirname, 'lab-worker.ts'), {
    jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
    module: { type: 'commonjs' },
  });
  const folder = join(BUILD, 'lab');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'lab-worker.js');
  const ours = `${file}.${process.pid}`;
  writeFileSync(ours, code.replaceAll('"../../src/', '"../'));
  renameSync(ours, file);
  return file;
}

export function spawnLabWorker(h: Harness, options: LabWorkerOptions = {}): LabWorker {
  const child = spawn(process.execPath, [compiled()], {
    env: {
      PATH: process.env['PATH'],
      MONGODB_URI: options.mongodbUri ?? h.mongodbUri,
      TEMPORAL_ADDRESS: options.temporalAddress ?? engines.temporalAddress,
      TEMPORAL_NAMESPACE: h.namespace,
      ENCRYPTION_KEYS: h.encryptionKeys,
      SANDBOX_CLIENT_SECRET: h.clientSecret,
      PROVIDERS_FILE: h.providersFile,
      LAB_PLACES: JSON.stringify(options.places ?? []),
      ...(options.without && { LAB_WITHOUT: options.without }),
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const output: string[] = [];
  child.stdout?.on('data', (chunk) => output.push(String(chunk)));
  child.stderr?.on('data', (chunk) => output.push(String(chunk)));
  // As many wait for it as attempts are held in it.
  child.setMaxListeners(0);
  const marks: Mark[] = [];
  const listeners = new Set<(report: LabReport) => void>();
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.on('message', (report: LabReport) => {
    if (report.report === 'reached') marks.push(report);
    for (const listen of listeners) listen(report);
  });
  /** Whoever waits for a process that has ended is told what it said last. */
  const reported = (wanted: (report: LabReport) => boolean) =>
    new Promise<void>((resolve, reject) => {
      const ended = () =>
        reject(new Error(`the lab worker ended:\n${output.join('').slice(-2000)}`));
      const listen = (report: LabReport) => {
        if (!wanted(report)) return;
        listeners.delete(listen);
        child.off('exit', ended);
        resolve();
      };
      listeners.add(listen);
      child.once('exit', ended);
    });
  // A worker that ends meanwhile takes no orders; whoever waits for it learns so from its end.
  const order = (message: LabOrder) => {
    if (child.connected) child.send(message, () => undefined);
  };
  const ready = reported(({ report }) => report === 'ready');
  ready.catch(() => undefined);
  let running: Promise<void> | undefined;
  return {
    child,
    output,
    marks,
    ready,
    run() {
      running ??= ready.then(() => {
        const started = reported(({ report }) => report === 'running');
        order({ order: 'run' });
        return started;
      });
      return running;
    },
    async hold(accountId, phase) {
      const held = reported((told) => told.report === 'held' && told.accountId === accountId);
      order({ order: 'hold', accountId, phase });
      await held;
    },
    async reached(accountId, phase) {
      const is = (mark: Mark) => mark.accountId === accountId && mark.phase === phase;
      if (marks.some(is)) return;
      await reported((report) => report.report === 'reached' && is(report));
    },
    async drain() {
      const draining = reported(({ report }) => report === 'draining');
      order({ order: 'stop' });
      await draining;
    },
    go: (accountId) => order({ order: 'go', accountId }),
    block: (ms) => order({ order: 'block', ms }),
    async signal(signal) {
      child.kill(signal);
      if (signal === 'SIGKILL') await exited;
    },
    async stop() {
      await ready.catch(() => undefined);
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGCONT');
      order({ order: 'stop' });
      const tooLate = setTimeout(() => child.kill('SIGKILL'), 40_000);
      await exited;
      clearTimeout(tooLate);
    },
  };
}
