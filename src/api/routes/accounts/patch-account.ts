/** `PATCH /api/admin/accounts/{id}`: changes an account; a new grant is tried before it replaces the current one. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses, grantRefusedResponse } from '../../../http/errors';
import { AccountPatchBody, changeAccount } from '../../../services/accounts/change-account';
import { AccountParams, EnteredAccountBody, enteredAccountBody } from './account-body';

const route = createRoute({
  method: 'patch',
  path: '/api/admin/accounts/{id}',
  operationId: 'patchAccount',
  tags: ['Accounts'],
  summary: 'Change an account, or reconnect it with a new grant',
  description:
    'Changes the label, the kind, the owner’s address, the policy or the fallback token, disables or enables the account, puts it in quarantine or releases it, or reconnects it with a new grant. A new grant is first tried with one refresh, while the current grant stays in use. It replaces the current grant only if it works. 200: the new grant works. 202: the result is not known yet, because the provider is unavailable or throttles. The new grant waits as `candidate`, sweeps and refreshes retry it, and `last_reconnect` has the result. 422: the provider refused the new grant, and the account keeps its current grant. The other members of the body take effect in each case. In quarantine, on a disconnected account, and if the new grant is only an access token that does not expire, the new grant replaces the current grant without being tried.',
  ...forScope('admin'),
  request: {
    params: AccountParams,
    body: { content: { 'application/json': { schema: AccountPatchBody } }, required: true },
  },
  responses: {
    200: {
      description: 'The changed account',
      content: { 'application/json': { schema: EnteredAccountBody } },
    },
    202: {
      description:
        'The new grant waits to be tried (see `candidate`). All other changes took effect.',
      content: { 'application/json': { schema: EnteredAccountBody } },
    },
    ...bodyErrorResponses,
    ...grantRefusedResponse,
  },
});

export function registerPatchAccount(app: ApiApp, deps: ApiDependencies) {
  const { providers, now } = deps;
  return app.openapi(route, async (c) => {
    const { organisation, keyId } = c.get('principal');
    const { account, warnings, isWaiting } = await changeAccount(
      deps,
      { organisation, keyId, source: 'api' },
      c.req.valid('param').id,
      c.req.valid('json'),
    );
    const body = enteredAccountBody(account, warnings, providers, now());
    return isWaiting ? c.json(body, 202) : c.json(body, 200);
  });
}
