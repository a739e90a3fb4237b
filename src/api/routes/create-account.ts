import { createRoute } from '@hono/zod-openapi';
import type { ApiApp } from '../app';
import { forScope } from '../authenticate';
import type { ApiDependencies } from '../dependencies';
import { bodyErrorResponses } from '../errors';
import { NewAccountBody, newAccount } from '../new-account';
import { AccountBody, accountBody } from '../schemas';

const route = createRoute({
  method: 'post',
  path: '/api/admin/accounts',
  operationId: 'createAccount',
  tags: ['Accounts'],
  summary: 'Connect an account: its tokens are sealed at once and never shown again',
  ...forScope('admin'),
  request: {
    body: { content: { 'application/json': { schema: NewAccountBody } }, required: true },
  },
  responses: {
    201: { description: 'Connected', content: { 'application/json': { schema: AccountBody } } },
    ...bodyErrorResponses,
  },
});

export function registerCreateAccount(app: ApiApp, deps: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { store, providers, now } = deps;
    const account = await store.accounts.create(
      newAccount(c.req.valid('json'), c.get('principal').organisation, deps),
      now(),
    );
    return c.json(accountBody(account, providers, now()), 201);
  });
}
