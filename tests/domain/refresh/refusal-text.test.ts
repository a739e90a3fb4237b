import * as fc from 'fast-check';
import { readRefusalText } from '../../../src/domain/refresh/refusal-text';
import { cpuTimeMs } from '../../support/cpu-time';

describe('readRefusalText', () => {
  it.each([
    // Atlassian, better-auth, Nanocloud, Supabase
    'unauthorized_client: refresh_token is invalid',
    'Unknown or invalid refresh token.',
    'invalid_request: session not found',
    'Invalid refresh token',
    'Invalid Refresh Token: Already Used',
    // HubSpot, GitHub, Slack, Apigee
    'BAD_REFRESH_TOKEN: missing or invalid refresh token',
    'The refresh token passed is incorrect or expired.',
    'invalid_refresh_token',
    'keymanagement.service.invalid_refresh_token',
    'InvalidRefreshToken',
    'oauth.v2.InvalidRefreshToken',
    // Intuit, Shopify, Etsy, Planning Center, RFC 6749
    'Incorrect or invalid refresh token',
    'This request requires an active refresh_token',
    'refresh_token is revoked',
    'The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client.',
    'The provided authorization grant (e.g., authorization code, resource owner credentials) or refresh token is invalid',
    // Keycloak, HID, Entra, Twitch
    'Session not active',
    "Session doesn't have required client",
    'Offline user session not found',
    'Invalid grant:No such session: ',
    'AADSTS700082: The refresh token has expired due to inactivity.',
    'The refresh token is no longer valid',
    'The refresh token was already used.',
    'The refresh token has expired or been revoked.',
    'The refresh token has not been found',
    'The refresh token could not be found.',
    'The refresh token does not exist',
    'The refresh token you provided is not valid',
    'refresh_token not found',
    'RefreshTokenExpired',
    'REFRESH_TOKEN_REVOKED',
    'Invalid Params: invalid refresh_token',
    'The grant has been revoked',
    'expired refresh token',
  ])('reads a dead grant from "%s"', (text) => {
    expect(readRefusalText(text)).toBe('invalid_grant');
  });

  it.each([
    'missing refresh_token parameter',
    'Missing parameter: refresh_token',
    'refresh_token is required',
    'refresh_token must be a string',
    "The request body must contain the following parameter: 'refresh_token'",
    'Invalid grant_type: refresh_token',
    'unsupported grant type refresh_token',
    'The refresh token grant is disabled for this client',
    'refresh token grant type is invalid',
    'The client is not authorized to use the refresh token grant',
    'refresh_token is not valid for this client',
    'Invalid redirect_uri',
    'invalid_request',
    'invalid_scope: the requested scope is invalid',
    'unauthorized_client',
    'access_denied: The user is not allowed',
    'Invalid token',
    'access token is invalid',
    'Forbidden',
    'Invalid session key',
    'Client not allowed for direct access grants',
    'Client not enabled to retrieve service account',
    'The refresh token belongs to a client whose client_id is unknown here',
    'Unauthorized: We can’t authenticate this request. (BABOON)',
    // The request or the app is at fault, for all accounts.
    'Invalid refresh token request',
    'The refresh token request is malformed',
    'Malformed refresh_token request: missing parameter',
    'Invalid authorization grant type',
    'Unknown authorization grant type',
    'Invalid grant request',
    'grant_type refresh_token is invalid',
    "Grant type 'refresh_token' is unknown",
    'The grant type refresh_token is not valid',
    'Parameter refresh_token is unknown',
    'The client used a refresh token',
    'The scope of the refresh token is invalid',
    'Signature of the refresh token request is invalid',
    'The DPoP proof for the refresh token is invalid',
    'The certificate bound to the refresh token is invalid',
    'Wrong refresh token URL',
    'Unknown refresh token format',
    'Consent grant not found',
    'The application grant is inactive',
    'Your subscription has expired. Refresh tokens are not issued.',
    'The trial is expired; refresh token refused',
    // One of two causes, so the error code decides.
    'Invalid client or refresh token',
    'Refresh token is invalid or client id mismatch',
    '',
  ])('leaves the meaning of "%s" to the error code', (text) => {
    expect(readRefusalText(text)).toBeNull();
  });

  it.each([
    'unauthorized_client: Invalid client or Invalid client credentials',
    'UNKNOWN_CLIENT: Client was not identified by any client authenticator',
    'Invalid client secret',
    'invalid client_id',
    'The client secret provided is incorrect',
    'client authentication failed',
    'Bad client credentials',
  ])('reads wrong credentials from "%s"', (text) => {
    expect(readRefusalText(text)).toBe('invalid_client');
  });

  it.each([
    'access_denied: Rate limit exceeded: access_token not expired',
    'The access token is still valid',
    'the access token has not expired',
    'access token not yet expired',
    'too early to refresh',
  ])('reads too_early from "%s"', (text) => {
    expect(readRefusalText(text)).toBe('too_early');
  });

  it.each([
    'AADSTS50196: The server terminated an operation because it encountered a client request loop.',
    'AADSTS50196: The server terminated an operation because it encountered a loop while processing a request.',
    'AADSTS90055: There are too many incoming requests.',
    'Access Denied: You have made too many requests continuously. Please try again after some time.',
    'rate_limit_exceeded',
    'rateLimitExceeded',
    'userRateLimitExceeded',
    'quotaExceeded',
    'TOO_MANY_REQUESTS',
    'slow_down',
    'ratelimited',
    'RATE_LIMITS',
    'Too many request',
  ])('reads throttling from "%s"', (text) => {
    expect(readRefusalText(text)).toBe('rate_limited');
  });

  it('never throws, and is quick for any text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc
            .array(
              fc.constantFrom(
                'refresh',
                'token',
                'invalid',
                'or',
                'is',
                'been',
                'session',
                'client',
              ),
              { maxLength: 2_000 },
            )
            .map((words) => words.join(' ')),
        ),
        (text) => {
          const from = cpuTimeMs();
          readRefusalText(text);
          expect(cpuTimeMs() - from).toBeLessThan(500);
        },
      ),
    );
  });
});
