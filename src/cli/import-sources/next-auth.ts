/**
 * NextAuth.js and Auth.js: rows of the table of accounts, in plaintext, with the names of each adapter
 * (`providerAccountId` or `provider_account_id`; dgraph and version 3 also `refreshToken`, `accessToken`). `expires_at`
 * is in seconds; version 3 has `access_token_expires`, a time.
 *
 * Sources, read on 2026-11-29: github.com/nextauthjs/next-auth at a1a16a5 (next-auth 5.0.0-beta.32, @auth/core 0.41.3):
 * packages/core/src/adapters.ts, packages/core/src/providers/oauth.ts, and the schemas of adapter-pg, adapter-prisma,
 * adapter-supabase and adapter-dgraph; the entity `Account` of version 3's TypeORM adapter, as copied in other
 * repositories.
 */
import type { ExportedEntry, ImportSource } from './exported-entry';
import { entries, entryName, id, member, scopes, secondsMoment, text, timeMoment } from './fields';

export const nextAuth: ImportSource = {
  read: (values) =>
    values.flatMap(({ value }) => entries(value, ['data', 'accounts'])).map(entryOf),
};

function entryOf(row: unknown): ExportedEntry {
  const externalId = id(row, 'providerAccountId', 'provider_account_id');
  const name = entryName('account', externalId);
  const refuse = (refusal: string): ExportedEntry => ({ name, refusal });
  if (externalId === undefined) return refuse('not an account row: it has no providerAccountId');
  const refreshToken = text(row, 'refresh_token', 'refreshToken');
  if (refreshToken === undefined) return refuse('has no refresh token');
  const expiry = member(
    row,
    'expires_at',
    'expiresAt',
    'access_token_expires',
    'accessTokenExpires',
  );
  return {
    name,
    account: {
      provider: text(row, 'provider', 'provider_id', 'providerId'),
      externalId,
      refreshToken,
      accessToken: text(row, 'access_token', 'accessToken'),
      expiresAt: secondsMoment(expiry) ?? timeMoment(expiry),
      refreshTokenExpiresAt: secondsMoment(
        member(row, 'refresh_token_expires_at', 'refreshTokenExpiresAt'),
      ),
      scopes: scopes(member(row, 'scope')),
    },
  };
}
