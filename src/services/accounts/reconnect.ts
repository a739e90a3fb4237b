/**
 * Reconnects an account: stores the entered grant as the candidate, tries it with one refresh, and reports the result.
 * The current grant stays until the candidate has proved to work.
 */
import { type Account, AccountState, type LastReconnect } from '../../domain/account/account';
import type { SealedGrant } from '../../domain/account/grant';
import { grantFingerprint, newCandidate } from '../../domain/account/reconnect';
import type { LogSource } from '../../domain/logs/log-entry';
import type { RefreshFailure } from '../../domain/refresh/refresh-failure';
import { notFound, ServiceError } from '../../domain/service-error';
import type { ConfiguredProviders } from '../../providers/config/configured-providers';
import type { Store } from '../../store/store';
import type { RefreshClient } from '../../temporal/refresh-client';
import { describeError } from '../describe-error';
import { requireConnected } from './refreshable-account';
import { enteredRefreshToken } from './shared-refresh-token';

/** Refresh requests per reconnect: each may join a refresh that was already running with the old grant. */
const REQUESTS_MAX = 5;
/** Writes per reconnect, if other writes conflict. */
const WRITES_MAX = 5;

export interface ReconnectCaller {
  source: LogSource;
  /** The caller's name in log entries. */
  caller: string;
}

type ReconnectDependencies = {
  store: Store;
  providers: ConfiguredProviders;
  refreshes: RefreshClient;
  now: () => Date;
};

/**
 * @returns the account: with the new grant, or with the candidate still waiting
 * @throws {ServiceError} `grant_refused`; `conflict` if another candidate is being tried, or the account cannot be
 * refreshed
 */
export async function reconnect(
  deps: ReconnectDependencies,
  { organisation, id }: Pick<Account, 'organisation' | 'id'>,
  grant: SealedGrant,
  { source, caller }: ReconnectCaller,
): Promise<Account> {
  const fingerprint = grantFingerprint(grant);
  const account = await submitCandidate(deps, { organisation, id }, grant, caller);
  const triedBefore = account.candidate?.lastFailure?.at.getTime();
  const endedBefore = account.lastReconnect?.at.getTime();
  const isCurrent = fingerprint === grantFingerprint(account.current);
  const request = {
    source,
    caller,
    requestedAt: deps.now().toISOString(),
    force: true,
    capture: false,
    ...(isCurrent ? {} : { reconnect: true }),
  };
  for (let requests = 1; ; requests += 1) {
    const outcome = await deps.refreshes.refresh(account, request).catch((error: unknown) => {
      // The candidate is stored and will be tried even if the outcome cannot be reported now.
      if (isCurrent || describeError(error).code === 'internal_error') throw error;
      return null;
    });
    const after = await deps.store.accounts.find(organisation, id);
    if (after === null) throw notFound(`account ${id}`);
    if (isCurrent) {
      if (outcome?.failure?.class === 'account') throw refused(outcome.failure);
      return after;
    }
    const { candidate, lastReconnect } = after;
    if (candidate?.fingerprint === fingerprint) {
      const { lastFailure } = candidate;
      const isTried = lastFailure !== null && lastFailure.at.getTime() !== triedBefore;
      const isHeld = outcome?.heldForMs !== undefined;
      if (outcome === null || isTried || isHeld || requests === REQUESTS_MAX) return after;
      continue;
    }
    if (lastReconnect?.fingerprint !== fingerprint || lastReconnect.at.getTime() === endedBefore)
      throw superseded();
    return acceptedOrRefused(after, lastReconnect);
  }
}

function acceptedOrRefused(account: Account, { outcome, failure }: LastReconnect): Account {
  if (outcome === 'accepted' || failure === null) return account;
  throw refused(failure);
}

