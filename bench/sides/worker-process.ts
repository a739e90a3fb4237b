/**
 * A worker in a separate process, with both ends of the connection. It receives the setting and reports done accounts.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import type { Setting } from './side';

type ToWorker = { setting: Setting } | { refreshDue: true };
type FromWorker = { ready: true } | { done: number } | { failed: string };

export class WorkerProcess {
  readonly #child: ChildProcess;
  #done = 0;
  #news: () => void = () => undefined;
  #failed: Error | null = null;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** @param file a module that calls `serveWorker` */
  static async start(file: string, setting: Setting): Promise<WorkerProcess> {
    const log = openSync(setting.logFile, 'a');
    const child = fork(file, { stdio: ['ignore', log, log, 'ipc'] });
    closeSync(log);
    const worker = new WorkerProcess(child);
    const ready = new Promise<void>((resolve, reject) => {
      child.on('message', (message: FromWorker) => {
        if ('ready' in message) resolve();
        else if ('done' in message) worker.#done += message.done;
        else worker.#failed ??= new Error(message.failed);
        if (worker.#failed !== null) reject(worker.#failed);
        worker.#news();
      });
      child.once('exit', (code) => {
        worker.#failed ??= new Error(`the worker ended with ${code}; see ${setting.logFile}`);
        reject(worker.#failed);
        worker.#news();
      });
    });
    worker.#tell({ setting });
    await ready;
    return worker;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Requests that the worker finds and refreshes the due accounts. */
  refreshDue(): void {
    this.#tell({ refreshDue: true });
  }

  /** Resolves when this many more accounts are done than at the last call. */
  async done(accounts: number): Promise<void> {
    while (this.#done < accounts) {
      if (this.#failed !== null) throw this.#failed;
      await new Promise<void>((resolve) => {
        this.#news = resolve;
      });
    }
    this.#done -= accounts;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.disconnect();
    await exited;
  }

  #tell(message: ToWorker): void {
    this.#child.send(message);
  }
}

export interface Worker {
  /** Finds and refreshes the due accounts, for workers without a producer; returns their number. */
  refreshDue?(): Promise<number>;
  stop(): Promise<void>;
}

function tell(message: FromWorker): void {
  process.send?.(message);
}

function done(accounts: number): void {
  tell({ done: accounts });
}

function failed(error: unknown): void {
  tell({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) });
}

/** The worker's end of the connection. A failure in the worker fails the bench. */
export function serveWorker(
  start: (setting: Setting, done: (accounts: number) => void) => Promise<Worker>,
): void {
  let worker: Worker | undefined;
  process.on('message', (message: ToWorker) => {
    const work = async () => {
      if ('setting' in message) {
        worker = await start(message.setting, done);
        tell({ ready: true });
      } else done((await worker?.refreshDue?.()) ?? 0);
    };
    work().catch(failed);
  });
  process.on('unhandledRejection', failed);
  process.once('disconnect', () => {
    void worker?.stop().finally(() => process.exit(0));
  });
}
