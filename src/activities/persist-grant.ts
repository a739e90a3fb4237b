/** Commits a grant from Temporal's history, where it was kept encrypted while MongoDB was unreachable. */
import type { SealedGrant } from '../domain/account/grant';
import type { LogSource } from '../domain/logs/log-entry';
import { measureCommit } from '../refresh/count-attempt';
import type { RefreshDependencies } from '../refresh/dependencies';

export async function persistGrant(
  { store, now }: Pick<RefreshDependencies, 'store' | 'now'>,
  input: {
    accountId: string;
    generation: number;
    grant: SealedGrant;
    source: LogSource;
    /** The fingerprint of the candidate that brought this grant; absent if none did. */
    candidate?: string;
  },
): Promise<{ committed: boolean }> {
  const account = await store.grants.read(input.accountId);
  if (account === null) return { committed: false };
  const announced = await store.webhookEndpoints.isWanted(account.organisation, 'token.refreshed');
  const outcome = await store.grants.commit({
    ...input,
    account,
    announced,
    now: now(),
  });
  const committed = outcome === 'committed';
  if (committed && input.candidate === undefined) measureCommit(account, input.source, now());
  return { committed };
}
