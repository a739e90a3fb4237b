/** `POST /api/admin/accounts`: connects an account; its tokens are encrypted before they are stored. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses } from '../../../http/errors';
import { connectAccount, NewAccountBody } from '../../../services/accounts/new-account';
import { EnteredAccountBody, enteredAccountBody } from './account-body';

const route = createRoute({
  method: 'post',
  path: '/api/admin/accounts',
  operationId: 'createAccount',
  tags: ['Accounts'],
  summary: 'Connect an account',
  description: 'The tokens are encrypted before they are stored, and are never shown again.',
  ...forScope('admin'),
  request: {
    body: { content: { 'application/json': { schema: NewAccountBody } }, required: true },
  },
  responses: {
    201: {
      description: 'The connected account',
      content: { 'application/json': { schema: EnteredAccountBody } },
    },
    ...bodyErrorResponses,
  },
});

export function registerCreateAccount(app: ApiApp, deps: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { providers, now } = deps;
    const { organisation } = c.get('principal');
    const { account, warnings } = await connectAccount(deps, organisation, c.req.valid('json'));
    return c.json(enteredAccountBody(account, warnings, providers, now()), 201);
  });
}
