import { createRoute, z } from '@hono/zod-openapi';
import { EVENT_TYPES } from '../../domain/event';
import type { ApiApp } from '../app';
import { forScope } from '../authenticate';
import type { ApiDependencies } from '../dependencies';
import { errorResponses } from '../errors';
import { encodeCursor, pageCursor, pageLimit } from '../schemas';
import { EventBody, eventBody, placeOf } from '../webhook-bodies';

const route = createRoute({
  method: 'get',
  path: '/api/admin/events',
  operationId: 'listEvents',
  tags: ['Webhooks'],
  summary: 'What webhooks are told, whether there are any or not; newest first',
  description:
    'Events of your organisation, and of the OAuth apps that all share. token.refreshed is raised only while a webhook asks for it.',
  ...forScope('read'),
  request: {
    query: z.object({
      type: z.enum(EVENT_TYPES).optional().openapi({ description: 'Of this type only' }),
      limit: pageLimit(500, 100),
      before: pageCursor,
    }),
  },
  responses: {
    200: {
      description: 'One page',
      content: {
        'application/json': {
          schema: z.object({ items: z.array(EventBody), next_cursor: z.string().nullable() }),
        },
      },
    },
    ...errorResponses,
  },
});

export function registerListEvents(app: ApiApp, { store }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { organisation } = c.get('principal');
    const { type, limit, before } = c.req.valid('query');
    const events = await store.events.list({
      organisation,
      type,
      before: placeOf(before),
      limit: limit + 1,
    });
    const page = events.slice(0, limit);
    const last = page.at(-1);
    const more = events.length > limit && last !== undefined;
    return c.json(
      { items: page.map(eventBody), next_cursor: more ? encodeCursor(last.at, last.id) : null },
      200,
    );
  });
}
