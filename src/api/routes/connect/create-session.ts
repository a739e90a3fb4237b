/** `POST /api/admin/connect/sessions`: creates a link with which the owner of an account gives consent once. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses, noConsentFlowResponse } from '../../../http/errors';
import { publicOrigin } from '../../../http/public-origin';
import { createSession, NewSessionBody } from '../../../services/connect/create-session';
import { CreatedSessionBody, createdSessionBody } from './session-body';

const route = createRoute({
  method: 'post',
  path: '/api/admin/connect/sessions',
  operationId: 'createConnectSession',
  tags: ['Connect'],
  summary: 'Create a link to connect or reconnect an account',
  description:
    'The owner of the account opens the link and gives consent at the provider. The link is good for one consent and is never shown again.',
  ...forScope('connect', 'admin'),
  request: {
    body: { content: { 'application/json': { schema: NewSessionBody } }, required: true },
  },
  responses: {
    201: {
      description: 'The session and its link',
      content: { 'application/json': { schema: CreatedSessionBody } },
    },
    ...bodyErrorResponses,
    ...noConsentFlowResponse,
  },
});

export function registerCreateConnectSession(app: ApiApp, deps: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { organisation, keyId } = c.get('principal');
    // Before anything is stored: without a public address there is no link.
    publicOrigin(c, deps.publicUrl);
    const created = await createSession(deps, organisation, keyId, c.req.valid('json'));
    return c.json(createdSessionBody(c, created, deps), 201);
  });
}
