/** Writes what a failed attempt means for its account; shared by the refresh and by its durable second chance. */
import type { Account } from '../domain/account';
import type { LogEntry } from '../domain/log-entry';
import { policyOf } from '../domain/refresh-policy';
import { settlementDecision } from '../domain/settlement';
import type { ActivityDependencies } from './dependencies';
import { withSealingKey } from './seal-grant';

export type Settled =
  | 'settled'
  /** The account's grant or claim had moved on: the failure is of an older grant. */
  | 'overtaken'
  /** Another grant of this account took the refused one's place. */
  | 'leaf_promoted';

export async function settleAttempt(
  deps: Pick<ActivityDependencies, 'store' | 'vault' | 'providers' | 'now'>,
  {
    account,
    entry,
    alone = false,
  }: {
    account: Account;
    entry: LogEntry;
    /** What reads as the app's failure is this account's alone: it is left alone longer and longer. */
    alone?: boolean;
  },
): Promise<Settled> {
  const failure = entry.error;
  if (failure === null) return 'settled';
  const now = deps.now();
  if (
    failure.code === 'invalid_grant' &&
    (await deps.store.grants.promoteLeaf(withSealingKey(deps.vault, account), entry.id, now))
  ) {
    return 'leaf_promoted';
  }
  const settled = await deps.store.grants.settle({
    account,
    attemptId: entry.id,
    source: entry.source,
    failure,
    decision: settlementDecision(
      alone ? { ...failure, class: 'provider' } : failure,
      account.failedAttempts,
      policyOf(account, deps.providers.rule(account.provider)),
      now,
      deps.providers.find(account.provider)?.adapter.refusedState,
    ),
    now,
  });
  return settled ? 'settled' : 'overtaken';
}
