/**
 * Shopify's offline tokens. Every shop has a token endpoint of its own: an account's external id is its
 * shop, `<shop>.myshopify.com`. Expiring access tokens live an hour, refresh tokens 90 days; each refresh answers with a new
 * pair. The old refresh token works until the new one is used, for at most 30 days after its first use.
 *
 * Beside them there are non-expiring offline tokens: an access token alone, which works until the app is removed. Shops
 * of both kinds stand side by side.
 *
 * A dead refresh token is refused as `invalid_request` with status 401; by the code alone it would look like our slip.
 * A shop is validated in every sweep (R2.3) by the smallest query of the GraphQL Admin API: `{ shop { id } }` needs no
 * scope and costs a point, and whatever a 200 says, the token was accepted. REST's `shop.json` is legacy since October
 * 2024. A version that is no longer supported is answered as the oldest one that is. 402 (frozen) and 423 (locked) say
 * nothing of the token.
 * @see [GraphQL Admin API](https://shopify.dev/docs/api/admin-graphql)
 * @see [Response codes](https://shopify.dev/docs/api/usage/response-codes)
 * @see [Versioning](https://shopify.dev/docs/api/usage/versioning)
 * @see [Offline access tokens](https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/offline-access-tokens)
 * @see [More resilient refreshes](https://shopify.dev/changelog/more-resilient-refreshes-for-expiring-offline-access-tokens)
 * @see [A report of the refusal](https://community.shopify.dev/t/520-during-refresh-token-rotation-permanently-orphans-the-offline-access-token/35182)
 * @see [Shopify/shopify-app-js#3400](https://github.com/Shopify/shopify-app-js/issues/3400): an answer without `expires_in`
 */
import type { ProviderAdapter } from './provider';

const MINUTE_MS = 60_000;

/** A refresh token and the app's secret go to this host: nothing but one label under Shopify's domain will do. */
const SHOP_PATTERN = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.myshopify\.com$/;

export const shopify: ProviderAdapter = {
  id: 'shopify',
  displayName: 'Shopify',
  defaultPolicy: {
    sweepEveryMs: 3 * MINUTE_MS,
    refreshBeforeMs: 10 * MINUTE_MS,
    refreshAfterAgeMs: null,
    validateEveryMs: 0,
  },
  tokenEndpoints: { production: 'https://{account}/admin/oauth/access_token' },
  defaultEnvironment: 'production',
  accountHost(externalId) {
    const shop = externalId.toLowerCase();
    return SHOP_PATTERN.test(shop) ? shop : null;
  },
  nonExpiringTokens: true,
  defaultAccessTokenLifeSeconds: 3600,
  refreshTokenLifeSeconds: 90 * 24 * 3600,
  replayRule: { kind: 'until_successor_used' },
  tokenTypes: [],
  omitsTokenType: true,
  scopeSeparator: ',',
  clientAuthenticationMethods: ['client_secret_post'],
  refreshTokenWarning: (refreshToken) =>
    /^shp(at|ca|ua|ss)_/.test(refreshToken)
      ? 'this looks like a Shopify access token or app secret, not like a refresh token'
      : null,
  failureCodes: {
    // The app is gone or its credentials are wrong, as Shopify words it.
    application_cannot_be_found: 'invalid_client',
  },
  failureCode: ({ error, description }) =>
    error === 'invalid_request' && /\brefresh_token\b/.test(description ?? '')
      ? 'invalid_grant'
      : undefined,
  validation: {
    endpoints: { production: 'https://{account}/admin/api/2026-10/graphql.json' },
    method: 'POST',
    body: { contentType: 'application/json', text: '{"query":"{ shop { id } }"}' },
    present: (accessToken) => ({ 'x-shopify-access-token': accessToken }),
  },
  refusedState: 'inactive',
};
