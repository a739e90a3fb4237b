/**
 * The dialect of eBay's identity service: Basic client authentication, tokens that begin with `v^1.1#`, access tokens
 * that live two hours, and a refresh token that is never rotated and may be used any number of times.
 *
 * The error texts are those that users report: hendt/ebay-api#77 and eBay's KB 5218 (invalid_grant),
 * pajaydev/ebay-node-api#81 (invalid_client), eBay/ebay-oauth-python-client#9 (invalid_scope), axios/axios#2258
 * (unsupported_grant_type, also for a body that is not a form).
 *
 * @see [eBay: using a refresh token](https://developer.ebay.com/api-docs/static/oauth-refresh-token-request.html)
 * @see [eBay: why a refresh token is invalidated](https://developer.ebay.com/support/kb-article?KBid=5218)
 */
import { randomBytes } from 'node:crypto';
import { bearerToken } from './bearer-token';
import type { Dialect, MintedGrant, StandardRefusalCode, WireAnswer } from './dialect';
import { jsonAnswer } from './json-answer';
import { readBasicTokenRequest } from './token-request';

const SCOPE = 'https://api.ebay.com/oauth/api_scope';

const DESCRIPTIONS: Record<StandardRefusalCode, string> = {
  invalid_client: 'client authentication failed',
  invalid_request: 'request is missing a required parameter or malformed.',
  invalid_grant:
    'the provided authorization refresh token is invalid or was issued to another client',
  invalid_scope:
    'The requested scope is invalid, unknown, malformed, or exceeds the scope granted to the client',
  unsupported_grant_type: 'grant type in request is not supported by the authorization server',
};

/** `r^0` marks an access token. Its secret part begins like Base64 of gzip data and has about 1.6 kB. */
function mintAccessToken(secretMarker = ''): string {
  const secret = `H4sIAAAAAAAAA${secretMarker}${randomBytes(1200).toString('base64')}`;
  return `v^1.1#i^1#I^3#p^3#r^0#f^0#t^${secret}`;
}

/** `r^1` marks a refresh token. Its secret part is short Base64 that begins with `Ul4` and ends with `EV4xMjg0`. */
function mintRefreshToken(secretMarker = ''): string {
  const id = randomBytes(16).toString('hex').toUpperCase();
  const start = Buffer.from(`R^10_1:${id}`).toString('base64');
  const end = Buffer.from('_1_1#E^1284').toString('base64');
  return `v^1.1#i^1#I^3#p^3#r^1#f^0#t^${start}${secretMarker}${end}`;
}

/** A refresh response contains neither a refresh token nor scopes. The response to a code has a refresh token. */
function granted(grant: MintedGrant): WireAnswer {
  return jsonAnswer(200, {
    access_token: grant.accessToken,
    expires_in: grant.expiresInSeconds,
    token_type: grant.isOfApplication ? 'Application Access Token' : 'User Access Token',
    ...(grant.refreshToken !== undefined && {
      refresh_token: grant.refreshToken,
      refresh_token_expires_in: grant.refreshTokenExpiresInSeconds,
    }),
  });
}

/**
 * @see [RFC 6749 section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2): a 401 must name the expected
 * authentication scheme
 */
function refused(code: StandardRefusalCode): WireAnswer {
  const body = { error: code, error_description: DESCRIPTIONS[code] };
  if (code !== 'invalid_client') return jsonAnswer(400, body);
  return jsonAnswer(401, body, { 'www-authenticate': 'Basic realm="identity"' });
}

/** Error 2001 of eBay's gateway, which all its REST resources share. It is not in OAuth's format. */
function throttled(): WireAnswer {
  return jsonAnswer(429, {
    errors: [
      {
        errorId: 2001,
        domain: 'ACCESS',
        category: 'REQUEST',
        message: 'Too many requests.',
        longMessage: 'The request limit has been reached for the resource.',
      },
    ],
  });
}

export const ebay: Dialect = {
  provider: 'ebay',
  name: 'eBay',
  tokenPath: '/identity/v1/oauth2/token',
  accessTokenLifeSeconds: 7200,
  /** 18 months, as in `refresh_token_expires_in` at consent. */
  refreshTokenLifeSeconds: 47_304_000,
  grantLifeSeconds: 47_304_000,
  defaultScopes: [SCOPE, `${SCOPE}/sell.inventory`, `${SCOPE}/sell.fulfillment`],
  rotation: { mode: 'none' },
  readTokenRequest: readBasicTokenRequest,
  mintAccessToken,
  mintRefreshToken,
  granted,
  refused,
  throttled,
  authorization: { path: '/oauth2/authorize' },
  commonHeaders: (requestId) => ({
    'x-ebay-c-request-id': `ri=${randomBytes(9).toString('base64url')},rci=${requestId}`,
  }),
  validation: {
    method: 'GET',
    path: '/commerce/identity/v1/user/',
    presented: bearerToken,
    accepted: (subject) => jsonAnswer(200, { userId: subject, username: subject }),
    refused: () =>
      jsonAnswer(401, {
        errors: [{ errorId: 1001, domain: 'OAuth', message: 'Invalid access token' }],
      }),
  },
};
