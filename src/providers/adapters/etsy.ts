/**
 * Etsy. A public client: the app's key string goes into the body, and no secret is asked for. Access tokens live an
 * hour, refresh tokens 90 days; each refresh answers with a new pair, and both are stored together (R2.2).
 *
 * What a second presentation of a refresh token does is not documented; users report "refresh_token is revoked" after
 * a 500 of the token endpoint, so nothing is hoped for: it is taken for `never`.
 *
 * `getMe` tells whether an access token works; it needs the scope `shops_r`. Etsy wants the app's shared secret beside
 * its key string in `x-api-key` of its API: set it as `clientSecret`, which is sent nowhere else.
 * @see [getMe](https://developers.etsy.com/documentation/reference#operation/getMe)
 * @see [Requesting a refresh token](https://developers.etsy.com/documentation/essentials/authentication/#requesting-a-refresh-oauth-token)
 * @see [etsy/open-api#353](https://github.com/etsy/open-api/issues/353): each refresh brings a new refresh token
 * @see [etsy/open-api#549](https://github.com/etsy/open-api/issues/549): a 500, then "refresh_token is revoked"
 * @see [etsy/open-api#519](https://github.com/etsy/open-api/issues/519): a changed password revokes all tokens
 * @see [etsy/open-api#561](https://github.com/etsy/open-api/issues/561): "Invalid API key", an app that was switched off
 */
import type { ProviderAdapter } from './provider';

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
    // The app's key can be what is refused; only this error speaks of the token.
    judge: (status, body) =>
      (status === 401 || status === 403) && body?.['error'] !== 'invalid_token'
        ? 'validation_inconclusive'
        : undefined,
  },
};
