/** Commits a grant from Temporal's history, where it waited sealed while the database was away. */
import type { SealedGrant } from '../domain/grant';
import type { LogSource } from '../domain/log-entry';
import type { ActivityDependencies } from './dependencies';
import { withSealingKey } from './seal-grant';

export async function persistGrant(
  { store, vault, now }: Pick<ActivityDependencies, 'store' | 'vault' | 'now'>,
  input: { accountId: string; generation: number; grant: SealedGrant; source: LogSource },
): Promise<{ committed: boolean }> {
  const account = await store.grants.read(input.accountId);
  if (account === null) return { committed: false };
  const announced = await store.webhookEndpoints.isWanted(account.organisation, 'token.refreshed');
  const outcome = await store.grants.commit({
    ...input,
    account: withSealingKey(vault, account),
    // It may have waited since before another key was promoted.
    grant: vault.resealGrant(input.grant, {
      organisation: account.organisation,
      accountId: account.id,
    }),
    announced,
    now: now(),
  });
  return { committed: outcome === 'committed' };
}
