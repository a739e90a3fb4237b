/**
 * The dialect of Etsy: a public client in the body, tokens that begin with the user's number, access tokens that live
 * one hour, and a refresh token that lives 90 days and is rotated with each use. Etsy does not document replays; this
 * sandbox is strict and revokes the family.
 *
 * The error texts are those that users report: etsy/open-api#519 (invalid_grant), etsy/open-api#561 (an unknown key;
 * its status is not confirmed).
 *
 * @see [Etsy: requesting a refresh
 * token](https://developers.etsy.com/documentation/essentials/authentication/#requesting-a-refresh-oauth-token)
 */
import { createHash, randomBytes } from 'node:crypto';
import { bearerToken } from './bearer-token';
import type { Dialect, MintedGrant, RefusalCode, WireAnswer } from './dialect';
import { jsonAnswer } from './json-answer';
import { readBodyTokenRequest } from './token-request';

const DESCRIPTIONS: Record<Exclude<RefusalCode, 'invalid_client'>, string> = {
  invalid_request: 'a required parameter is missing or came twice',
  invalid_grant: 'refresh_token is revoked',
  invalid_scope: 'scope exceeds what was granted',
  unsupported_grant_type: 'grant_type is not supported',
};

/** The user's number is derived from the subject, so that all tokens of a user begin with the same number. */
function mint(secretMarker = '', subject = randomBytes(8).toString('hex')): string {
  const digest = createHash('sha256').update(subject).digest();
  const user = 10_000_000 + (digest.readUInt32BE() % 900_000_000);
  return `${user}.${secretMarker}${randomBytes(64).toString('base64url')}`;
}

function granted(grant: MintedGrant): WireAnswer {
  return jsonAnswer(200, {
    access_token: grant.accessToken,
    token_type: 'Bearer',
    expires_in: grant.expiresInSeconds,
    ...(grant.refreshToken !== undefined && { refresh_token: grant.refreshToken }),
  });
}

function refused(code: RefusalCode): WireAnswer {
  return code === 'invalid_client'
    ? jsonAnswer(401, { error: 'Invalid API key' })
    : jsonAnswer(400, { error: code, error_description: DESCRIPTIONS[code] });
}

export const etsy: Dialect = {
  provider: 'etsy',
  tokenPath: '/v3/public/oauth/token',
  accessTokenLifeSeconds: 3600,
  refreshTokenLifeSeconds: 90 * 24 * 3600,
  defaultScopes: ['listings_r', 'transactions_r'],
  rotation: { mode: 'strict' },
  publicClient: true,
  readTokenRequest: readBodyTokenRequest,
  mintAccessToken: mint,
  mintRefreshToken: mint,
  granted,
  refused,
  throttled: () => jsonAnswer(429, { error: 'Exceeded the limit of requests per second.' }),
  authorization: { path: '/oauth/connect', requiresPkce: true },
  commonHeaders: (requestId) => ({ 'x-etsy-request-uuid': requestId }),
  validation: {
    method: 'GET',
    path: '/v3/application/users/me',
    presented: bearerToken,
    accepted: () => jsonAnswer(200, { user_id: 1, shop_id: 1 }),
    refused: () =>
      jsonAnswer(401, { error: 'invalid_token', error_description: 'access token is expired' }),
  },
};
