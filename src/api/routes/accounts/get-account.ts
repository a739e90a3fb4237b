/** `GET /api/admin/accounts/{id}`: one account, without its tokens. */
import { createRoute } from '@hono/zod-openapi';
import { notFound } from '../../../domain/service-error';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { AccountBody, AccountParams, accountBody } from './account-body';

const route = createRoute({
  method: 'get',
  path: '/api/admin/accounts/{id}',
  operationId: 'getAccount',
  tags: ['Accounts'],
  summary: 'Get an account',
  ...forScope('read'),
  request: { params: AccountParams },
  responses: {
    200: { description: 'The account', content: { 'application/json': { schema: AccountBody } } },
    ...errorResponses,
  },
});

export function registerGetAccount(app: ApiApp, { store, providers, now }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const account = await store.accounts.find(c.get('principal').organisation, id);
    if (account === null) throw notFound(`account ${id}`);
    return c.json(accountBody(account, providers, now()), 200);
  });
}
