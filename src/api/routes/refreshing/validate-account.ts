/** `POST /api/admin/accounts/{id}/validate`: asks the provider whether the account's access token works. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { callerName } from '../../../services/access/authenticator';
import { refreshableAccount } from '../../../services/accounts/refreshable-account';
import { AccountParams } from '../accounts/account-body';
import { ValidationBody, validationBody } from './outcome-body';

const route = createRoute({
  method: 'post',
  path: '/api/admin/accounts/{id}/validate',
  operationId: 'validateAccount',
  tags: ['Refreshing'],
  summary: 'Ask the provider whether the access token works, and wait for the answer',
  description:
    'A token that is refused before its end leads to one refresh, where there is a refresh token; otherwise the account becomes inactive. One that works makes an inactive account active again. A network error, a 5xx and a 429 change nothing.',
  ...forScope('admin'),
  request: { params: AccountParams },
  responses: {
    200: {
      description: 'What the provider says, and what followed',
      content: { 'application/json': { schema: ValidationBody } },
    },
    ...errorResponses,
  },
});

export function registerValidateAccount(app: ApiApp, { store, refreshes }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const principal = c.get('principal');
    const account = await refreshableAccount(store, principal, c.req.valid('param').id);
    const outcome = await refreshes.validate(account, {
      source: 'api',
      caller: callerName(principal.keyId),
      capture: true,
    });
    return c.json(validationBody(outcome), 200);
  });
}
