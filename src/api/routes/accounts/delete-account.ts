/** `DELETE /api/admin/accounts/{id}`: deletes an account and its tokens. */
import { createRoute } from '@hono/zod-openapi';
import { notFound } from '../../../domain/service-error';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { AccountParams } from './account-body';

const route = createRoute({
  method: 'delete',
  path: '/api/admin/accounts/{id}',
  operationId: 'deleteAccount',
  tags: ['Accounts'],
  summary: 'Delete an account and its tokens for good',
  description:
    'Deletes the account and its encrypted tokens in Evergrant. It revokes nothing at the provider, so the tokens still work there until they expire. To revoke them, disconnect the account first: POST /api/admin/accounts/{id}/disconnect.',
  ...forScope('admin'),
  request: { params: AccountParams },
  responses: { 204: { description: 'Deleted' }, ...errorResponses },
});

export function registerDeleteAccount(app: ApiApp, { store }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    if (!(await store.accounts.delete(c.get('principal').organisation, id)))
      throw notFound(`account ${id}`);
    return c.body(null, 204);
  });
}
