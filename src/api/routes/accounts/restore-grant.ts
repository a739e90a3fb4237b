/** `POST /api/admin/accounts/{id}/restore-grant`: tries the grant that the last reconnect replaced. */
import { createRoute } from '@hono/zod-openapi';
import { notFound } from '../../../domain/service-error';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses, grantRefusedResponse } from '../../../http/errors';
import { callerName } from '../../../services/access/authenticator';
import { restoreGrant } from '../../../services/accounts/reconnect';
import { AccountBody, AccountParams, accountBody } from './account-body';

const account = { content: { 'application/json': { schema: AccountBody } } };

const route = createRoute({
  method: 'post',
  path: '/api/admin/accounts/{id}/restore-grant',
  operationId: 'restoreGrant',
  tags: ['Accounts'],
  summary: 'Restore the grant that the last reconnect replaced',
  description:
    'The replaced grant (`replaced` of the account) is tried with one refresh, like a new grant with PATCH. If it works, it becomes the current grant, and the grant that was current until then is kept as `replaced`. In quarantine nothing is sent, so the grant is restored without being tried.',
  ...forScope('admin'),
  request: { params: AccountParams },
  responses: {
    200: { description: 'The grant works and is current again', ...account },
    202: { description: 'The grant waits to be tried (see `candidate`)', ...account },
    ...errorResponses,
    ...grantRefusedResponse,
  },
});

export function registerRestoreGrant(app: ApiApp, deps: ApiDependencies) {
  const { store, providers, now } = deps;
  return app.openapi(route, async (c) => {
    const principal = c.get('principal');
    const { id } = c.req.valid('param');
    const before = await store.accounts.find(principal.organisation, id);
    if (before === null) throw notFound(`account ${id}`);
    const restored = await restoreGrant(deps, before, {
      source: 'api',
      caller: callerName(principal.keyId),
    });
    const body = accountBody(restored, providers, now());
    return restored.candidate === null ? c.json(body, 200) : c.json(body, 202);
  });
}
