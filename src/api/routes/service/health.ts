/** `GET /healthz` and `GET /readyz`: whether the process runs, and whether it can serve requests. */
import { createRoute, z } from '@hono/zod-openapi';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { serverResponses } from '../../../http/errors';
import { readiness } from '../../../services/readiness';

const State = z.enum(['ok', 'unreachable']).openapi({ example: 'ok' });
const healthz = createRoute({
  method: 'get',
  path: '/healthz',
  operationId: 'getHealth',
  tags: ['Service'],
  summary: 'Check that the process is running',
  security: [],
  responses: {
    ...serverResponses,
    200: {
      description: 'The process is running',
      content: { 'application/json': { schema: z.object({ status: z.literal('ok') }) } },
    },
  },
});
const Readiness = z.object({
  status: z.enum(['ready', 'not_ready']).openapi({ example: 'ready' }),
  mongodb: State,
  temporal: State,
});
const readyz = createRoute({
  method: 'get',
  path: '/readyz',
  operationId: 'getReadiness',
  tags: ['Service'],
  summary: 'Check that MongoDB and Temporal are reachable',
  security: [],
  responses: {
    ...serverResponses,
    200: {
      description: 'Both are reachable',
      content: { 'application/json': { schema: Readiness } },
    },
    503: {
      description: 'At least one is unreachable',
      content: { 'application/json': { schema: Readiness } },
    },
  },
});

export function registerHealth(app: ApiApp, { store, refreshes }: ApiDependencies) {
  return app
    .openapi(healthz, (c) => c.json({ status: 'ok' as const }, 200))
    .openapi(readyz, async (c) => {
      const found = await readiness(store, () => refreshes.ping());
      return c.json(found, found.status === 'ready' ? 200 : 503);
    });
}
