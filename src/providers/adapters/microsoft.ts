/**
 * Microsoft identity platform (Entra ID and personal accounts). Access tokens live 60 to 90 minutes, refresh tokens
 * 90 days. Each refresh answers with a new refresh token and does not revoke the old one, so presenting it again is
 * safe. An app for one tenant overrides `tokenEndpoint` with the tenant in the place of `common`.
 *
 * Certificates are not offered here: their assertion needs a thumbprint in its header.
 *
 * The UserInfo endpoint is part of Microsoft Graph: it takes tokens for Graph, with the scope `openid`. For another API,
 * set `validationEndpoint` to a call of that one.
 * @see [UserInfo endpoint](https://learn.microsoft.com/entra/identity-platform/userinfo)
 * @see [Refresh tokens](https://learn.microsoft.com/entra/identity-platform/refresh-tokens)
 * @see [Refresh the access token](https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#refresh-the-access-token)
 * @see [Access token lifetime](https://learn.microsoft.com/entra/identity-platform/access-tokens#token-lifetime)
 */
import type { ProviderAdapter } from './provider';

const MINUTE_MS = 60_000;

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
    // All three want the owner in front of a browser.
    interaction_required: 'invalid_grant',
    consent_required: 'invalid_grant',
    login_required: 'invalid_grant',
    invalid_resource: 'invalid_scope',
  },
  validation: {
    endpoints: { production: 'https://graph.microsoft.com/oidc/userinfo' },
    method: 'GET',
    // A token for another API than Graph is no worse for being refused here.
    judge: (status, body) =>
      status === 403 || (status === 401 && /audience/i.test(JSON.stringify(body)))
        ? 'validation_inconclusive'
        : undefined,
  },
};
