/** Between what is stored and what is sent: opens a refresh token, seals what a provider answered. */

import type { Account } from '../domain/account';
import type { SealedGrant } from '../domain/grant';
import {
  type RefreshFailure,
  type RefreshFailureCode,
  refreshFailure,
} from '../domain/refresh-failure';
import { Secret } from '../domain/secret';
import type { ReceivedGrant } from '../providers/token-exchange';
import { isCiphertext, OpenError, type OpenFailure } from '../vault/sealing';
import type { Vault } from '../vault/vault';

const OPEN_FAILURES: Record<OpenFailure, RefreshFailureCode> = {
  not_sealed: 'row_not_sealed',
  corrupt: 'row_corrupt',
  key_missing: 'key_missing',
  key_mismatch: 'key_mismatch',
};

/** The refresh token, for as long as an exchange takes; or what keeps it from being sent. */
export function openRefreshToken(
  vault: Vault,
  account: Account,
  sealed: string,
): { refreshToken: Secret } | { failure: RefreshFailure } {
  try {
    const refreshToken = vault.openToken(
      sealed,
      { organisation: account.organisation, accountId: account.id },
      'refresh_token',
    );
    if (refreshToken === '') return { failure: refreshFailure('refresh_token_missing') };
    return isCiphertext(refreshToken)
      ? { failure: refreshFailure('ciphertext_not_sent') }
      : { refreshToken: new Secret(refreshToken) };
  } catch (error) {
    if (!(error instanceof OpenError)) throw error;
    return { failure: refreshFailure(OPEN_FAILURES[error.reason]) };
  }
}

/** The access token, for as long as a validation takes: `null` where there is none; or what keeps it from being shown. */
export function openAccessToken(
  vault: Vault,
  account: Account,
): { accessToken: Secret | null } | { failure: RefreshFailure } {
  try {
    const place = { organisation: account.organisation, accountId: account.id };
    const accessToken = vault.openToken(account.current.accessToken, place, 'access_token');
    return isCiphertext(accessToken)
      ? { failure: refreshFailure('ciphertext_not_sent') }
      : { accessToken: accessToken === '' ? null : new Secret(accessToken) };
  } catch (error) {
    if (!(error instanceof OpenError)) throw error;
    return { failure: refreshFailure(OPEN_FAILURES[error.reason]) };
  }
}

/** Seals what came; what did not come is carried over: RFC 6749 §6 has the old refresh token stay then. */
export function sealReceived(
  vault: Vault,
  account: Account,
  received: ReceivedGrant,
  { attemptId, obtainedAt }: { attemptId: string; obtainedAt: Date },
): SealedGrant {
  const place = { organisation: account.organisation, accountId: account.id };
  const { current } = account;
  const accessToken = usable(received.accessToken);
  const refreshToken = usable(received.refreshToken);
  return {
    ...current,
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
          refreshTokenFingerprint: vault.fingerprint(refreshToken),
        }),
    refreshTokenExpiresAt:
      received.refreshTokenExpiresAt?.toISOString() ?? current.refreshTokenExpiresAt,
    scopes: received.scopes ?? current.scopes,
    obtainedAt: obtainedAt.toISOString(),
    attemptId,
  };
}

/**
 * The account with all grants sealed with the key that seals now: it was read a while ago, and what is written of it
 * must not bring a former key back.
 */
export function withSealingKey(vault: Vault, account: Account): Account {
  const place = { organisation: account.organisation, accountId: account.id };
  return {
    ...account,
    current: vault.resealGrant(account.current, place),
    leaves: account.leaves.map((leaf) => vault.resealGrant(leaf, place)),
  };
}

/** A token that is ciphertext was echoed by something; it is nobody's token. */
function usable(token: Secret | null): string | null {
  const text = token?.reveal() ?? null;
  return text !== null && !isCiphertext(text) ? text : null;
}
