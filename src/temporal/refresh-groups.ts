/**
 * Batches the refreshes of token requests under load, because a workflow costs Temporal far more than an account costs
 * a worker. A single request starts the account's own workflow at once. Requests that arrive while it runs are batched
 * next. Each caller receives its outcome as soon as its own account is done.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Account } from '../domain/account/account';
import type { AttemptOutcome, RefreshRequest } from '../domain/refresh/refresh-attempt';
import { type BatchResult, TOGETHER_MAX } from '../domain/refresh/refresh-batch';
import type { AttemptSnapshot } from '../store/accounts/grants';
import type { Store } from '../store/store';

/** How long, in ms, queued requests wait for the refreshes in flight, so that a slow one does not delay them more. */
const WAIT_MAX_MS = 500;
/** Pause after a batch, in ms: callers that were just served may request again, and are then batched together. */
const NEXT_MS = 30;
const LOOK_EVERY_MS = 50;
/** How long, in ms, a caller waits for a batch before its account is requested alone. */
const PATIENCE_MS = 10_000;

export interface Wanted {
  account: Account;
  request: RefreshRequest;
}

interface Waiting extends Wanted {
  resolve: (outcome: AttemptOutcome | Promise<AttemptOutcome>) => void;
}

/** The two operations that refresh accounts. */
interface Operations {
  alone(account: Account, request: RefreshRequest): Promise<AttemptOutcome>;
  /** Resolves once the batch is started. Callers need not wait for its result until the end. */
  together(
    wanted: readonly Wanted[],
  ): Promise<{ result(until: AbortSignal): Promise<BatchResult> }>;
}

export class RefreshGroups {
  readonly #store: Pick<Store, 'grants' | 'logEntries'>;
  readonly #operations: Operations;
  /** By provider; absent if no refresh is in flight. */
  readonly #waiting = new Map<string, Waiting[]>();

  constructor(store: Pick<Store, 'grants' | 'logEntries'>, operations: Operations) {
    this.#store = store;
    this.#operations = operations;
  }

  /** @param account as read for this request; an attempt that finished since then answers it */
  refresh(account: Account, request: RefreshRequest): Promise<AttemptOutcome> {
    return new Promise((resolve) => {
      const one = { account, request, resolve };
      const waiting = this.#waiting.get(account.provider);
      if (waiting === undefined) void this.#work(account.provider, [one]);
      else waiting.push(one);
    });
  }

  /** Never rejects. */
  async #work(provider: string, waiting: Waiting[]): Promise<void> {
    this.#waiting.set(provider, waiting);
    while (waiting.length > 0) {
      const groups = inGroups(waiting.splice(0), TOGETHER_MAX);
      const answered = Promise.all(groups.map((group) => this.#refresh(group)));
      await Promise.race([answered, delay(WAIT_MAX_MS)]);
      if ((groups[0]?.length ?? 0) > 1) await delay(NEXT_MS);
    }
    this.#waiting.delete(provider);
  }

  /** Never rejects; resolves once each caller has its outcome. */
  async #refresh(group: readonly Waiting[]): Promise<void> {
    const [one] = group;
    if (group.length === 1 && one !== undefined) {
      const outcome = this.#operations.alone(one.account, one.request);
      one.resolve(outcome);
      await outcome.catch(() => undefined);
      return;
    }
    const answered = new AbortController();
    try {
      const batch = await this.#operations.together(group);
      await this.#follow(group, batch.result(answered.signal));
    } catch (error) {
      for (const { resolve } of group) resolve(Promise.reject(error));
    } finally {
      answered.abort();
    }
  }

  /** Never rejects. */
  async #follow(group: readonly Waiting[], result: Promise<BatchResult>): Promise<void> {
    const waiting = new Set(group);
    const over = Promise.race([
      // If the batch fails, each remaining account is requested alone.
      result.then(({ outcomes = [] }) => outcomes).catch(() => []),
      delay(PATIENCE_MS, [], { ref: false }),
    ]);
    while (waiting.size > 0) {
      const outcomes = await Promise.race([over, delay(LOOK_EVERY_MS, null)]);
      await this.#look(waiting);
      if (outcomes === null) continue;
      for (const { account, request, resolve } of waiting) {
        const outcome = outcomes.find(({ accountId }) => accountId === account.id);
        resolve(outcome ?? this.#operations.alone(account, request));
      }
      waiting.clear();
    }
  }

  /** Serves the callers whose account is done, whichever attempt refreshed it. */
  async #look(waiting: Set<Waiting>): Promise<void> {
    let snapshots: AttemptSnapshot[];
    try {
      snapshots = await this.#store.grants.snapshots([...waiting].map(({ account }) => account.id));
    } catch {
      // Ignored: the next round reads again, and after the last one each caller reads the account itself.
      return;
    }
    const byId = new Map(snapshots.map((snapshot) => [snapshot.id, snapshot]));
    for (const one of waiting) {
      const snapshot = byId.get(one.account.id);
      const outcome = snapshot && this.#outcomeSince(one.account, snapshot);
      if (outcome === undefined) continue;
      waiting.delete(one);
      one.resolve(outcome);
    }
  }

  /** The outcome of an attempt that finished after the account was read; `undefined` if there is none. */
  #outcomeSince(
    before: Account,
    { generation, lastAttempt, expiresAt }: AttemptSnapshot,
  ): AttemptOutcome | Promise<AttemptOutcome> | undefined {
    const attemptId = lastAttempt?.attemptId;
    // A failed candidate is no outcome for the caller, because the current grant is refreshed next.
    const isAnswer = lastAttempt?.ofCandidate !== true;
    const isNew =
      isAnswer && attemptId !== undefined && attemptId !== before.lastAttempt?.attemptId;
    if (!isNew && generation === before.generation) return undefined;
    const outcome = {
      accountId: before.id,
      exchange: null,
      failure: null,
      generation,
      expiresAt,
      logEntryId: isNew ? attemptId : null,
    };
    if (!isNew) return { ...outcome, outcome: 'skipped', reason: 'superseded' };
    if (lastAttempt?.outcome === 'refreshed')
      return { ...outcome, outcome: 'refreshed', reason: 'answered_by_another_attempt' };
    return this.#failed(attemptId, outcome);
  }

  /** The failure as logged. The log entry is written before the failure is recorded on the account. */
  async #failed(
    attemptId: string,
    outcome: Omit<AttemptOutcome, 'outcome' | 'reason'>,
  ): Promise<AttemptOutcome> {
    const entry = await this.#store.logEntries.read(attemptId);
    return {
      ...outcome,
      outcome: 'failed',
      reason: entry?.error?.code ?? 'failed',
      exchange: entry?.outcome ?? null,
      failure: entry?.error ?? null,
    };
  }
}

function inGroups<T>(items: readonly T[], size: number): T[][] {
  const groups: T[][] = [];
  for (let from = 0; from < items.length; from += size) groups.push(items.slice(from, from + size));
  return groups;
}
