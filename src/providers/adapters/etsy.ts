/**
 * Etsy. A public client: the request body contains the app's key string, and no secret is needed. Access tokens live
 * one hour, refresh tokens 90 days. Each refresh returns a new pair, and both tokens are stored together.
 *
 * Etsy does not document the reuse of a refresh token. Users report "refresh_token is revoked" after a 500 of the token
 * endpoint, so the replay rule is `never`.
 *
 * `getMe` validates an access token; it needs the scope `shops_r`. Etsy's API requires the app's shared secret next to
 * its key string in `x-api-key`. Set it as `clientSecret`; no other request contains it.
 * Etsy requires PKCE. Each access token begins with the user's number, which identifies the person who consented. Etsy
 * documents no revocation.
 * @see [Requesting an OAuth
 * token](https://developers.etsy.com/documentation/essentials/authentication/#requesting-an-oauth-token)
 * @see [getMe](https://developers.etsy.com/documentation/reference#operation/getMe)
 * @see [Requesting a refresh
 * token](https://developers.etsy.com/documentation/essentials/authentication/#requesting-a-refresh-oauth-token)
 * @see [etsy/open-api#353](https://github.com/etsy/open-api/issues/353): each refresh returns a new refresh token
 * @see [etsy/open-api#549](https://github.com/etsy/open-api/issues/549): a 500, then "refresh_token is revoked"
 * @see [etsy/open-api#519](https://github.com/etsy/open-api/issues/519): a password change revokes all tokens
 * @see [etsy/open-api#561](https://github.com/etsy/open-api/issues/561): "Invalid API key" for a disabled app
 */
import type { ProviderAdapter } from '../provider';

const MINUTE_MS = 60_000;

export const etsy: ProviderAdapter = {
  id: 'etsy',
  displayName: 'Etsy',
  defaultPolicy: {
    sweepEveryMs: 3 * MINUTE_MS,
    refreshBeforeMs: 10 * MINUTE_MS,
    refreshAfterAgeMs: null,
    validateEveryMs: null,
  },
  tokenEndpoints: { production: 'https://api.etsy.com/v3/public/oauth/token' },
  defaultEnvironment: 'production',
  defaultAccessTokenLifeSeconds: 3600,
  refreshTokenLifeSeconds: 90 * 24 * 3600,
  replayRule: { kind: 'never' },
  tokenTypes: [],
  clientAuthenticationMethods: ['none'],
  refreshTokenWarning: (refreshToken) =>
    /^\d+\./.test(refreshToken)
      ? null
      : 'an Etsy refresh token starts with the user’s number and a dot; this one does not',
  failureCodes: { 'Invalid API key': 'invalid_client' },
  validation: {
    endpoints: { production: 'https://api.etsy.com/v3/application/users/me' },
    method: 'GET',
    present: (accessToken, { clientId, clientSecret }) => ({
      authorization: `Bearer ${accessToken}`,
      'x-api-key': clientSecret === '' ? clientId : `${clientId}:${clientSecret}`,
    }),
    // Etsy may refuse the app's key instead. Only `invalid_token` refers to the token.
    judge: (status, body) =>
      (status === 401 || status === 403) && body?.['error'] !== 'invalid_token'
        ? 'validation_inconclusive'
        : undefined,
  },
  consent: {
    authorizationEndpoints: { production: 'https://www.etsy.com/oauth/connect' },
    pkce: 'S256',
    parameters: {},
    defaultScopes: ['shops_r', 'listings_r', 'transactions_r'],
    inputs: [],
    subject: {
      kind: 'access_token',
      subjectOf: (accessToken) => /^(\d+)\./.exec(accessToken)?.[1] ?? null,
    },
    refreshTokenExpected: true,
    revocation: {
      kind: 'not_supported',
      effect:
        'Etsy has no revocation. The seller can remove the app in the Etsy account settings, which ends its tokens.',
    },
  },
};
