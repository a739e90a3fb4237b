/**
 * Nango: responses of its API to `GET /connections/{id}` and `GET /connections`, and rows of `_nango_connections`. With
 * NANGO_ENCRYPTION_KEY, which its cloud always has, rows contain `{"encrypted_credentials": "…"}`. The API decrypts
 * them, and returns the refresh token only on request.
 *
 * Sources, read on 2026-11-29: github.com/NangoHQ/nango at 2f4c0af (2026-08-21, @nangohq/types 0.71.4):
 * packages/types/lib/connection/db.ts, connection/api/get.ts, auth/api.ts,
 * packages/server/lib/formatters/connection.ts, packages/shared/lib/utils/encryption.manager.ts, docs/spec.yaml.
 */
import type { ExportedEntry, ImportSource } from './exported-entry';
import {
  entries,
  entryName,
  type Fields,
  fields,
  id,
  isMasked,
  member,
  number,
  scopes,
  text,
  timeMoment,
} from './fields';

const OAUTH2 = ['OAUTH2', 'MCP_OAUTH2', 'MCP_OAUTH2_GENERIC'];

export const nango: ImportSource = {
  read: (values) =>
    values
      .flatMap(({ value }) => entries(value, ['connections', 'data', 'connection']))
      .map(entryOf),
};

function entryOf(connection: unknown): ExportedEntry {
  const connectionId = id(connection, 'connection_id', 'connectionId');
  const name = entryName('connection', connectionId);
  const refuse = (refusal: string): ExportedEntry => ({ name, refusal });
  if (connectionId === undefined) return refuse('not a Nango connection: it has no connection_id');
  if (member(connection, 'deleted') === true || member(connection, 'deleted_at') !== undefined)
    return refuse('deleted in Nango');
  const integration = text(connection, 'provider_config_key', 'providerConfigKey');
  const answer = exportCommand(connectionId, integration);
  const found = fields(connection, 'credentials');
  if (found === undefined || Object.keys(found).length === 0)
    return refuse(`has no credentials. Export it with: ${answer}`);
  if (member(found, 'encrypted_credentials') !== undefined)
    return refuse(`its credentials are encrypted with Nango's key. Export it with: ${answer}`);
  // For a GitHub app and similar types, the user's OAuth 2.0 tokens are one level deeper.
  const type = text(found, 'type');
  const credentials = type === 'CUSTOM' ? fields(found, 'user') : found;
  if (credentials === undefined || (type !== undefined && ![...OAUTH2, 'CUSTOM'].includes(type)))
    return refuse(`has no OAuth 2.0 refresh token: its credentials are ${type ?? 'unknown'}`);
  const refreshToken = text(credentials, 'refresh_token', 'refreshToken');
  if (refreshToken === undefined)
    return refuse(`has no refresh token. Nango returns refresh tokens only on request: ${answer}`);
  if (isMasked(refreshToken))
    return refuse(`its refresh token is redacted. Export it with: ${answer}`);
  const raw = fields(credentials, 'raw');
  const endUser = fields(connection, 'end_user', 'endUser');
  const expiresAt = timeMoment(member(credentials, 'expires_at', 'expiresAt'));
  return {
    name,
    account: {
      provider: integration ?? text(connection, 'provider'),
      clientId: text(fields(credentials, 'config_override'), 'client_id'),
      externalId: connectionId,
      label: text(endUser, 'display_name', 'displayName', 'email'),
      refreshToken,
      accessToken: text(credentials, 'access_token', 'accessToken'),
      expiresAt,
      refreshTokenExpiresAt: refreshTokenEnd(raw, refreshToken, expiresAt),
      scopes: scopes(member(raw, 'scope')),
    },
  };
}

/** Nango stores the provider's last response. If it has this refresh token, its lifetime starts at the same time. */
function refreshTokenEnd(
  raw: Fields | undefined,
  refreshToken: string,
  expiresAt: Date | undefined,
): Date | undefined {
  const life = number(member(raw, 'expires_in'));
  const refreshLife = number(member(raw, 'refresh_token_expires_in', 'refresh_expires_in'));
  if (life === undefined || refreshLife === undefined || refreshLife <= 0) return undefined;
  if (expiresAt === undefined || text(raw, 'refresh_token') !== refreshToken) return undefined;
  const end = new Date(expiresAt.getTime() + (refreshLife - life) * 1000);
  return Number.isNaN(end.getTime()) ? undefined : end;
}

function exportCommand(connectionId: string, integration: string | undefined): string {
  const idText = encodeURIComponent(connectionId);
  const key = integration === undefined ? '<integration id>' : encodeURIComponent(integration);
  return `curl -H "Authorization: Bearer $NANGO_SECRET_KEY" "https://api.nango.dev/connections/${idText}?provider_config_key=${key}&refresh_token=true"`;
}
