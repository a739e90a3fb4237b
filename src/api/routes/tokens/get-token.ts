/** The one route that answers with a token. */
import { createRoute, z } from '@hono/zod-openapi';
import type { ApiApp } from '../app';
import { forScope } from '../authenticate';
import type { ApiDependencies } from '../dependencies';
import { errorResponses } from '../errors';
import type { TokenUse, ValidToken, ValidTokens } from '../valid-tokens';

/** Unless it is asked for otherwise. */
export const MIN_VALID_SECONDS = 60;
export const MIN_VALID_SECONDS_MAX = 24 * 3600;

const Active = z
  .object({
    active: z.literal(true),
    access_token: z.string(),
    token_type: z.literal('Bearer'),
    expires_at: z.iso.datetime().nullable().openapi({
      description: 'null: the token does not end, or is a fallback token whose end nobody knows',
    }),
    scopes: z.array(z.string()),
    fallback: z.boolean().openapi({
      description: 'true: refreshing failed, and this is the token configured for that case',
    }),
    notice: z
      .object({ code: z.string().openapi({ example: 'short_lived' }), message: z.string() })
      .optional()
      .openapi({ description: 'Only where the token ends sooner than was asked: why' }),
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
      description: 'needs_reconnect, inactive, disabled, or the code of the failed refresh',
      example: 'needs_reconnect',
    }),
    message: z.string(),
    retry_after_seconds: z.number().int().nullable().openapi({
      description: 'When asking again may help; null: not before somebody has done something',
    }),
  })
  .openapi('NoValidToken', {
    example: {
      active: false,
      reason: 'needs_reconnect',
      message: 'The provider no longer accepts the refresh token. The owner must connect again.',
      retry_after_seconds: null,
    },
  });

export type TokenAnswer = z.infer<typeof Active> | z.infer<typeof Inactive>;

const route = createRoute({
  method: 'get',
  path: '/api/tokens/{account_id}',
  operationId: 'getToken',
  tags: ['Tokens'],
  summary: 'A token that is valid now: from memory, the store, or a refresh that all callers share',
  ...forScope('tokens'),
  request: {
    params: z.object({
      account_id: z.string().openapi({
        param: { name: 'account_id', in: 'path' },
        description: 'The id of the account',
        example: 'acc_4b6f0c2d9e8a7b6c5d4e3f2a',
      }),
    }),
    query: z.object({
      min_valid_seconds: z.coerce
        .number<number>()
        .int()
        .min(0)
        .max(MIN_VALID_SECONDS_MAX)
        .default(MIN_VALID_SECONDS)
        .openapi({ type: 'integer', description: 'How long the token must still live' }),
    }),
  },
  responses: {
    200: {
      description: 'A token, or why there is none',
      content: { 'application/json': { schema: z.union([Active, Inactive]) } },
    },
    ...errorResponses,
  },
});

export function registerGetToken(
  app: ApiApp,
  { tokens, handouts }: Pick<ApiDependencies, 'handouts'> & { tokens: ValidTokens },
) {
  return app.openapi(route, async (c) => {
    const { organisation, keyId } = c.get('principal');
    const accountId = c.req.valid('param').account_id;
    const minValidSeconds = c.req.valid('query').min_valid_seconds;
    const use = { organisation, keyId, accountId, minValidSeconds };
    const token = await tokens.get(use);
    recordHandout(handouts, use, token, c.get('requestId'));
    return c.json(tokenBody(token), 200);
  });
}

export function recordHandout(
  handouts: ApiDependencies['handouts'],
  { organisation, accountId, keyId }: TokenUse,
  token: ValidToken,
  requestId: string,
): void {
  if (!token.active) return;
  handouts.record(organisation, {
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

export function tokenBody(token: ValidToken): TokenAnswer {
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
    fallback: token.source === 'fallback',
    ...(notice === null ? {} : { notice: { code: notice.code, message: notice.message } }),
  };
}

function remainingSeconds({ expiresAt, at }: ValidToken & { active: true }): number | null {
  return expiresAt === null ? null : Math.floor((Date.parse(expiresAt) - at.getTime()) / 1000);
}
