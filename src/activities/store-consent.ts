/**
 * Stores a checked consent: the account or its new grant, the log entry, and the end of the session, in this order. Safe
 * to repeat after a crash at any step. The API process calls it directly, and a workflow calls it if MongoDB was
 * unreachable then.
 */
import { AccountState } from '../domain/account/account';
import { afterFailure, type ConnectFailure } from '../domain/connect/connect-session';
import {
  type ConsentRecord,
  connectEntryId,
  connectedEntry,
  connectFailedEntry,
} from '../domain/connect/consent-record';
import { isOther } from '../domain/connect/consent-result';
import { isFinished } from '../domain/connect/stored-tokens';
import { connectedEvent, connectFailedEvent } from '../domain/events/event';
import { appLabels } from '../metrics/label-values';
import { connectSessionsEnded } from '../metrics/metrics';
import {
  AccountExistsError,
  RefreshTokenHeldError,
  SubjectHeldError,
} from '../store/accounts/accounts';
import type { Store } from '../store/store';

export interface StoredConsent {
  /** `null`: the account was connected, or the consent waits for the application. */
  failure: ConnectFailure | null;
}

export interface StoreConsentDependencies {
  store: Store;
  now: () => Date;
}

interface Refused {
  failure: ConnectFailure;
  otherAccountId: string | null;
}

export async function storeConsent(
  deps: StoreConsentDependencies,
  record: ConsentRecord,
): Promise<StoredConsent> {
  const { store, now } = deps;
  if (record.waitsForFinish) {
    await store.connectSessions.keepPending(record.sessionId, record, now());
    return { failure: null };
  }
  const stored = await storeGrant(deps, record);
  if (typeof stored === 'object') {
    await recordConnectFailure(
      deps,
      { ...record, id: record.sessionId },
      { code: stored.failure, detail: null },
      {
        entryAt: new Date(record.at),
        response: record.response,
        warnings: record.warnings,
        otherAccountId: stored.otherAccountId,
      },
    );
    return { failure: stored.failure };
  }
  await store.logEntries.record(connectedEntry(record, stored));
  const ended = await store.connectSessions.connected(record.sessionId, now());
  // A repeated run finds the session ended.
  if (ended !== null)
    connectSessionsEnded.add({
      ...appLabels(record.provider, record.environment),
      result: 'connected',
    });
  return { failure: null };
}

/** @returns the generation of the stored grant, or why it was not stored */
async function storeGrant(
  { store, now }: StoreConsentDependencies,
  record: ConsentRecord,
): Promise<number | Refused> {
  const { organisation, accountId, subject } = record;
  const existing = await store.accounts.find(organisation, accountId);
  // An earlier run stored it and stopped before it ended the session.
  if (existing?.current.attemptId === record.sessionId) return existing.generation;
  if (subject !== null) {
    const holder = await store.accounts.idOfSubject(organisation, subject.digest);
    if (holder !== null && holder !== accountId) return alreadyConnected(holder);
  }
  try {
    if (!record.isReconnect) return await createAccount(store, record, now());
    if (existing === null) return { failure: 'not_stored', otherAccountId: null };
    if (isOther(record, subject, existing.subject?.digest ?? null))
      return { failure: 'different_subject', otherAccountId: null };
    const { state } = existing;
    // Its new grant would be revoked with the old ones.
    if (state === AccountState.disconnected && !isFinished(existing))
      return { failure: 'disconnected', otherAccountId: null };
    const { sessionId, missingScopes, grant, enteredRefreshToken } = record;
    const at = now();
    const patched = await store.accounts.patch(
      organisation,
      accountId,
      {
        grant,
        enteredRefreshToken,
        consent: {
          subject,
          missingScopes,
          event: connectedEvent('account.reconnected', existing, { sessionId, missingScopes, at }),
        },
        // A disabled account stays disabled.
        ...(state === AccountState.disabled
          ? {}
          : { state: AccountState.active, stateReason: null }),
      },
      at,
    );
    return patched?.generation ?? { failure: 'not_stored', otherAccountId: null };
  } catch (error) {
    return refusedBy(store, record, error);
  }
}

async function createAccount(store: Store, record: ConsentRecord, at: Date): Promise<number> {
  const { accountId: id, subject, missingScopes, sessionId } = record;
  const account = { ...record, id };
  const { generation } = await store.accounts.create(
    {
      id,
      organisation: record.organisation,
      provider: record.provider,
      environment: record.environment,
      externalId: record.externalId,
      label: record.label,
      kind: record.kind,
      grant: record.grant,
      enteredRefreshToken: record.enteredRefreshToken,
      consent: {
        subject,
        missingScopes,
        event: connectedEvent('account.connected', account, { sessionId, missingScopes, at }),
      },
      lastRefreshedAt: null,
    },
    at,
  );
  return generation;
}

/** A unique index refused the write: another account was connected at the same moment. */
async function refusedBy(store: Store, record: ConsentRecord, error: unknown): Promise<Refused> {
  const { organisation, subject } = record;
  if (error instanceof SubjectHeldError && subject !== null)
    return alreadyConnected(await store.accounts.idOfSubject(organisation, subject.digest));
  if (error instanceof AccountExistsError)
    return alreadyConnected(await store.accounts.idOfIdentity(organisation, record));
  if (error instanceof RefreshTokenHeldError) return alreadyConnected(null);
  throw error;
}

function alreadyConnected(otherAccountId: string | null): Refused {
  return { failure: 'already_connected', otherAccountId };
}

/** Records why a leg connected no account: the log entry, the event if the session has ended, and its status. */
export async function recordConnectFailure(
  { store, now }: StoreConsentDependencies,
  session: Parameters<typeof connectFailedEntry>[0] & Parameters<typeof connectFailedEvent>[0],
  failure: { code: ConnectFailure; detail: string | null },
  input: {
    /** When the leg ended: one log entry per leg and time. */
    entryAt: Date;
    response?: ConsentRecord['response'];
    warnings?: readonly string[];
    otherAccountId?: string | null;
  },
): Promise<void> {
  const { entryAt, response = null, warnings = [], otherAccountId = null } = input;
  await store.logEntries.record(
    connectFailedEntry(session, failure, {
      id: connectEntryId(session.id, entryAt),
      at: entryAt,
      response,
      warnings,
    }),
  );
  if (afterFailure(failure.code) !== 'opened')
    await store.events.raise(connectFailedEvent(session, failure.code, entryAt));
  const failed = await store.connectSessions.fail(
    session.id,
    ['at_provider', 'exchanging', 'awaiting_finish'],
    failure,
    {
      now: now(),
      otherAccountId,
    },
  );
  if (failed !== null)
    connectSessionsEnded.add({
      ...appLabels(failed.provider, failed.environment),
      result: failure.code,
    });
}
