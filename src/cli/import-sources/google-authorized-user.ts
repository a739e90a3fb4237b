/**
 * Google: `Credentials.to_json()` of google-auth (token.json), gcloud's `authorized_user` file, the file of
 * google-oauthlib-tool, the `Credentials` of google-auth-library for Node, and the file of its predecessor
 * oauth2client. Only newer versions name the account (`account`); an ID token also names it. Each file is one entry.
 *
 * Sources, read on 2026-11-29: github.com/googleapis: google-auth-library-python at 2ea24b0 (2.48.0),
 * google/oauth2/credentials.py; google-auth-library-python-oauthlib at 0b876fd, google_auth_oauthlib/tool/__main__.py;
 * google-auth-library-nodejs at a95b827 (10.5.0), src/auth/credentials.ts; oauth2client at 017d051,
 * oauth2client/client.py.
 */
import { basename } from 'node:path';
import type { ExportedEntry, ExportedValue, ImportSource } from './exported-entry';
import {
  entries,
  entryName,
  type Fields,
  fields,
  isFields,
  member,
  millisecondsMoment,
  scopes,
  text,
  timeMoment,
} from './fields';

export const googleAuthorizedUser: ImportSource = {
  read: (values) =>
    values.flatMap(({ file, value }) =>
      entries(value, []).map((one) => entryOf({ file, value: one })),
    ),
};

function entryOf({ file, value }: ExportedValue): ExportedEntry {
  const name = entryName('file', file === '-' ? undefined : basename(file));
  const refuse = (refusal: string): ExportedEntry => ({ name, refusal });
  if (!isFields(value)) return refuse('not a Google credentials file: it is not an object');
  const type = text(value, 'type');
  if (type !== undefined && type !== 'authorized_user')
    return refuse(
      type === 'service_account'
        ? 'a service account key, which has no refresh token'
        : 'its type is not authorized_user',
    );
  if (fields(value, 'installed', 'web') !== undefined)
    return refuse('an OAuth client file, which has no refresh token');
  if (member(value, 'invalid') === true)
    return refuse('marked invalid by oauth2client: its owner must reconnect');
  const refreshToken = text(value, 'refresh_token');
  if (refreshToken === undefined) return refuse('has no refresh token');
  const claims = claimsOf(value);
  return {
    name,
    account: {
      provider: 'google',
      clientId: text(value, 'client_id'),
      externalId: text(value, 'account') ?? text(claims, 'email', 'sub'),
      refreshToken,
      accessToken: text(value, 'token', 'access_token'),
      expiresAt:
        timeMoment(member(value, 'expiry', 'token_expiry'), 'UTC') ??
        millisecondsMoment(member(value, 'expiry_date')),
      scopes: scopes(member(value, 'scopes', 'scope')),
    },
  };
}

/** Reads the claims of an ID token: a JWT, or with oauth2client a decoded object. They are not verified. */
function claimsOf(value: Fields): Fields | undefined {
  const token = member(value, 'id_token');
  if (isFields(token)) return token;
  if (typeof token !== 'string') return undefined;
  const payload = token.split('.')[1];
  if (payload === undefined) return undefined;
  return fields({ payload: Buffer.from(payload, 'base64url').toString() }, 'payload');
}
