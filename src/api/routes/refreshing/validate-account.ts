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
  summary: 'Validate the access token with its provider and wait for the result',
  description:
    'If the provider refuses a token before its expiry, the account is refreshed once. Without a refresh token, the account becomes inactive instead. A token that works makes an inactive account active again. A network error, a 5xx and a 429 change nothing.',
  ...forScope('admin'),
  request: { params: AccountParams },
  responses: {
    200: {
      description: "The provider's verdict, and the refresh that followed",
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
