/**
 * Detects that MongoDB was restored from a backup, before a rotated refresh token is sent: a provider with reuse
 * detection would revoke the whole token family. Compares MongoDB with the rotations that Temporal has recorded.
 */
import { ApplicationFailure, log } from '@temporalio/activity';
import type { Account } from '../domain/account/account';
import { attemptAction, type LogEntry } from '../domain/logs/log-entry';
import type { GenerationMark } from '../domain/refresh/generation-mark';
import { refreshFailure } from '../domain/refresh/refresh-failure';
import type { Store } from '../store/store';

/** The rotations that Temporal knows of, grouped by workflow; the newest workflow and the newest rotation first. */
export interface RotationMarks {
  /** @param closedBefore restricts the result to workflows that closed before this time; `null`: all */
  newest(closedBefore: Date | null): AsyncIterable<readonly GenerationMark[]>;
}

interface GuardDependencies {
  store: Pick<Store, 'restores' | 'logEntries'>;
  marks: RotationMarks;
  now: () => Date;
}

/** How long a process relies on its last check, in ms. A restore under running workers goes unnoticed for this long. */
const CONFIRMED_FOR_MS = 5_000;
/** Age, in ms, below which a rotation may have been made on the restored database itself, and so proves nothing. */
const FINAL_AFTER_MS = 120_000;
/** Workflows per check, and rotations per workflow. A batch closes late, so only its newest rotations count. */
const SAMPLE = 100;
const NEWEST = 4;
const BATCH = 500;

export class RestoreGuard {
  readonly #deps: GuardDependencies;
  /** Time of the last check, by the process's monotonic clock; `null` before the first. */
  #confirmedAt: number | null = null;
  #checking: Promise<void> | null = null;

  constructor(deps: GuardDependencies) {
    this.#deps = deps;
  }

  /**
   * Returns once every account with a refresh token that is known to be replaced is marked as such.
   * @throws {ApplicationFailure} `restore_unknown` if no check has ever succeeded; then nothing may be sent
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
      log.warn('the check for a restored MongoDB failed', { error });
      // After one successful check, an unreachable index must not let tokens expire; before it, nothing may be sent.
      if (this.#confirmedAt === null) {
        throw ApplicationFailure.retryable(
          'the check for a restored MongoDB failed, so nothing was sent; it is retried',
          'restore_unknown',
        );
      }
      this.#confirmedAt = startedAt;
    }
  }

  /** Checking the newest known rotations is enough, because a backup lacks the newest ones first. */
  async #isRestored(): Promise<boolean> {
    const finalBefore = new Date(this.#deps.now().getTime() - FINAL_AFTER_MS);
    for (const closedBefore of [null, finalBefore]) {
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
      'MongoDB was restored from a backup: it contains older refresh tokens than Evergrant received. Evergrant does not send them.',
    );
    let stale = 0;
    for await (const batch of inBatches(marks.newest(null), BATCH)) {
      const { behind } = await store.restores.compare(batch.flat());
      for (const { account, generation } of behind) {
        // Log first, so that no account changes without an entry that says why.
        await store.logEntries.record(staleEntry(account, generation, now()));
        if (await store.restores.markStale(account, generation, now())) stale += 1;
      }
    }
    log.error('accounts need a reconnect: their refresh tokens were replaced after the backup', {
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
