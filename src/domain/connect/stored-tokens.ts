/** The tokens that an account stores, and whether more may arrive: the input of a disconnection. Pure functions. */
import { type Account, AccountState } from '../account/account';
import { NO_GENERATION, type ProviderValues, type SealedGrant } from '../account/grant';
import { holdsCredentials } from '../account/grant-type';
import type { TokenName, TokenPlace } from './disconnection';

/** Whether the account was disconnected, and its tokens were deleted. */
export function isFinished({ state, disconnection }: Pick<Account, 'state' | 'disconnection'>) {
  return state === AccountState.disconnected && (disconnection?.finishedAt ?? null) !== null;
}

/**
 * How long, in ms, a grant that a refresh in flight received may need to reach MongoDB after the claim's lease expired.
 * A grant that arrives even later stays stored until the account is disconnected again.
 */
const ARRIVES_WITHIN_MS = 60_000;

/** Returns how long, in ms, to wait for a refresh in flight, whose grant must be revoked, too. */
export function refreshInFlightMs(
  { claim, current, orphanedGrants }: Pick<Account, 'claim' | 'current' | 'orphanedGrants'>,
  now: Date,
): number {
  // Without a send intent no request was sent, and none will be: the account's state forbids it.
  if (claim?.sentAt === undefined) return 0;
  const hasArrived = [current, ...orphanedGrants].some(
    ({ attemptId }) => attemptId === claim.attemptId,
  );
  if (hasArrived) return 0;
  return Math.max(0, claim.leaseUntil.getTime() + ARRIVES_WITHIN_MS - now.getTime());
}

/** A token as it is stored on the account. */
export interface StoredToken extends TokenName {
  sealed: string;
  /** The generation that it is encrypted for. */
  generation: number;
  /** The values of its grant. Absent: those of the current grant. */
  providerValues?: ProviderValues;
}

type Holder = Pick<
  Account,
  'current' | 'candidate' | 'replaced' | 'orphanedGrants' | 'previous' | 'fallback'
> &
  Partial<Pick<Account, 'grantType'>>;

/**
 * Returns all stored tokens, each once; credentials are no tokens, and must reach no revocation endpoint. Refresh tokens come first: at most providers their revocation ends the access
 * tokens of the grant, too.
 */
export function storedTokens(account: Holder): StoredToken[] {
  const { candidate, replaced, previous, fallback } = account;
  const grants: [TokenPlace, SealedGrant | undefined][] = [
    ['current', account.current],
    ['candidate', candidate?.grant],
    ['replaced', replaced?.grant],
    ...account.orphanedGrants.map((grant): [TokenPlace, SealedGrant] => ['orphaned', grant]),
    ['previous', previous ?? undefined],
  ];
  const tokens = [
    ...(holdsCredentials(account.grantType)
      ? []
      : grants.flatMap(([grant, sealed]) => tokenOf(grant, 'refresh_token', sealed))),
    ...grants.flatMap(([grant, sealed]) => tokenOf(grant, 'access_token', sealed)),
  ];
  if (fallback !== null)
    tokens.push({
      grant: 'fallback',
      token: 'access_token',
      fingerprint: fallback.accessTokenFingerprint,
      sealed: fallback.accessToken,
      generation: NO_GENERATION,
    });
  const byFingerprint = new Map(tokens.toReversed().map((token) => [token.fingerprint, token]));
  return tokens.filter((token) => byFingerprint.get(token.fingerprint) === token);
}

function tokenOf(
  grant: TokenPlace,
  token: TokenName['token'],
  sealedGrant: SealedGrant | undefined,
): StoredToken[] {
  if (sealedGrant === undefined) return [];
  const isRefresh = token === 'refresh_token';
  const sealed = isRefresh ? sealedGrant.refreshToken : sealedGrant.accessToken;
  const fingerprint = isRefresh
    ? sealedGrant.refreshTokenFingerprint
    : sealedGrant.accessTokenFingerprint;
  if (sealed === null || fingerprint === null) return [];
  const { generation, providerValues } = sealedGrant;
  const values = providerValues === undefined ? {} : { providerValues };
  return [{ grant, token, fingerprint, sealed, generation, ...values }];
}
