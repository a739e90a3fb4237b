/**
 * Counts in the background the documents that are too many to count in a request. Every worker runs this loop; one worker
 * at a time computes each count.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { ConfiguredProviders } from '../providers/config/configured-providers';
import { encryptionKeyIds } from '../services/encryption/encryption-key-ids';
import { recentlyValidatedSince } from '../services/overview/account-summary';
import type { ClaimedCount, Recount } from '../store/mongo/stored-counts';
import type { Store } from '../store/store';
import type { Vault } from '../vault/vault';

const LOOK_EVERY_MS = 5_000;

interface CountDependencies {
  store: Store;
  vault: Pick<Vault, 'keyIds'>;
  providers: ConfiguredProviders;
  logger: Logger;
}

/** @returns a function that ends the loop; the next worker repeats a count in progress */
export function keepCounts(deps: CountDependencies): () => Promise<void> {
  const stopping = new AbortController();
  const running = countUntil(deps, stopping.signal);
  return async () => {
    stopping.abort();
    await running;
  };
}

async function countUntil(deps: CountDependencies, signal: AbortSignal): Promise<void> {
  let isFailing = false;
  while (!signal.aborted) {
    try {
      while (await countNext(deps, signal));
      isFailing = false;
    } catch (error) {
      // The claim expires, so another attempt follows. Logged once per outage.
      if (!isFailing && !signal.aborted)
        deps.logger.warn({ err: error }, 'the counts for pages and the API could not be computed');
      isFailing = true;
    }
    await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** @returns whether a count was due */
export async function countNext(
  deps: Omit<CountDependencies, 'logger'>,
  signal: AbortSignal,
  now: () => Date = () => new Date(),
): Promise<boolean> {
  const { storedCounts } = deps.store;
  const asOf = now();
  const claimed = await storedCounts.claim(asOf);
  if (claimed === null) return false;
  const recount = await recounted(deps, claimed, { asOf, signal }).catch(async (error: unknown) => {
    // If MongoDB is unreachable, the claim expires.
    await storedCounts.release(claimed, now()).catch(() => undefined);
    throw error;
  });
  await storedCounts.store(claimed, recount, { asOf, tookMs: now().getTime() - asOf.getTime() });
  return true;
}

async function recounted(
  { store, vault, providers }: Omit<CountDependencies, 'logger'>,
  { kind, organisation, last }: ClaimedCount,
  { asOf, signal }: { asOf: Date; signal: AbortSignal },
): Promise<Recount<unknown>> {
  const query = { organisation: organisation ?? '', now: asOf };
  switch (kind) {
    case 'accounts': {
      const validSince = recentlyValidatedSince(providers, asOf);
      return store.accountSummaries.recount({ ...query, validSince }, signal);
    }
    case 'apps':
      return store.dueAccounts.recountPerApp(signal);
    case 'attempts':
      return store.statistics.recountAttempts(query, last, signal);
    case 'attention':
      return store.accountAttention.recount(query);
    case 'encryption':
      return store.sealedRecords.recountPerKey(await encryptionKeyIds({ store, vault }), signal);
    case 'totals':
      return store.accountTotals.recount(asOf, signal);
  }
}
