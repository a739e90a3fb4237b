/**
 * Google. Access tokens live one hour. A refresh usually returns no refresh token: the old one stays valid, and reusing
 * it is normal. A refresh token expires after six months without use, after seven days if the app's consent screen is
 * in testing, after a password change if it covers Gmail, and as the oldest one if an account has too many for one
 * client (the limit is not confirmed: 25, 50 and 100 have been reported).
 *
 * `tokeninfo` needs no scope and answers 400 `invalid_token` for a dead token. The request is the one of Google's own
 * library: a POST with the token in a header, not in the URL.
 * Without `access_type=offline`, Google returns no refresh token, and without `prompt=consent` only at the first
 * consent of a user. A person may grant fewer scopes than requested; the response names the granted ones. Google sends
 * `iss` in the callback, but its metadata do not announce it, so a callback without it is accepted.
 * @see [Web server flow](https://developers.google.com/identity/protocols/oauth2/web-server)
 * @see [Metadata](https://accounts.google.com/.well-known/openid-configuration)
 * @see [getTokenInfo](https://github.com/googleapis/google-auth-library-nodejs/blob/main/src/auth/oauth2client.ts)
 * @see [Refreshing an access token](https://developers.google.com/identity/protocols/oauth2/web-server#offline)
 * @see [Refresh token expiration](https://developers.google.com/identity/protocols/oauth2#expiration)
 * @see [OAuth rate limits](https://support.google.com/cloud/answer/9028764): new grants are limited per app
 */
import type { ProviderAdapter } from '../provider';

const MINUTE_MS = 60_000;

const WEB_SERVER_DOCS = 'https://developers.google.com/identity/protocols/oauth2/web-server';

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
  tokenProblem: (token) =>
    /^1%2f/i.test(token) ? 'is URL-encoded: use the decoded token, which starts with "1//"' : null,
  refreshTokenWarning: (refreshToken) =>
    refreshToken.startsWith('ya29.')
      ? 'the token looks like a Google access token, not like a refresh token'
      : refreshToken.startsWith('4/')
        ? 'the token looks like a Google authorization code, not like a refresh token'
        : null,
  failureCodes: {
    deleted_client: 'invalid_client',
    disabled_client: 'invalid_client',
    // The owner's organisation no longer allows this app.
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
  consent: {
    authorizationEndpoints: { production: 'https://accounts.google.com/o/oauth2/v2/auth' },
    issuers: { production: 'https://accounts.google.com' },
    pkce: 'S256',
    parameters: { access_type: 'offline', prompt: 'consent' },
    defaultScopes: ['openid', 'email'],
    inputs: [],
    subject: { kind: 'id_token', label: 'email' },
    refreshTokenExpected: true,
    revocation: {
      kind: 'rfc7009',
      endpoints: { production: 'https://oauth2.googleapis.com/revoke' },
      effect:
        'Google revokes everything that this person granted to the app’s Google Cloud project, so other accounts of the same person and project lose their access, too.',
      takesAlong: {
        accessTokens: { answer: 'yes', source: `${WEB_SERVER_DOCS}#tokenrevoke` },
        otherGrants: { answer: 'yes', source: `${WEB_SERVER_DOCS}#incrementalAuth` },
        installation: { answer: 'unknown', source: null },
      },
    },
  },
};
