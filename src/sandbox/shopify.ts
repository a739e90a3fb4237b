/**
 * The dialect of Shopify's expiring offline tokens: the client's secret in the body, access tokens that live one hour,
 * and a refresh token that lives 90 days and is rotated. The old one works until its successor is used, for at most 30
 * days. Responses have no `token_type`, and commas separate scopes. All shops share this host.
 *
 * A dead refresh token is refused as `invalid_request` with 401, as a user reports. The response to a wrong client is
 * not confirmed.
 *
 * @see [Shopify: offline access
 * tokens](https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/offline-access-tokens)
 * @see [Shopify: more resilient
 * refreshes](https://shopify.dev/changelog/more-resilient-refreshes-for-expiring-offline-access-tokens)
 * @see [A report of the
 * refusal](https://community.shopify.dev/t/520-during-refresh-token-rotation-permanently-orphans-the-offline-access-token/35182)
 */
import { createHmac, randomBytes } from 'node:crypto';
import type { Dialect, MintedGrant, StandardRefusalCode, WireAnswer } from './dialect';
import { jsonAnswer } from './json-answer';
import { readBodyTokenRequest } from './token-request';

const REFUSALS: Record<StandardRefusalCode, [status: number, error: string, description: string]> =
  {
    invalid_client: [401, 'invalid_client', 'The client credentials are not valid'],
    invalid_request: [400, 'invalid_request', 'A parameter is missing or malformed'],
    invalid_grant: [401, 'invalid_request', 'This request requires an active refresh_token'],
    invalid_scope: [400, 'invalid_scope', 'The scope exceeds what was granted'],
    unsupported_grant_type: [400, 'unsupported_grant_type', 'The grant type is not supported'],
  };

const token =
  (prefix: string) =>
  (secretMarker = '') =>
    `${prefix}_${secretMarker}${randomBytes(16).toString('hex')}`;

function granted(grant: MintedGrant): WireAnswer {
  return jsonAnswer(200, {
    access_token: grant.accessToken,
    expires_in: grant.expiresInSeconds,
    ...(grant.refreshToken !== undefined && {
      refresh_token: grant.refreshToken,
      refresh_token_expires_in: grant.refreshTokenExpiresInSeconds,
    }),
    scope: grant.scopes.join(','),
  });
}

function refused(code: StandardRefusalCode): WireAnswer {
  const [status, error, description] = REFUSALS[code];
  return jsonAnswer(status, { error, error_description: description });
}

export function signedByShopify(
  parameters: Readonly<Record<string, string>>,
  shop: string,
  clientSecret: string,
): Record<string, string> {
  const signed = {
    ...parameters,
    shop,
    host: Buffer.from(`${shop}/admin`).toString('base64url'),
    timestamp: String(Math.floor(Date.now() / 1000)),
  };
  const sorted = Object.entries(signed).toSorted(([a], [b]) => a.localeCompare(b));
  const text = new URLSearchParams(sorted).toString();
  return { ...signed, hmac: createHmac('sha256', clientSecret).update(text).digest('hex') };
}

export const shopify: Dialect = {
  provider: 'shopify',
  name: 'Shopify',
  tokenPath: '/admin/oauth/access_token',
  accessTokenLifeSeconds: 3600,
  refreshTokenLifeSeconds: 90 * 24 * 3600,
  defaultScopes: ['read_products', 'read_orders'],
  rotation: { mode: 'until_successor_used', seconds: 30 * 24 * 3600 },
  readTokenRequest: readBodyTokenRequest,
  mintAccessToken: token('shpat'),
  mintRefreshToken: token('shprt'),
  granted,
  refused,
  throttled: () => jsonAnswer(429, { errors: 'Exceeded the limit of calls per second.' }),
  authorization: {
    path: '/admin/oauth/authorize',
    // A shop consents on its own host, which the sandbox gets as a parameter.
    search: '?shop={account}',
    callback: signedByShopify,
  },
  commonHeaders: (requestId) => ({ 'x-request-id': requestId }),
  validation: {
    method: 'POST',
    path: '/admin/api/2026-10/graphql.json',
    presented: (headers) => headers['x-shopify-access-token']?.toString(),
    accepted: () => jsonAnswer(200, { data: { shop: { id: 'gid://shopify/Shop/1' } } }),
    refused: () =>
      jsonAnswer(401, {
        errors: '[API] Invalid API key or access token (unrecognized login or wrong password)',
      }),
  },
};
