/**
 * One round of a disconnection: sends a revocation for each token that has no result yet. Every result is stored as soon
 * as it is known. Safe to repeat: a provider answers the second revocation of a token like the first.
 */
import {
  type DisconnectedToken,
  REVOKE_FOR_MS,
  revocationPauseMs,
} from '../domain/connect/disconnection';
import { refreshInFlightMs, type StoredToken, storedTokens } from '../domain/connect/stored-tokens';
import { Secret } from '../domain/masking/secret';
import { type Revocation, revokeToken } from '../providers/consent/revocation';
import { accountAddressOf } from '../providers/exchange/token-endpoint';
import type { RefreshDependencies } from '../refresh/dependencies';
import type { Disconnecting } from '../store/accounts/disconnections';
import { OpenError } from '../vault/sealing';
import { grantPlace } from '../vault/vault';

export interface RevokeTokens {
  accountId: string;
  disconnectionId: string;
}

export type RevocationRound =
  /** Each token has its result. */
  | { kind: 'done' }
  /** A refresh is in flight, or the provider gave no usable response: ms until the next round. */
  | { kind: 'wait'; pauseMs: number }
  /** The account was deleted, or another disconnection began. */
  | { kind: 'superseded' };

/** How often, in ms, the account is read while a refresh is in flight. */
const READ_EVERY_MS = 1_000;

export async function revokeTokens(
  deps: RefreshDependencies,
  { accountId, disconnectionId: id }: RevokeTokens,
): Promise<RevocationRound> {
  const { store, now } = deps;
  const account = await store.disconnections.find(accountId, id);
  if (account === null) return { kind: 'superseded' };
  const { disconnection } = account;
  if (disconnection.finishedAt !== null) return { kind: 'done' };
  const inFlightMs = refreshInFlightMs(account, now());
  if (inFlightMs > 0) return { kind: 'wait', pauseMs: Math.min(inFlightMs, READ_EVERY_MS) };

  const endsAt = disconnection.startedAt.getTime() + REVOKE_FOR_MS;
  const isLast = now().getTime() >= endsAt;
  const attempts = disconnection.attempts + 1;
  const known = new Map(disconnection.tokens.map((token) => [token.fingerprint, token]));
  const stored = storedTokens(account);
  const tokens = stored.map(
    ({ grant, token, fingerprint }): DisconnectedToken =>
      known.get(fingerprint) ?? { grant, token, fingerprint, result: null, at: null },
  );
  const record = (nextAttemptAt: Date | null) =>
    store.disconnections.record(accountId, id, { attempts, nextAttemptAt, tokens });
  await record(null);
  let askedMs = 0;
  for (const [index, token] of tokens.entries()) {
    const one = stored[index];
    if (token.result !== null || one === undefined) continue;
    // oxlint-disable-next-line no-await-in-loop -- a revoked refresh token often ends the tokens after it
    const { result, retryAfterMs } = await revoke(deps, account, one);
    askedMs = Math.max(askedMs, retryAfterMs);
    tokens[index] = {
      ...token,
      result: result === 'unknown' && !isLast ? null : result,
      at: now(),
    };
    // oxlint-disable-next-line no-await-in-loop
    await record(null);
  }
  if (tokens.every(({ result }) => result !== null)) return { kind: 'done' };
  const untilEndMs = Math.max(0, endsAt - now().getTime());
  const pauseMs = Math.min(revocationPauseMs(attempts, askedMs), untilEndMs);
  await record(new Date(now().getTime() + pauseMs));
  return { kind: 'wait', pauseMs };
}

/** Never throws for errors of the provider, and not for a token that cannot be decrypted: its key may come back. */
async function revoke(
  { vault, providers, transport, now }: RefreshDependencies,
  account: Disconnecting,
  { grant, token: hint, sealed, generation, providerValues }: StoredToken,
): Promise<Revocation> {
  const environment = providers.find(account.provider)?.environments.get(account.environment);
  if (environment === undefined) return UNKNOWN;
  const field = grant === 'fallback' ? 'fallback_access_token' : hint;
  try {
    const token = new Secret(vault.openToken(sealed, grantPlace(account, generation), field));
    const values = providerValues ?? account.current.providerValues;
    const address = accountAddressOf(
      account,
      values === undefined ? {} : { providerValues: values },
    );
    return await revokeToken({ ...address, environment, token, hint }, { transport, now });
  } catch (error) {
    if (error instanceof OpenError) return UNKNOWN;
    throw error;
  }
}

const UNKNOWN: Revocation = { result: 'unknown', retryAfterMs: 0 };
