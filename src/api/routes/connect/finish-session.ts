/** `POST /api/connect/sessions/{id}/finish`: the application's server accepts the consent that a person gave. */
import { createRoute, z } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses } from '../../../http/errors';
import { finishSession } from '../../../services/connect/finish-session';
import { ConnectSessionBody, connectSessionBody, SessionParams } from './session-body';

const Body = z
  .strictObject({
    code_verifier: z.string().min(43).max(128).openapi({
      description: 'The text whose SHA-256 was the code_challenge of the session',
    }),
  })
  .openapi('FinishConnectSession', {
    example: { code_verifier: 'dBjftJeZ4CVP-mB92K27…wW1gFWFOEjXk-mB92K27uhb' },
  });

const route = createRoute({
  method: 'post',
  path: '/api/connect/sessions/{id}/finish',
  operationId: 'finishConnectSession',
  tags: ['Connect'],
  summary: 'Finish a connect session of mode app',
  description:
    'Keep the code_verifier in the session of your signed-in user, and finish only from there: a consent of another person is then dropped. With another code_verifier, or after ten minutes, the grant is dropped, and revoked if the account is new.',
  ...forScope('connect', 'admin'),
  request: {
    params: SessionParams,
    body: { content: { 'application/json': { schema: Body } }, required: true },
  },
  responses: {
    200: {
      description: 'The session: connected, or refused with its failure',
      content: { 'application/json': { schema: ConnectSessionBody } },
    },
    ...bodyErrorResponses,
  },
});

export function registerFinishConnectSession(app: ApiApp, deps: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { organisation } = c.get('principal');
    const { code_verifier: verifier } = c.req.valid('json');
    const session = await finishSession(deps, organisation, c.req.valid('param').id, verifier);
    return c.json(connectSessionBody(session, deps.now()), 200);
  });
}
