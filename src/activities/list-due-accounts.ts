/** Lists one page of due accounts for a sweep, without those whose lane is closed to it. */
import { ApplicationFailure } from '@temporalio/activity';
import type { DueAccount, DueCursor, HeldLane } from '../domain/sweep';
import type { ActivityDependencies } from './dependencies';
import { heldLanes } from './held-lanes';

export interface ListDueAccountsInput {
  provider: string;
  environment: string | null;
  cursor: DueCursor;
  /** ISO time the list is as of; `null` on the first page: now, by this worker's clock. */
  asOf: string | null;
  limit: number;
}

export interface DuePage {
  accounts: DueAccount[];
  next: DueCursor | null;
  asOf: string;
  /** On the first page: more are due than the provider's policy gives a workflow each. */
  inBatches?: boolean;
  /** By the provider's policy. Absent in what older workers answered. */
  batchesAtOnce?: number;
  /** So many accounts in a batch at most. Absent in what older workers answered. */
  batch?: number;
  /** On the first page: by the provider's policy its accounts are validated, too. Absent in what older workers answered. */
  validates?: boolean;
  /**
   * The lanes that are left out; on the first page with how many of their accounts are due. Absent in what older workers
   * answered.
   */
  held?: HeldLane[];
}

/**
 * Each batch costs Temporal as much as two accounts' workflows, and is the part that another worker can take. Of each one
 * refused, its result takes some 750 bytes, of the two million that Temporal allows.
 */
const BATCH = 500;

export async function listDueAccounts(
  deps: Pick<ActivityDependencies, 'store' | 'providers' | 'permits' | 'restoreGuard' | 'now'>,
  input: ListDueAccountsInput,
): Promise<DuePage> {
  const provider = deps.providers.find(input.provider);
  if (provider === undefined) {
    throw ApplicationFailure.nonRetryable(
      `no provider "${input.provider}" is configured; add it to providers.yaml or remove the schedule sweep/${input.provider}`,
      'provider_not_configured',
    );
  }
  // First, so that what is found out takes accounts off the list.
  if (input.asOf === null) await deps.restoreGuard.confirm();
  // The clock that writes when attempts end: Temporal's own may differ from it.
  const now = input.asOf === null ? deps.now() : new Date(input.asOf);
  const asOf = now.toISOString();
  // At once, although the stored clocks follow a change of the configuration a moment later.
  if (!provider.policy.enabled) {
    return { accounts: [], next: null, asOf, validates: false, held: [] };
  }
  const lanes = await heldLanes(deps, provider, input.environment);
  const due = {
    provider: provider.id,
    environment: input.environment,
    without: lanes.map(({ environment }) => environment),
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
    lanes.map(async ({ environment, reason }) => {
      const lane = { provider: provider.id, environment };
      return {
        environment,
        reason,
        due: isFirst ? await deps.store.dueAccounts.count(lane, now) : 0,
      };
    }),
  );
  const { batchesAtOnce } = provider.policy;
  const listed = { ...page, asOf, batchesAtOnce, batch: BATCH, held };
  if (!isFirst) return listed;
  const inBatches = await deps.store.dueAccounts.areMoreThan(provider.policy.perAccountUpTo, due);
  const validates = provider.policy.validateEveryMs !== null;
  return { ...listed, inBatches, validates };
}
