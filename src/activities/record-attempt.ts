/** Records and logs an attempt that ended while MongoDB was unreachable. */
import type { LogEntry } from '../domain/logs/log-entry';
import type { RefreshDependencies } from '../refresh/dependencies';
import { logAttempt } from '../refresh/log-attempt';
import { recordFailure } from '../refresh/record-failure';

export async function recordAttempt(
  deps: Pick<RefreshDependencies, 'store' | 'providers' | 'now'>,
  { entry }: { entry: LogEntry },
): Promise<void> {
  const account = entry.account_id === null ? null : await deps.store.grants.read(entry.account_id);
  if (account !== null && account.generation === entry.generation) {
    await recordFailure(deps, { account, entry });
  }
  await deps.store.logEntries.record(entry);
  logAttempt(entry);
}
