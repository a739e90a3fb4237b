import { createRoute } from '@hono/zod-openapi';
import type { ApiApp } from '../app';
import { forScope } from '../authenticate';
import type { ApiDependencies } from '../dependencies';
import { errorResponses } from '../errors';
import { refreshableAccount } from '../refreshable-account';
import { AccountParams, ValidationBody, validationBody } from '../schemas';

const route = createRoute({
  method: 'post',
  path: '/api/admin/accounts/{id}/validate',
  operationId: 'validateAccount',
  tags: ['Refreshing'],
  summary: 'Ask the provider whether the access token works, and wait for the answer (R3.5)',
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
      caller: `key ${principal.keyId}`,
      capture: true,
    });
    return c.json(validationBody(outcome), 200);
  });
}
