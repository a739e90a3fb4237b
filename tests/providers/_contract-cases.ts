/** The contract cases: each provider's documented request, responses and refusals, one entry per adapter. */
import { Secret } from '../../src/domain/masking/secret';
import type { EnvironmentConfig } from '../../src/providers/config/provider-entry';

const CLIENT_ID = 'client-0a1b2c3d4e5f';
export const CLIENT_SECRET = 'secret-PLANTED-6a7b8c9d0e1f2a3b';
export const ACCESS_TOKEN = 'access-PLANTED-4c5d6e7f8a9b0c1d2e3f4a5b6c7d8e9f';
export const NEW_REFRESH_TOKEN = 'successor-PLANTED-0f1e2d3c4b5a69788796a5b4c3d2e1f0';

export interface ContractCase {
  credentials: Omit<EnvironmentConfig, 'tokenEndpoint'>;
  /** A refresh token in the provider's format, and one in another format. */
  refreshToken: string;
  oddRefreshToken?: string;
  externalId?: string;
  /** The documented host. */
  host: string | null;
  /** The form without grant_type and refresh_token, and the Authorization header. */
  form: Record<string, string>;
  authorization?: string;
  /** The documented responses. `rotated` contains NEW_REFRESH_TOKEN. */
  kept?: Record<string, unknown>;
  rotated?: Record<string, unknown>;
  scopes?: string[];
  refusals: [status: number, body: unknown, failureClass: string, code: string][];
}

const secretInBody = { client_id: CLIENT_ID, client_secret: CLIENT_SECRET };
const withSecret = { clientId: CLIENT_ID, clientSecret: new Secret(CLIENT_SECRET) };
const basic = `Basic ${Buffer.from(`${CLIENT_ID}:${CLIENT_SECRET}`).toString('base64')}`;
const answer = { access_token: ACCESS_TOKEN, token_type: 'Bearer', expires_in: 3600 };
/** Invalid on purpose, so that code which decodes it fails. */
const idToken = 'not.an.id-token';

/** The codes of RFC 6749. Every adapter must handle them, unless its provider is known to use them differently. */
export const COMMON_REFUSALS: ContractCase['refusals'] = [
  [400, { error: 'invalid_grant' }, 'account', 'invalid_grant'],
  [401, { error: 'invalid_client' }, 'app', 'invalid_client'],
  [400, { error: 'unauthorized_client' }, 'app', 'unauthorized_client'],
  [400, { error: 'invalid_scope' }, 'app', 'invalid_scope'],
  [400, { error: 'invalid_request' }, 'app', 'invalid_request'],
  [429, { error: 'slow_down' }, 'rate', 'rate_limited'],
  [500, { error: 'Server Error' }, 'provider', 'provider_unavailable'],
  [503, '<html>Service Unavailable</html>', 'provider', 'provider_unavailable'],
];

