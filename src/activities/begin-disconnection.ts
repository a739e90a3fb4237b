/**
 * Takes an account out of service: no refresh begins any more, and a refresh in flight is fenced off. The API process
 * calls it directly, so that its response shows the change, and the workflow repeats it.
 */
import { disconnectionEntry } from '../domain/connect/disconnection-entry';
import type { Disconnecting } from '../store/accounts/disconnections';
import type { Store } from '../store/store';

export interface BeginDisconnection {
  accountId: string;
  /** The id of the workflow's first run. */
  disconnectionId: string;
  /** The caller that requested the disconnection. */
  by: string;
}

/** @returns `null` if the account does not exist */
export async function beginDisconnection(
  { store, now }: { store: Store; now: () => Date },
  { accountId, disconnectionId: id, by }: BeginDisconnection,
): Promise<Disconnecting | null> {
  const account = await store.disconnections.begin(accountId, { id, by, now: now() });
  if (account === null) return null;
  const at = account.disconnection.startedAt;
  // A link made before would bring the account back against the wish of the caller.
  await store.connectSessions.revokeOfAccount(account.organisation, accountId, at);
  await store.logEntries.record(disconnectionEntry(account, 'disconnect_started', at));
  return account;
}
