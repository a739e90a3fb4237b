/**
 * The dialect of Google: the client's secret in the body, access tokens that begin with `ya29.` and live one hour, a
 * refresh token that stays, and an ID token if `openid` was granted.
 *
 * @see [Google: refreshing an access token](https://developers.google.com/identity/protocols/oauth2/web-server#offline)
 */
import { randomBytes } from 'node:crypto';
import { bearerToken } from './bearer-token';
import type { Dialect, MintedGrant, RefusalCode, WireAnswer } from './dialect';
import { jsonAnswer } from './json-answer';
import { readBodyTokenRequest } from './token-request';

const DESCRIPTIONS: Record<RefusalCode, string> = {
  invalid_client: 'The OAuth client was not found.',
  invalid_request: 'Missing or repeated parameter.',
  invalid_grant: 'Token has been expired or revoked.',
  invalid_scope: 'Some requested scopes were invalid.',
  unsupported_grant_type: 'Invalid grant_type.',
};

/** Its signature is a placeholder: a client may accept the TLS connection to the token endpoint as proof of origin. */
function idToken({ subject, clientId, issuer, expiresInSeconds }: MintedGrant): string {
  const iat = Math.floor(Date.now() / 1000);
  const email = subject.includes('@') ? subject : `${subject}@sandbox.example`;
  const claims = {
    iss: issuer,
    aud: clientId,
    sub: subject,
    email,
    iat,
    exp: iat + expiresInSeconds,
  };
  return [{ alg: 'RS256', kid: 'sandbox' }, claims, 'none']
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
}

function granted(grant: MintedGrant): WireAnswer {
  return jsonAnswer(200, {
    access_token: grant.accessToken,
    expires_in: grant.expiresInSeconds,
    scope: grant.scopes.join(' '),
    token_type: 'Bearer',
    ...(grant.refreshToken !== undefined && { refresh_token: grant.refreshToken }),
    ...(grant.scopes.includes('openid') && { id_token: idToken(grant) }),
  });
}

function refused(code: RefusalCode): WireAnswer {
  const body = { error: code, error_description: DESCRIPTIONS[code] };
  return jsonAnswer(code === 'invalid_client' ? 401 : 400, body);
}

export const google: Dialect = {
  provider: 'google',
  tokenPath: '/token',
  accessTokenLifeSeconds: 3600,
  /** Six months without use. */
  refreshTokenLifeSeconds: 182 * 24 * 3600,
  defaultScopes: ['openid', 'https://www.googleapis.com/auth/gmail.send'],
  rotation: { mode: 'none' },
  readTokenRequest: readBodyTokenRequest,
  mintAccessToken: (secretMarker = '') =>
    `ya29.a0${secretMarker}${randomBytes(120).toString('base64url')}`,
  mintRefreshToken: (secretMarker = '') =>
    `1//0${secretMarker}${randomBytes(60).toString('base64url')}`,
  granted,
  refused,
  throttled: () =>
    jsonAnswer(429, {
      error: { code: 429, message: 'Quota exceeded', status: 'RESOURCE_EXHAUSTED' },
    }),
  authorization: {
    path: '/o/oauth2/v2/auth',
    sendsIssuer: true,
    givesRefreshToken: (request) => request.get('access_type') === 'offline',
  },
  revocationPath: '/revoke',
  commonHeaders: () => ({ vary: 'Origin' }),
  validation: {
    method: 'POST',
    path: '/tokeninfo',
    presented: bearerToken,
    accepted: (subject) => jsonAnswer(200, { sub: subject, expires_in: '1800' }),
    refused: () => jsonAnswer(400, { error: 'invalid_token', error_description: 'Invalid Value' }),
  },
};
