/** `POST /api/admin/sessions/end`: ends all sessions of one actor. */
import { createRoute, z } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses } from '../../../http/errors';

const Body = z
  .strictObject({
    actor: z
      .string()
      .min(1)
      .max(600)
      .openapi({ description: 'The id of an API key, jwt:<sub> or oidc:<sub>' }),
  })
  .openapi('SessionsOfActor', { example: { actor: 'oidc:alma' } });

const route = createRoute({
  method: 'post',
  path: '/api/admin/sessions/end',
  operationId: 'endSessions',
  tags: ['Sessions'],
  summary: 'End all sessions of one actor',
  description:
    'A person can sign in again while their key, JWT or account at the OpenID provider is valid.',
  ...forScope('admin'),
  request: { body: { content: { 'application/json': { schema: Body } }, required: true } },
  responses: {
    200: {
      description: 'The number of ended sessions',
      content: {
        'application/json': {
          schema: z.object({ ended: z.number().int().openapi({ example: 2 }) }),
        },
      },
    },
    ...bodyErrorResponses,
  },
});

export function registerEndSessions(app: ApiApp, { store }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { actor } = c.req.valid('json');
    const ended = await store.sessionRecords.endAllOf(c.get('principal').organisation, actor);
    return c.json({ ended }, 200);
  });
}
