/**
 * Any RFC 6749 server, configured by its token endpoint or its issuer. `providers.yaml` is the only source of facts
 * about it, so the defaults are the safest ones: no replay of a refresh token while the access token lives.
 * @see [RFC 7662](https://www.rfc-editor.org/rfc/rfc7662): introspection
 * @see [RFC 6749 §6](https://www.rfc-editor.org/rfc/rfc6749#section-6)
 * @see [RFC 9700 §4.14](https://www.rfc-editor.org/rfc/rfc9700#section-4.14): rotation, and the consequences of a
 * replay
 * @see [RFC 9207](https://www.rfc-editor.org/rfc/rfc9207): `iss` in the callback
 * @see [RFC 9126](https://www.rfc-editor.org/rfc/rfc9126): pushed authorization requests
 * @see [RFC 6749 §4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4): client credentials
 * @see [RFC 7523](https://www.rfc-editor.org/rfc/rfc7523): assertions as grants
 * @see [RFC 7009](https://www.rfc-editor.org/rfc/rfc7009): revocation
 */
import { ASSERTION_LIFE_MAX_SECONDS } from '../exchange/credentials-rules';
import type { ProviderAdapter } from '../provider';

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
  grants: {
    client_credentials: { parameters: {}, defaultScopes: [] },
    jwt_bearer: {
      parameters: {},
      defaultScopes: [],
      scopes: 'parameter',
      lifeSeconds: ASSERTION_LIFE_MAX_SECONDS,
      subject: 'issuer',
      client: 'optional',
    },
  },
  failureCodes: {
    // Codes of GitHub and Slack for a dead refresh token, both sent with status 200.
    bad_refresh_token: 'invalid_grant',
    invalid_refresh_token: 'invalid_grant',
    incorrect_client_credentials: 'invalid_client',
    bad_client_secret: 'invalid_client',
    invalid_client_id: 'invalid_client',
  },
  refusesWithSuccess: true,
  // Introspection (RFC 7662) is used if it is configured or the issuer offers it. Otherwise a call can be configured.
  validation: { endpoints: {}, method: 'GET' },
  consent: {
    authorizationEndpoints: {},
    pkce: 'S256',
    parameters: {},
    defaultScopes: [],
    inputs: [],
    subject: { kind: 'id_token' },
    refreshTokenExpected: true,
    revocation: {
      kind: 'rfc7009',
      endpoints: {},
      effect:
        'A revoked refresh token ends its grant. Whether access tokens and other grants of the same person end with it depends on the server.',
      takesAlong: {
        accessTokens: {
          answer: 'unknown',
          source: 'https://www.rfc-editor.org/rfc/rfc7009#section-2.1',
        },
        otherGrants: { answer: 'unknown', source: null },
        installation: { answer: 'unknown', source: null },
      },
    },
  },
};
