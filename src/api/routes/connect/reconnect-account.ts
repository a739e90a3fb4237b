/** `POST /api/admin/accounts/{id}/reconnect`: creates a link with which the owner reconnects one account. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses, noConsentFlowResponse } from '../../../http/errors';
import { publicOrigin } from '../../../http/public-origin';
import {
  createReconnectSession,
  ReconnectSessionBody,
} from '../../../services/connect/create-session';
import { AccountParams } from '../accounts/account-body';
import { CreatedSessionBody, createdSessionBody } from './session-body';

const route = createRoute({
  method: 'post',
  path: '/api/admin/accounts/{id}/reconnect',
  operationId: 'reconnectAccount',
  tags: ['Connect'],
  summary: 'Create a link to reconnect an account',
  description:
    'Like POST /api/admin/connect/sessions with the account’s id. The account keeps its current grant until the new one is stored.',
  ...forScope('connect', 'admin'),
  request: {
    params: AccountParams,
    body: { content: { 'application/json': { schema: ReconnectSessionBody } }, required: true },
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

export function registerReconnectAccount(app: ApiApp, deps: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { organisation, keyId } = c.get('principal');
    publicOrigin(c, deps.publicUrl);
    const created = await createReconnectSession(
      deps,
      { organisation, accountId: c.req.valid('param').id, createdBy: keyId },
      c.req.valid('json'),
    );
    return c.json(createdSessionBody(c, created, deps), 201);
  });
}
