/** Checks once whether a refresh can begin. Temporal retries it through an outage of MongoDB. */
import type { RefreshDependencies } from '../refresh/dependencies';

/**
 * Returns if MongoDB accepts writes and was not restored from a backup unnoticed.
 * @throws the same errors with which a refresh could not begin
 */
export async function awaitDatabase({
  store,
  restoreGuard,
  now,
}: Pick<RefreshDependencies, 'store' | 'restoreGuard' | 'now'>): Promise<void> {
  await restoreGuard.confirm();
  await store.settings.recordWritable(now());
}
