/** `GET /api/admin/accounts/{id}/disconnect`: what a disconnection does at the provider, and the progress of a running one. */
import { createRoute } from '@hono/zod-openapi';
import { notFound } from '../../../domain/service-error';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { AccountParams } from '../accounts/account-body';
import { DisconnectionBody, disconnectionBody } from './disconnection-body';

const route = createRoute({
  method: 'get',
  path: '/api/admin/accounts/{id}/disconnect',
  operationId: 'getDisconnection',
  tags: ['Connect'],
  summary: 'Get the disconnection of an account, with the result per token',
  description:
    'Also shows, before any disconnection, what a revocation takes along at the account’s provider.',
  ...forScope('read'),
  request: { params: AccountParams },
  responses: {
    200: {
      description: 'The disconnection',
      content: { 'application/json': { schema: DisconnectionBody } },
    },
    ...errorResponses,
  },
});

export function registerGetDisconnection(app: ApiApp, { store, providers }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const account = await store.accounts.find(c.get('principal').organisation, id);
    if (account === null) throw notFound(`account ${id}`);
    return c.json(disconnectionBody(account, providers), 200);
  });
}
