/**
 * Ends the sessions whose process died between the callback and the end of the session: connected if the grant is stored,
 * otherwise failed. Safe to repeat, and to run in several processes.
 */
import { recordConnectFailure } from '../../activities/store-consent';
import type { Account } from '../../domain/account/account';
import { type ConnectSession, EXCHANGE_MAX_MS } from '../../domain/connect/connect-session';
import { connectedEntry } from '../../domain/connect/consent-record';
import { type ConnectDependencies, revokeDropped } from './store-consent';

/** Sessions per run. More end in the next run. */
const SESSIONS_MAX = 100;

export async function endInterruptedExchanges(deps: ConnectDependencies): Promise<void> {
  const { store, connect, now } = deps;
  for (const session of await store.connectSessions.interrupted(now(), SESSIONS_MAX)) {
    // oxlint-disable-next-line no-await-in-loop -- one session at a time spares the database
    if (!(await connect.isStoring(session.id))) await end(deps, session);
  }
}

async function end(deps: ConnectDependencies, session: ConnectSession): Promise<void> {
  const { store, now } = deps;
  const { id, organisation, accountId, isReconnect, pending, statusAt } = session;
  const account = await store.accounts.find(organisation, accountId);
  if (account !== null && holdsGrantOf(session, account)) {
    const { missingScopes, generation, current } = account;
    const at = current.attemptId === id ? current.obtainedAt : statusAt.toISOString();
    const record = { ...session, sessionId: id, isReconnect, missingScopes, at };
    await store.logEntries.record(
      connectedEntry({ ...record, response: null, warnings: [] }, generation),
    );
    await store.connectSessions.connected(id, now());
    return;
  }
  // Before the failure is recorded, because that deletes the grant.
  if (pending !== null) await revokeDropped(deps, session);
  await recordConnectFailure(
    deps,
    session,
    {
      code: pending === null ? 'answer_lost' : 'not_finished',
      detail: 'the process that handled the session ended',
    },
    { entryAt: new Date(statusAt.getTime() + EXCHANGE_MAX_MS) },
  );
}

/** Whether the account has the grant of this session, or had it before its last refresh. */
function holdsGrantOf(
  { id, isReconnect }: ConnectSession,
  { current, previous }: Account,
): boolean {
  return !isReconnect || current.attemptId === id || previous?.attemptId === id;
}