/** Tries the grant that the last reconnect replaced, as a candidate. */
export async function restoreGrant(
  deps: ReconnectDependencies,
  account: Account,
  caller: ReconnectCaller,
): Promise<Account> {
  const { replaced } = account;
  requireReconnectable({ ...account, quarantine: false });
  if (replaced === null || replaced.until <= deps.now()) {
    throw new ServiceError(
      'conflict',
      'The account has no replaced grant to restore: none was replaced, or its refresh token has expired or was refused. Ask the owner to sign in again, and reconnect the account with the new refresh token.',
    );
  }
  const { grant } = replaced;
  if (grant.refreshToken !== null && !account.quarantine)
    return reconnect(deps, account, grant, caller);
  // Restored untried, as it was replaced: the account is in quarantine, or its access token does not expire.
  const { organisation, id } = account;
  const patch = { grant, state: AccountState.active, stateReason: null };
  const restored = await deps.store.accounts.patch(organisation, id, patch, deps.now());
  if (restored === null) throw notFound(`account ${id}`);
  return restored;
}

/** @returns the account as it was before; the grant is not stored if it is the current one, or is being sent */
async function submitCandidate(
  { store, providers, now }: ReconnectDependencies,
  { organisation, id }: Pick<Account, 'organisation' | 'id'>,
  grant: SealedGrant,
  caller: string,
): Promise<Account> {
  const candidate = newCandidate(grant, caller, now());
  for (let written = 0; written < WRITES_MAX; written += 1) {
    const before = await store.accounts.find(organisation, id);
    if (before === null) throw notFound(`account ${id}`);
    requireReconnectable(before);
    const { fingerprint } = candidate;
    if (grantFingerprint(before.current) === fingerprint) return before;
    requireUnused(before, fingerprint);
    const { claim } = before;
    const isSent = claim?.sentAt !== undefined && before.candidate !== null;
    if (isSent && claim.refreshTokenFingerprint === before.candidate?.fingerprint) {
      if (before.candidate?.fingerprint === fingerprint) return before;
      throw new ServiceError(
        'conflict',
        'Evergrant is trying another new refresh token of this account. Wait for its result (candidate and last_reconnect of the account), then try again.',
      );
    }
    const provider = providers.find(before.provider);
    const entered = provider === undefined ? null : enteredRefreshToken(grant, provider);
    if (await store.reconnects.submit(before, candidate, entered)) return before;
  }
  throw superseded();
}

function requireReconnectable(account: Account): void {
  const { state, quarantine } = account;
  requireConnected(account);
  if (state === AccountState.disabled) {
    throw new ServiceError(
      'conflict',
      'The account is disabled, so Evergrant cannot try a new grant. Enable the account in the same request: {"disabled": false, "refresh_token": "…"}.',
    );
  }
  if (quarantine) {
    throw new ServiceError(
      'conflict',
      'The account is in quarantine, so Evergrant sends none of its tokens. Release it first: PATCH {"quarantine": false}.',
    );
  }
}

/** A provider may treat a used refresh token as stolen, and revoke the working grant. */
function requireUnused({ current, previous, replaced }: Account, fingerprint: string): void {
  const isReplaced = replaced !== null && grantFingerprint(replaced.grant) === fingerprint;
  if (isReplaced || previous === null || current.attemptId === null) return;
  if (previous.refreshTokenFingerprint !== fingerprint) return;
  throw new ServiceError(
    'grant_refused',
    `This refresh token was replaced at ${current.obtainedAt}. If Evergrant sent it again, the provider could revoke the current grant. Nothing was sent, and the account keeps its current grant. Ask the owner to sign in again for a new refresh token.`,
  );
}

function refused({ message, detail }: RefreshFailure): ServiceError {
  const quote = detail === undefined ? '' : ` The provider answered: ${detail}`;
  return new ServiceError('grant_refused', `${message}${quote}`);
}

function superseded(): ServiceError {
  return new ServiceError(
    'conflict',
    'This grant was not tried: another request changed the account or its grant in the meantime. Check the account, then reconnect it again.',
  );
}
