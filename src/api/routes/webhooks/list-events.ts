/** `GET /api/admin/events`: the organisation's events, newest first, also those without a webhook. */
import { createRoute, z } from '@hono/zod-openapi';
import { encodeCursor } from '../../../domain/cursor';
import { EVENT_TYPES } from '../../../domain/events/event';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { pageCursor, pageLimit, pageOf, pageOfItems, placeOf } from '../../../http/paging';
import { anyOf } from '../../openapi/parts';
import { EventBody, eventBody } from './webhook-bodies';

const route = createRoute({
  method: 'get',
  path: '/api/admin/events',
  operationId: 'listEvents',
  tags: ['Webhooks'],
  summary: 'List the events for webhooks, newest first',
  description:
    'The events of your organisation, and of the OAuth apps that all organisations share, also without a webhook. token.refreshed is raised only while a webhook subscribes to it.',
  ...forScope('read'),
  request: {
    query: z.object({
      type: anyOf(z.enum(EVENT_TYPES), { description: 'Only these types' }),
      limit: pageLimit(500, 100),
      before: pageCursor,
    }),
  },
  responses: {
    200: pageOfItems(EventBody),
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
      before: before === undefined ? undefined : placeOf(before),
      limit: limit + 1,
    });
    const page = pageOf(events, limit, eventBody, (last) => encodeCursor(last.at, last.id));
    return c.json(page, 200);
  });
}
