/**
 * Shopify's offline tokens. Every shop has its own token endpoint: an account's external id is its shop,
 * `<shop>.myshopify.com`. Expiring access tokens live one hour, refresh tokens 90 days, and each refresh returns a new
 * pair. The old refresh token works until the new one is used, for at most 30 days after its first use.
 *
 * Shopify also issues non-expiring offline tokens: an access token alone, which works until the app is removed. An app
 * can have shops of both kinds.
 *
 * Shopify refuses a dead refresh token as `invalid_request` with status 401, which by its code would be a fault of the
 * request. Each sweep validates a shop with the smallest query of the GraphQL Admin API: `{ shop { id } }` needs no
 * scope and costs one point. Any 200 means that the token was accepted. REST's `shop.json` has been legacy since
 * October 2024. Shopify answers an unsupported API version with the oldest supported one. 402 (frozen) and 423 (locked)
 * do not depend on the token.
 * A consent takes place on the shop's host. The callback carries `hmac`, an HMAC-SHA256 with the app's secret over the
 * other parameters, sorted and form-encoded, as Shopify's own library computes it. `expiring=1` in the code exchange asks
 * for an expiring token. Shopify does not document PKCE for the Admin API; its parameters are sent nevertheless.
 * @see [Authenticate a standalone
 * app](https://shopify.dev/docs/apps/build/authentication-authorization/authenticate-standalone-apps)
 * @see [Shopify's own
 * library](https://github.com/Shopify/shopify-app-js/blob/main/packages/apps/shopify-api/lib/utils/hmac-validator.ts)
 * @see [GraphQL Admin API](https://shopify.dev/docs/api/admin-graphql)
 * @see [Response codes](https://shopify.dev/docs/api/usage/response-codes)
 * @see [Versioning](https://shopify.dev/docs/api/usage/versioning)
 * @see [Offline access
 * tokens](https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/offline-access-tokens)
 * @see [More resilient
 * refreshes](https://shopify.dev/changelog/more-resilient-refreshes-for-expiring-offline-access-tokens)
 * @see [A report of the
 * refusal](https://community.shopify.dev/t/520-during-refresh-token-rotation-permanently-orphans-the-offline-access-token/35182)
 * @see [Shopify/shopify-app-js#3400](https://github.com/Shopify/shopify-app-js/issues/3400): a response without
 * `expires_in`
 */
import { CALLBACK_CHECKS } from '../catalogue/hooks';
import type { ProviderAdapter } from '../provider';

const MINUTE_MS = 60_000;

/** This host receives refresh tokens and the app's secret, so only one label under Shopify's domain is accepted. */
const SHOP_PATTERN = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.myshopify\.com$/;

/** Accepts a shop's name, its address, and its address in the Shopify admin. */
function shopOf(text: string): string | null {
  const plain = text
    .trim()
    .toLowerCase()
    .replace(/^https?:\/\//, '');
  const name = /^admin\.shopify\.com\/store\/([^/?#]+)/.exec(plain)?.[1] ?? plain;
  const host = name.replace(/[/?#].*$/, '');
  const shop = host.includes('.') ? host : `${host}.myshopify.com`;
  return SHOP_PATTERN.test(shop) ? shop : null;
}

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
      ? 'the token looks like a Shopify access token or app secret, not like a refresh token'
      : null,
  failureCodes: {
    // Shopify's error if the app was deleted or its credentials are wrong.
    application_cannot_be_found: 'invalid_client',
  },
  failureCode: ({ words, texts }) =>
    words.includes('invalid_request') && texts.some((text) => /\brefresh_token\b/.test(text))
      ? 'invalid_grant'
      : undefined,
  validation: {
    endpoints: { production: 'https://{account}/admin/api/2026-10/graphql.json' },
    method: 'POST',
    body: { contentType: 'application/json', text: '{"query":"{ shop { id } }"}' },
    present: (accessToken) => ({ 'x-shopify-access-token': accessToken }),
  },
  consent: {
    authorizationEndpoints: { production: 'https://{account}/admin/oauth/authorize' },
    pkce: 'S256',
    parameters: {},
    exchangeParameters: { expiring: '1' },
    defaultScopes: ['read_products', 'read_orders'],
    inputs: [
      {
        name: 'shop',
        label: 'Shop',
        example: 'acme.myshopify.com',
        normalise: shopOf,
        isExternalId: true,
      },
    ],
    subject: { kind: 'callback', parameter: 'shop' },
    refreshTokenExpected: true,
    verifyCallback: CALLBACK_CHECKS.shopify_hmac,
    revocation: {
      kind: 'not_supported',
      effect:
        'Shopify can only uninstall the whole app from the shop, which Evergrant does not do. The shop removes the app in its settings.',
    },
  },
  refusedState: 'inactive',
};
