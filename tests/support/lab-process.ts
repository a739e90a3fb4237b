/** A worker of the fault lab, seen from its parent: held at phases, killed, frozen, released. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { transformFileSync } from '@swc/core';
import type { GrantPlace } from '../../src/vault/vault';
import { engines } from './engines';
import type { Harness } from './harness';
import type { LabOrder, LabReport, WithoutControl, WorkerPhase } from './lab-worker';

export interface LabWorkerOptions {
  without?: WithoutControl;
  /** Contexts in which a ciphertext decrypts if associated data is switched off. */
  places?: GrantPlace[];
  /** Connects through a proxy. */
  mongodbUri?: string;
  temporalAddress?: string;
}

/** An attempt reached a phase; `at` is in ms since 1970. */
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
  /** Resolves when the modules are loaded and the database is open; the worker takes no work yet. */
  readonly ready: Promise<void>;
  /** Starts taking work; further calls change nothing. */
  run(): Promise<void>;
  /** Makes the account's next attempt wait at the phase. */
  hold(accountId: string, phase: WorkerPhase): Promise<void>;
  /** Resolves when the attempt waits there. */
  reached(accountId: string, phase: WorkerPhase): Promise<void>;
  go(accountId: string): void;
  /** Stops polling; work in flight continues. */
  drain(): Promise<void>;
  /** Blocks the event loop for this long. */
  block(ms: number): void;
  /** Sends the signal and, if it ends the process, waits for that. */
  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void>;
  /** Finishes work in flight, then ends. */
  stop(): Promise<void>;
}

const BUILD = join(__dirname, '..', '..', 'build');

/** Compiles a process of the lab next to the output of `npm run build`, whose modules it imports. */
export function compiled(name: 'lab-worker' | 'lab-api'): string {
  const { code } = transformFileSync(join(__dirname, `${name}.ts`), {
    jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
    module: { type: 'commonjs' },
  });
  const folder = join(BUILD, 'lab');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.js`);
  const ours = `${file}.${process.pid}`;
  writeFileSync(ours, code.replaceAll(/(["'])\.\.\/\.\.\/src\//g, '$1../'));
  renameSync(ours, file);
  return file;
}

export function spawnLabWorker(h: Harness, options: LabWorkerOptions = {}): LabWorker {
  const child = spawn(process.execPath, [compiled('lab-worker')], {
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
  // Each held attempt adds a listener.
  child.setMaxListeners(0);
  const marks: Mark[] = [];
  const listeners = new Set<(report: LabReport) => void>();
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.on('message', (report: LabReport) => {
    if (report.report === 'reached') marks.push(report);
    for (const listen of listeners) listen(report);
  });
  /** Rejects with the last output if the process ends. */
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
  // Ignores sends to a process that has ended; `reported` rejects the waiting calls.
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
