/**
 * Any RFC 6749 server, by its token endpoint or its issuer. Nothing is known of it but what `providers.yaml` says, so
 * what is not said is taken at its most careful: a refresh token is not presented twice while the access token lives.
 * @see [RFC 7662](https://www.rfc-editor.org/rfc/rfc7662): introspection
 * @see [RFC 6749 §6](https://www.rfc-editor.org/rfc/rfc6749#section-6)
 * @see [RFC 9700 §4.14](https://www.rfc-editor.org/rfc/rfc9700#section-4.14): rotation, and what a replay may cost
 */
import type { ProviderAdapter } from './provider';

const MINUTE_MS = 60_000;

export const oauth2: ProviderAdapter = {
  id: 'oauth2',
  displayName: 'OAuth 2.0',
  defaultPolicy: {
    sweepEveryMs: 5 * MINUTE_MS,
    refreshBeforeMs: 10 * MINUTE_MS,
    refreshAfterAgeMs: null,
    validateEveryMs: null,
  },
  tokenEndpoints: {},
  defaultEnvironment: 'production',
  discovery: true,
  defaultAccessTokenLifeSeconds: 3600,
  refreshTokenLifeSeconds: null,
  replayRule: { kind: 'never' },
  tokenTypes: [],
  clientAuthenticationMethods: [
    'client_secret_basic',
    'client_secret_post',
    'private_key_jwt',
    'none',
  ],
  refreshTokenWarning: () => null,
  failureCodes: {
    // GitHub's and Slack's words for a refresh token that is dead, both with status 200.
    bad_refresh_token: 'invalid_grant',
    invalid_refresh_token: 'invalid_grant',
    incorrect_client_credentials: 'invalid_client',
    bad_client_secret: 'invalid_client',
    invalid_client_id: 'invalid_client',
  },
  refusesWithSuccess: true,
  // Introspection (RFC 7662) is used where it is configured or the issuer offers it; otherwise a call may be configured.
  validation: { endpoints: {}, method: 'GET' },
};
