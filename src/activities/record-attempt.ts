/** Settles and logs an attempt whose database was away when it ended. */
import type { LogEntry } from '../domain/log-entry';
import type { ActivityDependencies } from './dependencies';
import { logAttempt } from './log-attempt';
import { settleAttempt } from './settle-attempt';

export async function recordAttempt(
  deps: Pick<ActivityDependencies, 'store' | 'vault' | 'providers' | 'now'>,
  { entry }: { entry: LogEntry },
): Promise<void> {
  const account = entry.account_id === null ? null : await deps.store.grants.read(entry.account_id);
  if (account !== null && account.generation === entry.generation) {
    await settleAttempt(deps, { account, entry });
  }
  await deps.store.logEntries.record(entry);
  logAttempt(entry);
}
