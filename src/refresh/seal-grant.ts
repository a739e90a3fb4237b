/** Decrypts refresh tokens before a send, and encrypts received grants for storage. */
import type { Account } from '../domain/account/account';
import { type SealedGrant, withProviderValues } from '../domain/account/grant';
import { Secret } from '../domain/masking/secret';
import {
  type RefreshFailure,
  type RefreshFailureCode,
  refreshFailure,
} from '../domain/refresh/refresh-failure';
import type { ReceivedGrant } from '../providers/exchange/received-grant';
import { isCiphertext, OpenError, type OpenFailure } from '../vault/sealing';
import { grantPlace, type Vault } from '../vault/vault';

const OPEN_FAILURES: Record<OpenFailure, RefreshFailureCode> = {
  not_sealed: 'row_not_sealed',
  corrupt: 'row_corrupt',
  key_missing: 'key_missing',
  key_mismatch: 'key_mismatch',
};

/**
 * The refresh token, or the credentials in its place, to be kept only for the exchange, or the failure that prevents the send.
 * @param sealed the refresh token of a grant of this generation
 */
export function openRefreshToken(
  vault: Vault,
  account: Account,
  { sealed, generation }: { sealed: string; generation: number },
): { refreshToken: Secret } | { failure: RefreshFailure } {
  try {
    const place = grantPlace(account, generation);
    const refreshToken = vault.openToken(sealed, place, 'refresh_token');
    if (refreshToken === '') return { failure: refreshFailure('refresh_token_missing') };
    return isCiphertext(refreshToken)
      ? { failure: refreshFailure('ciphertext_not_sent') }
      : { refreshToken: new Secret(refreshToken) };
  } catch (error) {
    if (!(error instanceof OpenError)) throw error;
    return { failure: refreshFailure(OPEN_FAILURES[error.reason]) };
  }
}

/** The access token, to be kept only for the validation (`null` if there is none), or why it cannot be sent. */
export function openAccessToken(
  vault: Vault,
  account: Account,
): { accessToken: Secret | null } | { failure: RefreshFailure } {
  const sealed = account.current.accessToken;
  if (sealed === null) return { accessToken: null };
  try {
    const place = grantPlace(account, account.current.generation);
    const accessToken = vault.openToken(sealed, place, 'access_token');
    return isCiphertext(accessToken)
      ? { failure: refreshFailure('ciphertext_not_sent') }
      : { accessToken: new Secret(accessToken) };
  } catch (error) {
    if (!(error instanceof OpenError)) throw error;
    return { failure: refreshFailure(OPEN_FAILURES[error.reason]) };
  }
}

/**
 * Encrypts a received grant for the next generation. Omitted members are carried over: without a new refresh token, the
 * old one stays in use (RFC 6749 §6).
 * @param presented the grant whose refresh token was sent
 */
export function sealReceived(
  vault: Vault,
  account: Account,
  presented: SealedGrant,
  received: ReceivedGrant,
  { attemptId, obtainedAt }: { attemptId: string; obtainedAt: Date },
): SealedGrant {
  const place = grantPlace(account, account.generation + 1);
  const before = vault.resealGrant(presented, place);
  const accessToken = usable(received.accessToken);
  const refreshToken = usable(received.refreshToken);
  const fingerprint = refreshToken === null ? null : vault.fingerprint(refreshToken);
  const isNew = fingerprint !== null && fingerprint !== before.refreshTokenFingerprint;
  const endsAt = before.refreshTokenEndsAt ?? received.refreshTokenEndsAt?.toISOString() ?? null;
  return {
    ...before,
    ...(accessToken === null
      ? {}
      : {
          accessToken: vault.sealToken(accessToken, place, 'access_token'),
          accessTokenFingerprint: vault.fingerprint(accessToken),
          expiresAt: received.expiresAt.toISOString(),
        }),
    ...(refreshToken === null
      ? {}
      : {
          refreshToken: vault.sealToken(refreshToken, place, 'refresh_token'),
          refreshTokenFingerprint: fingerprint,
        }),
    // A new refresh token never inherits the old one's expiry, which could be months too early.
    refreshTokenExpiresAt:
      isNew || received.refreshTokenExpiry.isStated
        ? expiryOf(received, endsAt)
        : (before.refreshTokenExpiresAt ?? endsAt),
    ...(endsAt === null ? {} : { refreshTokenEndsAt: endsAt }),
    scopes: received.scopes ?? before.scopes,
    ...withProviderValues(
      before.providerValues ?? account.current.providerValues,
      received.providerValues,
    ),
    obtainedAt: obtainedAt.toISOString(),
    attemptId,
  };
}

/** A stated expiry takes precedence over the end of the consent. A configured lifetime counts from each refresh. */
function expiryOf(
  { refreshTokenExpiry: { expiresAt, isStated } }: ReceivedGrant,
  endsAt: string | null,
): string | null {
  const expiry = expiresAt?.toISOString() ?? null;
  if (expiry === null || endsAt === null) return expiry ?? endsAt;
  return !isStated && Date.parse(endsAt) < Date.parse(expiry) ? endsAt : expiry;
}

/** Drops a token that is ciphertext: something echoed our own stored value, and it is not a token. */
function usable(token: Secret | null): string | null {
  const text = token?.reveal() ?? null;
  return text !== null && !isCiphertext(text) ? text : null;
}
