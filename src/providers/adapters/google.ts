/**
 * Google. Access tokens live an hour. A refresh usually brings no refresh token: the old one stays (R4.2), and
 * presenting it again is the normal case. It ends after six months without use, after seven days where the app's
 * consent screen is in testing, with a changed password where it covers Gmail, and as the oldest one when an account
 * has too many of one client (how many is not confirmed: 25, 50 and 100 have been reported).
 *
 * `tokeninfo` needs no scope and says 400 `invalid_token` of a dead one. It is asked as Google's own library does: by
 * POST, with the token in a header and not in the address.
 * @see [getTokenInfo](https://github.com/googleapis/google-auth-library-nodejs/blob/main/src/auth/oauth2client.ts)
 * @see [Refreshing an access token](https://developers.google.com/identity/protocols/oauth2/web-server#offline)
 * @see [Refresh token expiration](https://developers.google.com/identity/protocols/oauth2#expiration)
 * @see [OAuth rate limits](https://support.google.com/cloud/answer/9028764): new grants are limited, by app
 */
import type { ProviderAdapter } from './provider';

const MINUTE_MS = 60_000;

export const google: ProviderAdapter = {
  id: 'google',
  displayName: 'Google',
  defaultPolicy: {
    sweepEveryMs: 5 * MINUTE_MS,
    refreshBeforeMs: 10 * MINUTE_MS,
    refreshAfterAgeMs: null,
    validateEveryMs: null,
  },
  tokenEndpoints: { production: 'https://oauth2.googleapis.com/token' },
  defaultEnvironment: 'production',
  defaultAccessTokenLifeSeconds: 3600,
  refreshTokenLifeSeconds: null,
  replayRule: { kind: 'safe' },
  tokenTypes: [],
  clientAuthenticationMethods: ['client_secret_post', 'client_secret_basic'],
  refreshTokenWarning: (refreshToken) =>
    refreshToken.startsWith('ya29.')
      ? 'this looks like a Google access token, not like a refresh token'
      : null,
  failureCodes: {
    deleted_client: 'invalid_client',
    disabled_client: 'invalid_client',
    // The owner's organisation does not let this app in (any more).
    admin_policy_enforced: 'invalid_grant',
    rate_limit_exceeded: 'rate_limited',
  },
  validation: {
    endpoints: { production: 'https://oauth2.googleapis.com/tokeninfo' },
    method: 'POST',
    body: { contentType: 'application/x-www-form-urlencoded', text: '' },
    judge: (status, body) =>
      status === 400 && body?.['error'] === 'invalid_token' ? 'access_token_refused' : undefined,
  },
};
