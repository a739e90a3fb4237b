/**
 * eBay. Refresh tokens live about 18 months and are not rotated: a refresh response contains no refresh token, and the
 * old one stays valid.
 *
 * eBay has no call that accepts every token: `getUser` needs the scope `commerce.identity.readonly`. Accounts are
 * therefore validated only on request or if validation is configured.
 * The redirect URI of a consent is the RuName, which eBay assigns to a callback URL: set `redirectUri`. A person who
 * declines is sent to the RuName's declined URL, so that must be the callback URL, too. eBay does not document PKCE; its
 * parameters are sent, and a server must ignore parameters that it does not know. eBay documents no revocation for REST
 * tokens.
 * @see [Consent request](https://developer.ebay.com/api-docs/static/oauth-consent-request.html)
 * @see [Code exchange](https://developer.ebay.com/api-docs/static/oauth-auth-code-grant-request.html)
 * @see [RuName](https://developer.ebay.com/api-docs/static/oauth-redirect-uri.html)
 * @see [getUser](https://developer.ebay.com/api-docs/commerce/identity/resources/user/methods/getUser)
 * @see [Using a refresh token](https://developer.ebay.com/api-docs/static/oauth-refresh-token-request.html)
 * @see [Client credentials](https://developer.ebay.com/api-docs/static/oauth-client-credentials-grant.html)
 * @see [OAuth rate limits](https://developer.ebay.com/api-docs/static/oauth-rate-limits.html): 50,000 refreshes per day
 * and app
 */
import type { ProviderAdapter } from '../provider';

const MINUTE_MS = 60_000;

const SCOPE = 'https://api.ebay.com/oauth/api_scope';
/** `getUser` needs it, and it is the only source of the seller's id. */
const IDENTITY_SCOPE = `${SCOPE}/commerce.identity.readonly`;

const GET_USER = {
  production: 'https://apiz.ebay.com/commerce/identity/v1/user/',
  sandbox: 'https://apiz.sandbox.ebay.com/commerce/identity/v1/user/',
};

export const ebay: ProviderAdapter = {
  id: 'ebay',
  displayName: 'eBay',
  defaultPolicy: {
    sweepEveryMs: 10 * MINUTE_MS,
    refreshBeforeMs: 15 * MINUTE_MS,
    refreshAfterAgeMs: 60 * MINUTE_MS,
    validateEveryMs: null,
  },
  tokenEndpoints: {
    production: 'https://api.ebay.com/identity/v1/oauth2/token',
    sandbox: 'https://api.sandbox.ebay.com/identity/v1/oauth2/token',
  },
  defaultEnvironment: 'production',
  defaultAccessTokenLifeSeconds: 7200,
  refreshTokenLifeSeconds: null,
  replayRule: { kind: 'safe' },
  tokenTypes: ['user access token', 'application access token'],
  clientAuthenticationMethods: ['client_secret_basic'],
  // The application token. eBay requires a scope.
  grants: { client_credentials: { parameters: {}, defaultScopes: [SCOPE] } },
  clientAuthentication: {
    // eBay requires the plain base64 of id:secret. The form encoding of RFC 6749 §2.3.1 turns hyphens in client ids
    // into %2D, which eBay refuses.
    client_secret_basic:
      ({ clientId, clientSecret }) =>
      (_server, _client, _body, headers) => {
        headers.set(
          'authorization',
          `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`,
        );
      },
  },
  tokenProblem(token) {
    if (/^v%5e/i.test(token))
      return 'is URL-encoded: use the decoded token, which starts with "v^"';
    // dotenv treats an unquoted "#" as the start of a comment.
    return token.startsWith('v^') && !token.includes('#')
      ? 'is cut off at "#": put the token in quotes in its source, for example in the .env file'
      : null;
  },
  refreshTokenWarning: (refreshToken) =>
    refreshToken.startsWith('v^')
      ? null
      : 'an eBay refresh token starts with "v^"; this one does not',
  failureCodes: {},
  validation: {
    endpoints: GET_USER,
    method: 'GET',
    // Without the scope, eBay refuses a live token with 403.
    judge: (status) => (status === 403 ? 'validation_inconclusive' : undefined),
  },
  consent: {
    authorizationEndpoints: {
      production: 'https://auth.ebay.com/oauth2/authorize',
      sandbox: 'https://auth.sandbox.ebay.com/oauth2/authorize',
    },
    pkce: 'S256',
    parameters: {},
    defaultScopes: [SCOPE, IDENTITY_SCOPE],
    inputs: [],
    subject: {
      kind: 'request',
      endpoints: GET_USER,
      path: 'userId',
      label: 'username',
      scope: IDENTITY_SCOPE,
    },
    refreshTokenExpected: true,
    revocation: {
      kind: 'not_supported',
      effect:
        'eBay has no revocation for these tokens. The seller can withdraw the access in the eBay account settings.',
    },
  },
};
