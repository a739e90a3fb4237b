/**
 * n8n: `n8n export:credentials --all --decrypted`, a list, or one object per file with `--separate`. Without
 * `--decrypted`, `data` is a string encrypted with n8n's key. The provider's response is in `data.oauthTokenData`. Only
 * newer versions store the access token's expiry (`n8n_expires_at`, milliseconds).
 *
 * Sources, read on 2026-11-29: github.com/n8n-io/n8n: packages/cli/src/commands/export/credentials.ts at 0420f47 (its
 * older form at a3939f9), packages/@n8n/db/src/entities/credentials-entity.ts at 0a8486c, and, found by content,
 * n8n-workflow's `shouldRefreshMcpOAuth2Token` and the members `accessToken`, `refreshToken` and `expiry_date`.
 */
import type { ExportedEntry, ImportSource } from './exported-entry';
import {
  entries,
  entryName,
  fields,
  id,
  isFields,
  member,
  millisecondsMoment,
  scopes,
  text,
} from './fields';

const EXPORT = 'n8n export:credentials --all --decrypted --output=credentials.json';

export const n8n: ImportSource = {
  read: (values) => values.flatMap(({ value }) => entries(value, ['credentials'])).map(entryOf),
};

function entryOf(credential: unknown): ExportedEntry {
  const credentialId = id(credential, 'id');
  const type = text(credential, 'type');
  const name = entryName('credential', credentialId);
  const refuse = (refusal: string): ExportedEntry => ({ name, refusal });
  const data = member(credential, 'data');
  if (credentialId === undefined || type === undefined || data === undefined)
    return refuse('not an n8n credential: it needs id, type and data');
  if (typeof data === 'string')
    return refuse(`its data is encrypted with n8n's key. Export again with: ${EXPORT}`);
  const tokens = fields(data, 'oauthTokenData');
  if (!isFields(data) || tokens === undefined)
    return refuse('has no OAuth 2.0 tokens: it was never connected, or has another type');
  const refreshToken = text(tokens, 'refresh_token', 'refreshToken');
  if (refreshToken === undefined) return refuse('has no refresh token');
  return {
    name,
    account: {
      provider: type,
      clientId: text(data, 'clientId'),
      externalId: credentialId,
      label: text(credential, 'name'),
      refreshToken,
      accessToken: text(tokens, 'access_token', 'accessToken'),
      expiresAt: millisecondsMoment(member(tokens, 'n8n_expires_at', 'expiry_date')),
      scopes: scopes(member(tokens, 'scope')),
    },
  };
}
