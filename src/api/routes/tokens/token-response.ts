/** The response with a token, which the routes that find the account by its id or by its external id share. */
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { demandScope, type Principal } from '../../../domain/access/principal';
import { trustFor } from '../../../http/address';
import { principalOf } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiEnv } from '../../../http/env';
import { errorResponses, invalidRequest } from '../../../http/errors';
import { refuseOddQuery } from '../../../http/odd-text';
import { identify, REQUEST_ID_HEADER } from '../../../http/request-id';
import { tokenAccesses as countedAccesses } from '../../../metrics/metrics';
import type { Authenticator } from '../../../services/access/authenticator';
import type { ServedToken, ValidToken } from '../../../services/tokens/token-answer';
import type { TokenUse, ValidTokens } from '../../../services/tokens/valid-tokens';
import { ProviderValuesBody } from '../../openapi/parts';

export const SCOPE = 'tokens';
/** Minimum remaining lifetime of the token, in seconds, if the caller does not send `min_valid_seconds`. */
const MIN_VALID_SECONDS = 60;
const MIN_VALID_SECONDS_MAX = 24 * 3600;

const Active = z
  .object({
    active: z.literal(true),
    access_token: z.string(),
    token_type: z.literal('Bearer'),
    expires_at: z.iso.datetime().nullable().openapi({
      description: 'null: the token does not expire, or is a fallback token with an unknown expiry',
    }),
    scopes: z.array(z.string()),
    provider_values: ProviderValuesBody.optional(),
    fallback: z.boolean().openapi({
      description: 'true: the refresh failed, and this is the fallback token of the account',
    }),
    notice: z
      .object({ code: z.string().openapi({ example: 'short_lived' }), message: z.string() })
      .optional()
      .openapi({
        description: 'Why the token expires sooner than min_valid_seconds. Absent if it does not.',
      }),
  })
  .openapi('ValidToken', {
    example: {
      active: true,
      access_token: 'v^1.1#…',
      token_type: 'Bearer',
      expires_at: '2026-11-22T20:30:05.112Z',
      scopes: ['https://api.ebay.com/oauth/api_scope/sell.inventory'],
      fallback: false,
    },
  });

const Inactive = z
  .object({
    active: z.literal(false),
    reason: z.string().openapi({
      description:
        'needs_reconnect, inactive, disabled, disconnected, or the code of the failed refresh',
      example: 'needs_reconnect',
    }),
    message: z.string(),
    retry_after_seconds: z.number().int().nullable().openapi({
      description:
        'Seconds after which a retry may succeed. null: a person must fix the reason first.',
    }),
  })
  .openapi('NoValidToken', {
    example: {
      active: false,
      reason: 'needs_reconnect',
      message:
        'The provider no longer accepts the refresh token. Ask the owner to reconnect the account.',
      retry_after_seconds: null,
    },
  });

type TokenAnswer = z.infer<typeof Active> | z.infer<typeof Inactive>;

export const TokenQuery = z.object({
  min_valid_seconds: z.coerce
    .number<number>()
    .int()
    .min(0)
    .max(MIN_VALID_SECONDS_MAX)
    .default(MIN_VALID_SECONDS)
    .openapi({
      type: 'integer',
      description: 'The minimum remaining lifetime of the token, in seconds',
    }),
});

/** The responses of both token routes. */
export const tokenResponses = {
  200: {
    description: 'A token, or the reason why there is none',
    content: { 'application/json': { schema: z.union([Active, Inactive]) } },
  },
  ...errorResponses,
};

export interface TokenDependencies
  extends Pick<
    ApiDependencies,
    'tokenAccesses' | 'logger' | 'trustedProxies' | 'store' | 'providers'
  > {
  authenticator: Authenticator;
  tokens: ValidTokens;
  /** The headers of every API response. */
  headers: Promise<Readonly<Record<string, string>>>;
}

/** The caller of a token route. The token app has no middleware, so each of its handlers begins with this step. */
export async function admit(
  c: Context<ApiEnv>,
  { authenticator, trustedProxies }: TokenDependencies,
): Promise<Principal> {
  identify(c);
  trustFor(c, trustedProxies);
  const principal = await principalOf(c, authenticator);
  refuseOddQuery(c);
  demandScope(principal, SCOPE);
  return principal;
}

/** Gets the token, records the access, and answers. Every response with a token comes from here. */
export async function answerToken(
  c: Context<ApiEnv>,
  { tokens, tokenAccesses, headers }: TokenDependencies,
  { organisation, keyId, bounds }: Principal,
  accountId: string,
): Promise<Response> {
  const requestId = c.get('requestId');
  const use = { organisation, keyId, bounds, accountId, minValidSeconds: minValidSeconds(c) };
  const token = await tokens.get(use);
  await recordTokenAccess(tokenAccesses, use, token, requestId);
  countedAccesses.add({ origin: token.active ? token.source : 'none' });
  const body: TokenAnswer = tokenBody(token);
  // A plain object of headers goes to Node as it is; `c.header` would build a `Headers` that is taken apart again.
  return new Response(JSON.stringify(body), {
    headers: {
      ...(await headers),
      [REQUEST_ID_HEADER]: requestId,
      'content-type': 'application/json',
    },
  });
}

/** @throws {ServiceError} `invalid_request` */
function minValidSeconds(c: Context): number {
  const given = c.req.queries('min_valid_seconds');
  if (given === undefined) return MIN_VALID_SECONDS;
  const parsed = TokenQuery.safeParse({ min_valid_seconds: given.length === 1 ? given[0] : given });
  if (!parsed.success) throw invalidRequest(parsed.error);
  return parsed.data.min_valid_seconds;
}

/**
 * Resolves once the token may be served.
 * @throws {ServiceError} `audit_unavailable`
 */
async function recordTokenAccess(
  tokenAccesses: ApiDependencies['tokenAccesses'],
  { organisation, accountId, keyId }: TokenUse,
  token: ValidToken,
  requestId: string,
): Promise<void> {
  if (!token.active) return;
  await tokenAccesses.record(organisation, {
    at: token.at,
    accountId,
    keyId,
    requestId,
    source: token.source,
    remainingSeconds: remainingSeconds(token),
    generation: token.generation,
    accessTokenFingerprint: token.accessTokenFingerprint,
  });
}

function tokenBody(token: ValidToken): TokenAnswer {
  if (!token.active) {
    const { code, message } = token.reason;
    return { active: false, reason: code, message, retry_after_seconds: token.retryAfterSeconds };
  }
  const { notice } = token;
  return {
    active: true,
    access_token: token.accessToken,
    token_type: 'Bearer',
    expires_at: token.expiresAt,
    scopes: token.scopes,
    ...(token.providerValues === undefined ? {} : { provider_values: token.providerValues }),
    fallback: token.source === 'fallback',
    ...(notice === null ? {} : { notice }),
  };
}

function remainingSeconds({ expiresAt, at }: ServedToken): number | null {
  return expiresAt === null ? null : Math.floor((Date.parse(expiresAt) - at.getTime()) / 1000);
}
