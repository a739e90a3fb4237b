/**
 * Microsoft identity platform (Entra ID and personal accounts). Access tokens live 60 to 90 minutes, refresh tokens 90
 * days. Each refresh returns a new refresh token and does not revoke the old one, so a replay is safe. A single-tenant
 * app overrides `tokenEndpoint` with its tenant instead of `common`.
 *
 * Client certificates are not supported: their assertion needs a thumbprint in its header.
 *
 * The authorization endpoint belongs to the tenant of the token endpoint. Only the scope `offline_access` gives a
 * refresh token. The issuer of an ID token names the tenant of the person, also with `common`. Microsoft has no
 * endpoint that revokes one token.
 *
 * The UserInfo endpoint belongs to Microsoft Graph and accepts tokens for Graph with the scope `openid`. For another
 * API, set `validationEndpoint` to one of its calls. Throttled requests are refused as `invalid_grant` with
 * AADSTS50196; the refresh token stays valid.
 * @see [Authorization code flow](https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow)
 * @see [ID token claims](https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference)
 * @see [Throttling](https://learn.microsoft.com/entra/msal/dotnet/advanced/client-and-server-throttling)
 * @see [Error codes](https://learn.microsoft.com/entra/identity-platform/reference-error-codes)
 * @see [UserInfo endpoint](https://learn.microsoft.com/entra/identity-platform/userinfo)
 * @see [Refresh tokens](https://learn.microsoft.com/entra/identity-platform/refresh-tokens)
 * @see [Refresh the access
 * token](https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#refresh-the-access-token)
 * @see [Access token lifetime](https://learn.microsoft.com/entra/identity-platform/access-tokens#token-lifetime)
 */
import type { ProviderAdapter } from '../provider';

const MINUTE_MS = 60_000;

/** LoopDetected and TenantThrottlingError. */
const THROTTLED = ['50196', '90055'];
/** RequestTimeout, RequestBudgetExceededError, MsodsServiceUnavailable, GraphRetryableError, GraphServiceUnreachable */
const TRANSIENT = ['90012', '90024', '90033', '90090', '90091'];

export const microsoft: ProviderAdapter = {
  id: 'microsoft',
  displayName: 'Microsoft',
  defaultPolicy: {
    sweepEveryMs: 5 * MINUTE_MS,
    refreshBeforeMs: 10 * MINUTE_MS,
    refreshAfterAgeMs: null,
    validateEveryMs: null,
  },
  tokenEndpoints: { production: 'https://login.microsoftonline.com/common/oauth2/v2.0/token' },
  defaultEnvironment: 'production',
  defaultAccessTokenLifeSeconds: 3600,
  refreshTokenLifeSeconds: 90 * 24 * 3600,
  replayRule: { kind: 'safe' },
  tokenTypes: [],
  clientAuthenticationMethods: ['client_secret_post', 'none'],
  refreshTokenWarning: () => null,
  failureCodes: {
    // These three require the owner to sign in with a browser.
    interaction_required: 'invalid_grant',
    consent_required: 'invalid_grant',
    login_required: 'invalid_grant',
    invalid_resource: 'invalid_scope',
  },
  failureCode: ({ words, texts }) => {
    const codes = new Set([
      ...words,
      ...texts.flatMap((text) => /\bAADSTS(\d+)/.exec(text)?.[1] ?? []),
    ]);
    if (THROTTLED.some((code) => codes.has(code))) return 'rate_limited';
    return TRANSIENT.some((code) => codes.has(code)) ? 'provider_unavailable' : undefined;
  },
  validation: {
    endpoints: { production: 'https://graph.microsoft.com/oidc/userinfo' },
    method: 'GET',
    // Graph refuses a valid token that is meant for another API.
    judge: (status, body) =>
      status === 403 || (status === 401 && /audience/i.test(JSON.stringify(body)))
        ? 'validation_inconclusive'
        : undefined,
  },
  consent: {
    authorizationEndpoints: {
      production: 'https://login.microsoftonline.com/common/oauth2/v2.0/authorize',
    },
    authorizationEndpointBeside: (tokenEndpoint) =>
      tokenEndpoint.endsWith('/oauth2/v2.0/token')
        ? tokenEndpoint.replace(/token$/, 'authorize')
        : null,
    pkce: 'S256',
    parameters: { prompt: 'select_account' },
    defaultScopes: ['openid', 'profile', 'email', 'offline_access'],
    inputs: [],
    subject: {
      kind: 'id_token',
      label: 'preferred_username',
      issuer: 'https://login.microsoftonline.com/{tid}/v2.0',
    },
    refreshTokenExpected: true,
    revocation: {
      kind: 'not_supported',
      effect:
        'Microsoft cannot revoke one token. The person can remove the app at myapps.microsoft.com, and an administrator can revoke all sessions of the person.',
    },
  },
};
