/** `GET /api/tokens/{account_id}`: a valid token of the account. */
import { createRoute, z } from '@hono/zod-openapi';
import type { ApiApp } from '../../../http/env';
import {
  admit,
  answerToken,
  SCOPE,
  type TokenDependencies,
  TokenQuery,
  tokenResponses,
} from './token-response';

const route = createRoute({
  method: 'get',
  path: '/api/tokens/{account_id}',
  operationId: 'getToken',
  tags: ['Tokens'],
  summary: 'Get a valid access token',
  description:
    'The token comes from memory, from the store, or from one refresh that all concurrent callers share.',
  security: [{ bearer: [SCOPE] }],
  request: {
    params: z.object({
      account_id: z.string().openapi({
        param: { name: 'account_id', in: 'path' },
        description: 'The id of the account',
        example: 'acc_4b6f0c2d9e8a7b6c5d4e3f2a',
      }),
    }),
    query: TokenQuery,
  },
  responses: tokenResponses,
});

declare const app: ApiApp;
/** The route as the typed client sees it. */
export type GetTokenRoute = ReturnType<typeof app.openapi<typeof route>>;

/** Registered without the library's validators and middleware, because they take longer than the response itself. */
export function registerGetToken(tokenApp: ApiApp, deps: TokenDependencies): void {
  tokenApp.openAPIRegistry.registerPath(route);
  tokenApp.get('/api/tokens/:account_id', async (c) => {
    const principal = await admit(c, deps);
    return answerToken(c, deps, principal, c.req.param('account_id'));
  });
}
