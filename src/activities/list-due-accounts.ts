/** Lists one page of due accounts for a sweep, without the OAuth apps that sweeps must skip for now. */
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import {
  type DueAccount,
  type DueCursor,
  type HeldApp,
  PROVIDER_NOT_CONFIGURED,
} from '../domain/refresh/sweep';
import { heldApps } from '../limits/held-apps';
import type { RefreshDependencies } from '../refresh/dependencies';

export interface ListDueAccountsInput {
  provider: string;
  environment: string | null;
  cursor: DueCursor;
  /** ISO time the list is as of. `null` on the first page: now, by this worker's clock. */
  asOf: string | null;
  limit: number;
}

export interface DuePage {
  accounts: DueAccount[];
  next: DueCursor | null;
  asOf: string;
  /** First page only: whether more accounts are due than the policy refreshes with a workflow each. */
  inBatches?: boolean;
  /** From the provider's policy. */
  batchesAtOnce: number;
  /** Maximum number of accounts per batch. */
  batch: number;
  /** First page only: whether the policy has the provider's accounts validated. */
  validates?: boolean;
  /** The OAuth apps that are skipped; on the first page with the number of their due accounts. */
  held: HeldApp[];
}

/**
 * Accounts per batch. A batch costs Temporal as much as two refresh workflows, and is the unit that another worker can
 * take. Each refused account adds about 750 bytes to the result, of which Temporal allows two million.
 */
const BATCH = 500;

export async function listDueAccounts(
  deps: Pick<RefreshDependencies, 'store' | 'providers' | 'appLimiter' | 'restoreGuard' | 'now'>,
  input: ListDueAccountsInput,
): Promise<DuePage> {
  const provider = deps.providers.find(input.provider);
  if (provider === undefined) {
    throw ApplicationFailure.create({
      message: `No provider "${input.provider}" is configured. Add it to providers.yaml, or delete its schedule: evergrant schedules delete ${input.provider}`,
      type: PROVIDER_NOT_CONFIGURED,
      nonRetryable: true,
      // The sweep reports this in one line; the SDK would log it with a stack trace.
      category: ApplicationFailureCategory.BENIGN,
    });
  }
  // Runs first, because it can take accounts off the list.
  if (input.asOf === null) await deps.restoreGuard.confirm();
  // Uses the worker's clock, which also timestamps attempts; Temporal's clock may differ.
  const now = input.asOf === null ? deps.now() : new Date(input.asOf);
  const asOf = now.toISOString();
  // Applied directly, because stored due times follow a changed configuration only a moment later.
  const { batchesAtOnce, enabled } = provider.policy;
  const sizes = { batchesAtOnce, batch: BATCH };
  if (!enabled) {
    return {
      accounts: [],
      next: null,
      asOf,
      ...sizes,
      inBatches: false,
      validates: false,
      held: [],
    };
  }
  const limiters = await heldApps(deps, provider, input.environment);
  const due = {
    provider: provider.id,
    environment: input.environment,
    without: limiters.map(({ environment }) => environment),
    now,
  };
  const page = await deps.store.dueAccounts.page({
    ...due,
    expiringUntil: new Date(now.getTime() + provider.policy.refreshBeforeMs),
    cursor: input.cursor,
    limit: input.limit,
  });
  const isFirst = input.asOf === null;
  const held = await Promise.all(
    limiters.map(async ({ environment, reason }) => {
      const limiter = { provider: provider.id, environment };
      return {
        environment,
        reason,
        due: isFirst ? await deps.store.dueAccounts.count(limiter, now) : 0,
      };
    }),
  );
  const listed = { ...page, asOf, ...sizes, held };
  if (!isFirst) return listed;
  const inBatches = await deps.store.dueAccounts.areMoreThan(provider.policy.perAccountUpTo, due);
  const validates = provider.policy.validateEveryMs !== null;
  return { ...listed, inBatches, validates };
}
