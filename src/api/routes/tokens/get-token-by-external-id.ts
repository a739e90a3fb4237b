/** `GET /api/tokens/{provider}/{external_id}`: a valid token of the account with this id at its provider. */
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { ApiApp } from '../../../http/env';
import { invalidRequest } from '../../../http/errors';
import { requireStorable } from '../../../http/odd-text';
import { accountIdOf } from '../../../services/tokens/named-account';
import {
  admit,
  answerToken,
  SCOPE,
  type TokenDependencies,
  TokenQuery,
  tokenResponses,
} from './token-response';

const Query = TokenQuery.extend({
  environment: z.string().optional().openapi({
    description: 'If omitted, the default environment of the provider',
    example: 'production',
  }),
  kind: z.string().optional().openapi({
    description: 'The kind of the account. Required if several accounts differ only in their kind.',
    example: 'booking',
  }),
});

const route = createRoute({
  method: 'get',
  path: '/api/tokens/{provider}/{external_id}',
  operationId: 'getTokenByExternalId',
  tags: ['Tokens'],
  summary: 'Get a valid access token by provider and external id',
  description:
    'For callers that know the account only by its id at the provider. If several accounts match, the response is a 409.',
  security: [{ bearer: [SCOPE] }],
  request: {
    params: z.object({
      provider: z.string().openapi({
        param: { name: 'provider', in: 'path' },
        description: 'The id of the provider',
        example: 'ebay',
      }),
      external_id: z.string().openapi({
        param: { name: 'external_id', in: 'path' },
        description: 'The id of the account at its provider',
        example: 'harbour-books',
      }),
    }),
    query: Query,
  },
  responses: tokenResponses,
});

declare const app: ApiApp;
/** The route as the typed client sees it. */
export type GetTokenByExternalIdRoute = ReturnType<typeof app.openapi<typeof route>>;

/** Registered like the route by account id, and answered by the same code once the id is known. */
export function registerGetTokenByExternalId(tokenApp: ApiApp, deps: TokenDependencies): void {
  tokenApp.openAPIRegistry.registerPath(route);
  tokenApp.get('/api/tokens/:provider/:external_id', async (c) => {
    const principal = await admit(c, deps);
    const { provider, external_id: externalId } = c.req.param();
    requireStorable(provider, 'provider');
    requireStorable(externalId, 'external_id');
    const { environment, kind } = queryOf(c);
    const named = { provider, externalId, environment, kind };
    return answerToken(c, deps, principal, await accountIdOf(named, principal, deps));
  });
}

/** @throws {ServiceError} `invalid_request`, also if a parameter is repeated */
function queryOf(c: Context): z.infer<typeof Query> {
  const given = Object.entries(c.req.queries()).map(([name, values]) => [
    name,
    values.length === 1 ? values[0] : values,
  ]);
  const parsed = Query.safeParse(Object.fromEntries(given));
  if (!parsed.success) throw invalidRequest(parsed.error);
  return parsed.data;
}