export const CASES: Record<string, ContractCase> = {
  ebay: {
    credentials: withSecret,
    refreshToken: 'v^1.1#i^1#PLANTED#r^1#f^0#t^Ul4xMF8xOjQ2RTc4RkI5MDNDRTQxQ0Y5',
    oddRefreshToken: 'AgAAAA**AQAAAA**aAAAAA**PLANTED-a-legacy-token',
    host: 'api.ebay.com',
    form: {},
    authorization: basic,
    kept: { ...answer, token_type: 'User Access Token', expires_in: 7200 },
    refusals: [],
  },
  etsy: {
    credentials: { clientId: CLIENT_ID },
    refreshToken: '12345678.PLANTED_JNGIJtvLmwfDMhlYoOJl8aLR1BWottyHC6yhNcET',
    oddRefreshToken: 'PLANTED-without-a-number-at-its-front',
    host: 'api.etsy.com',
    form: { client_id: CLIENT_ID },
    rotated: { ...answer, refresh_token: NEW_REFRESH_TOKEN },
    refusals: [
      [
        400,
        { error: 'invalid_grant', error_description: 'refresh_token is revoked' },
        'account',
        'invalid_grant',
      ],
      [401, { error: 'Invalid API key' }, 'app', 'invalid_client'],
    ],
  },
  shopify: {
    credentials: withSecret,
    refreshToken: 'shprt_PLANTED_0123456789abcdef0123456789abcdef',
    oddRefreshToken: 'shpat_PLANTED_0123456789abcdef0123456789abcdef',
    externalId: 'Lantern-Lane.myshopify.com',
    host: 'lantern-lane.myshopify.com',
    form: secretInBody,
    rotated: {
      access_token: ACCESS_TOKEN,
      expires_in: 3600,
      refresh_token: NEW_REFRESH_TOKEN,
      refresh_token_expires_in: 7_776_000,
      scope: 'read_orders,write_products',
    },
    scopes: ['read_orders', 'write_products'],
    refusals: [
      [
        401,
        {
          error: 'invalid_request',
          error_description: 'This request requires an active refresh_token',
        },
        'account',
        'invalid_grant',
      ],
      [400, { error: 'application_cannot_be_found' }, 'app', 'invalid_client'],
    ],
  },
  google: {
    credentials: withSecret,
    refreshToken: '1//0PLANTED-gU3kYdGpB8F2aAqWfXl5Zr1hS9cQvEoTmNiKj',
    oddRefreshToken: 'ya29.a0PLANTED-gU3kYdGpB8F2aAqWfXl5Zr1hS9cQvEo',
    host: 'oauth2.googleapis.com',
    form: secretInBody,
    kept: { ...answer, scope: 'openid a', id_token: idToken },
    rotated: { ...answer, refresh_token: NEW_REFRESH_TOKEN, refresh_token_expires_in: 604_799 },
    refusals: [
      [
        400,
        { error: 'invalid_grant', error_description: 'Token has been expired or revoked.' },
        'account',
        'invalid_grant',
      ],
      [400, { error: 'admin_policy_enforced' }, 'account', 'invalid_grant'],
      [401, { error: 'deleted_client' }, 'app', 'invalid_client'],
      [403, { error: 'rate_limit_exceeded' }, 'rate', 'rate_limited'],
      [403, { error: { code: 403, status: 'quotaExceeded' } }, 'rate', 'rate_limited'],
    ],
  },
  microsoft: {
    credentials: withSecret,
    refreshToken: '0.PLANTED-AXoAk1Zbq7vZyUGVl2dJkV6m3QAAAAAAAAAAAAAA',
    host: 'login.microsoftonline.com',
    form: secretInBody,
    rotated: { ...answer, refresh_token: NEW_REFRESH_TOKEN, id_token: idToken, ext_expires_in: 1 },
    refusals: [
      [
        400,
        {
          error: 'invalid_grant',
          error_description:
            'AADSTS700082: The refresh token has expired due to inactivity.\r\nTrace',
          error_codes: [700082],
        },
        'account',
        'invalid_grant',
      ],
      [400, { error: 'interaction_required' }, 'account', 'invalid_grant'],
      [
        400,
        {
          error: 'invalid_grant',
          error_description:
            'AADSTS50196: The server terminated an operation because it encountered a client request loop.',
          error_codes: [50196],
        },
        'rate',
        'rate_limited',
      ],
      [400, { error: 'invalid_grant', error_codes: [90055] }, 'rate', 'rate_limited'],
      [400, { error: 'invalid_grant', error_codes: [90033] }, 'provider', 'provider_unavailable'],
      [400, { error: 'temporarily_unavailable' }, 'provider', 'provider_unavailable'],
    ],
  },
  oauth2: {
    credentials: withSecret,
    refreshToken: 'PLANTED-an-opaque-refresh-token-0123456789',
    host: null,
    form: {},
    authorization: basic,
    kept: answer,
    rotated: { ...answer, refresh_token: NEW_REFRESH_TOKEN },
    refusals: [
      [200, { ok: false, error: 'invalid_refresh_token' }, 'account', 'invalid_grant'],
      [200, { error: 'bad_refresh_token', error_description: 'no' }, 'account', 'invalid_grant'],
      [200, { error: 'invalid_client' }, 'app', 'invalid_client'],
    ],
  },
};
