import { createRoute } from '@hono/zod-openapi';
import type { ApiApp } from '../app';
import { forScope } from '../authenticate';
import type { ApiDependencies } from '../dependencies';
import { errorResponses, notFound } from '../errors';
import { AccountBody, AccountParams, accountBody } from '../schemas';

const route = createRoute({
  method: 'get',
  path: '/api/admin/accounts/{id}',
  operationId: 'getAccount',
  tags: ['Accounts'],
  summary: 'One account',
  ...forScope('read'),
  request: { params: AccountParams },
  responses: {
    200: { description: 'It', content: { 'application/json': { schema: AccountBody } } },
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
