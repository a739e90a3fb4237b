/**
 * Notices that MongoDB was restored from a backup, before a refresh token is sent that was replaced since: a provider
 * that detects reuse would revoke the whole family for it. What MongoDB holds is compared with Temporal's own records.
 */
import { ApplicationFailure, log } from '@temporalio/activity';
import type { Account } from '../domain/account';
import type { GenerationMark } from '../domain/generation-mark';
import { attemptAction, type LogEntry } from '../domain/log-entry';
import { refreshFailure } from '../domain/refresh-failure';
import { safeError } from '../domain/safe-error';
import type { Store } from '../store/store';

/** The rotations that Temporal knows of: those of one workflow together, the newest workflow and rotation first. */
export interface RotationMarks {
  /** @param closedBefore only those of workflows that were over by then; `null`: all */
  newest(closedBefore: Date | null): AsyncIterable<readonly GenerationMark[]>;
}

interface GuardDependencies {
  store: Pick<Store, 'restores' | 'logEntries'>;
  marks: RotationMarks;
  now: () => Date;
}

/** So long a process goes by what it found; a database that is restored under running workers is noticed after it. */
const CONFIRMED_FOR_MS = 5_000;
/** Rotations of the last moments may be of the restored database; those before them cannot. */
const SETTLED_AFTER_MS = 120_000;
/** So many workflows are looked at; of a batch, which closes later than its rotations came, the newest few. */
const SAMPLE = 100;
const NEWEST = 4;
const BATCH = 500;

export class RestoreGuard {
  readonly #deps: GuardDependencies;
  /** By the process's own clock; `null`: it has not been asked yet. */
  #confirmedAt: number | null = null;
  #checking: Promise<void> | null = null;

  constructor(deps: GuardDependencies) {
    this.#deps = deps;
  }

  /**
   * Returns once no account holds a refresh token that is known to be replaced, but those that are marked as such.
   * @throws {ApplicationFailure} `restore_unknown`, where that was never confirmed and cannot be: then nothing may be sent
   */
  async confirm(): Promise<void> {
    const confirmedAt = this.#confirmedAt;
    if (confirmedAt !== null && performance.now() - confirmedAt < CONFIRMED_FOR_MS) return;
    this.#checking ??= this.#check().finally(() => {
      this.#checking = null;
    });
    await this.#checking;
  }

  async #check(): Promise<void> {
    const startedAt = performance.now();
    try {
      if (await this.#isRestored()) await this.#markStale();
      this.#confirmedAt = startedAt;
    } catch (error) {
      log.warn('whether MongoDB was restored could not be asked', { error: safeError(error) });
      // An index that is away for a while is no reason to let tokens expire; not to know at all is.
      if (this.#confirmedAt === null) {
        throw ApplicationFailure.retryable(
          'whether MongoDB was restored from a backup could not be asked; nothing was sent',
          'restore_unknown',
        );
      }
      this.#confirmedAt = startedAt;
    }
  }

  /** The newest rotation of an account that MongoDB has is enough: what a backup lacks begins with the newest. */
  async #isRestored(): Promise<boolean> {
    const settledBefore = new Date(this.#deps.now().getTime() - SETTLED_AFTER_MS);
    for (const closedBefore of [null, settledBefore]) {
      for await (const marks of inBatches(this.#deps.marks.newest(closedBefore), SAMPLE)) {
        const newest = marks.flatMap((ofOne) => ofOne.slice(0, NEWEST));
        const { known, behind } = await this.#deps.store.restores.compare(newest);
        if (behind.length > 0) return true;
        if (known > 0) break;
      }
    }
    return false;
  }

  async #markStale(): Promise<void> {
    const { store, marks, now } = this.#deps;
    log.error(
      'MongoDB holds older refresh tokens than were received: it was restored from a backup. Those are not sent.',
    );
    let stale = 0;
    for await (const batch of inBatches(marks.newest(null), BATCH)) {
      const { behind } = await store.restores.compare(batch.flat());
      for (const { account, generation } of behind) {
        // The record first: no account changes without an entry that says why.
        await store.logEntries.record(staleEntry(account, generation, now()));
        if (await store.restores.markStale(account, generation, now())) stale += 1;
      }
    }
    log.error('accounts were marked: their refresh tokens were replaced after the backup', {
      failure_code: 'stale_restore',
      accounts: stale,
    });
  }
}

async function* inBatches<T>(items: AsyncIterable<T>, size: number): AsyncIterable<T[]> {
  let batch: T[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function staleEntry(account: Account, generation: number, at: Date): LogEntry {
  const failure = refreshFailure('stale_restore');
  return {
    id: `stale-restore-${account.id}-${generation}`,
    created_at: at.toISOString(),
    organisation: account.organisation,
    environment: account.environment,
    provider: account.provider,
    account_id: account.id,
    account_label: account.label,
    action: attemptAction('scheduled', failure, false),
    source: 'scheduled',
    outcome: 'not_sent',
    request: null,
    response: null,
    error: failure,
    diagnostics: null,
    generation: account.generation,
    workflow_id: null,
    run_id: null,
    message: failure.message,
  };
}
