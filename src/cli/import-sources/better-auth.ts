/**
 * Better Auth: rows of its table `account`, in camelCase or, with some ORMs, in snake_case. Commas separate scopes.
 * With `account.encryptOAuthTokens` tokens are encrypted: `$ba$<version>$…`, or plain hexadecimal.
 *
 * Sources, read on 2026-11-29: github.com/better-auth/better-auth at 451aa4b (1.7.1):
 * packages/core/src/db/schema/account.ts, packages/better-auth/src/oauth2/utils.ts,
 * packages/better-auth/src/crypto/index.ts.
 */
import type { ExportedEntry, ImportSource } from './exported-entry';
import { anyMoment, entries, entryName, id, member, scopes, text } from './fields';

/** Length of one encrypted byte: a nonce of 24 bytes and a tag of 16. Shorter hexadecimal text is a token. */
const CIPHERTEXT_MIN_CHARACTERS = 2 * (24 + 1 + 16);

export const betterAuth: ImportSource = {
  read: (values) =>
    values.flatMap(({ value }) => entries(value, ['data', 'accounts'])).map(entryOf),
};

function entryOf(row: unknown): ExportedEntry {
  const externalId = id(row, 'accountId', 'account_id');
  const name = entryName('account', externalId);
  const refuse = (refusal: string): ExportedEntry => ({ name, refusal });
  if (externalId === undefined) return refuse('not an account row: it has no accountId');
  const provider = text(row, 'providerId', 'provider_id');
  if (provider === 'credential') return refuse('signs in by password, and has no refresh token');
  const refreshToken = text(row, 'refreshToken', 'refresh_token');
  if (refreshToken === undefined) return refuse('has no refresh token');
  if (isEncrypted(refreshToken))
    return refuse(
      "its tokens are encrypted with Better Auth's secret (encryptOAuthTokens). Decrypt the rows with symmetricDecrypt of better-auth/crypto: docs/migrating.md has the script",
    );
  return {
    name,
    account: {
      provider,
      externalId,
      refreshToken,
      accessToken: text(row, 'accessToken', 'access_token'),
      expiresAt: anyMoment(member(row, 'accessTokenExpiresAt', 'access_token_expires_at')),
      refreshTokenExpiresAt: anyMoment(
        member(row, 'refreshTokenExpiresAt', 'refresh_token_expires_at'),
      ),
      scopes: scopes(member(row, 'scope')),
    },
  };
}

function isEncrypted(token: string): boolean {
  if (token.startsWith('$ba$')) return true;
  return (
    token.length >= CIPHERTEXT_MIN_CHARACTERS && token.length % 2 === 0 && /^[0-9a-f]+$/.test(token)
  );
}
