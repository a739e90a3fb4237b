/** `POST /api/admin/accounts/{id}/refresh`: refreshes one account and answers with the outcome. */
import { createRoute, z } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses } from '../../../http/errors';
import { callerName } from '../../../services/access/authenticator';
import { refreshableAccount } from '../../../services/accounts/refreshable-account';
import { AccountParams } from '../accounts/account-body';
import { OutcomeBody, outcomeBody } from './outcome-body';

const Body = z.strictObject({
  force: z
    .boolean()
    .default(false)
    .openapi({ description: 'true: refresh the account even if it is not due', example: true }),
});

const route = createRoute({
  method: 'post',
  path: '/api/admin/accounts/{id}/refresh',
  operationId: 'refreshAccount',
  tags: ['Refreshing'],
  summary: 'Refresh an account now and wait for the outcome',
  ...forScope('admin'),
  request: { params: AccountParams, body: { content: { 'application/json': { schema: Body } } } },
  responses: {
    200: {
      description: 'The outcome, also if the provider refused the refresh',
      content: { 'application/json': { schema: OutcomeBody } },
    },
    ...bodyErrorResponses,
  },
});

export function registerRefreshAccount(app: ApiApp, { store, refreshes }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const requestedAt = c.get('askedAt').toISOString();
    const principal = c.get('principal');
    const account = await refreshableAccount(store, principal, c.req.valid('param').id);
    const { force } = Body.parse(c.req.valid('json') ?? {});
    const outcome = await refreshes.refresh(account, {
      source: 'api',
      caller: callerName(principal.keyId),
      requestedAt,
      force,
      capture: false,
    });
    return c.json(outcomeBody(outcome), 200);
  });
}
