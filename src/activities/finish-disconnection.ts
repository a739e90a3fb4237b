/** The end of a disconnection: logs the results, then deletes the encrypted tokens. Safe to repeat at any step. */
import type { RevocationResult } from '../domain/connect/disconnection';
import { disconnectionEntry } from '../domain/connect/disconnection-entry';
import { hasUnplannedToken } from '../store/accounts/disconnections';
import type { Store } from '../store/store';
import type { RevokeTokens } from './revoke-tokens';

export type DisconnectionEnd =
  | { kind: 'finished'; results: RevocationResult[] }
  /** A grant arrived that is not revoked yet. */
  | { kind: 'more' }
  | { kind: 'superseded' };

export async function finishDisconnection(
  { store, now }: { store: Store; now: () => Date },
  { accountId, disconnectionId: id }: RevokeTokens,
): Promise<DisconnectionEnd> {
  const account = await store.disconnections.find(accountId, id);
  if (account === null) return { kind: 'superseded' };
  const { finishedAt, tokens } = account.disconnection;
  const results = tokens.map(({ result }) => result ?? 'unknown');
  if (finishedAt !== null) return { kind: 'finished', results };
  if (hasUnplannedToken(account)) return { kind: 'more' };
  const at = now();
  // Logged first: after a crash in between, the step is repeated, and the entry is written once.
  await store.logEntries.record(disconnectionEntry(account, 'account_disconnected', at));
  return (await store.disconnections.finish(account, at))
    ? { kind: 'finished', results }
    : { kind: 'more' };
}
