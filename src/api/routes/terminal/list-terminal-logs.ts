/** `GET /api/admin/terminal-logs`: the log entries of all providers, newest first. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { AnyLogListQuery, LogPageBody, logFilter, logPageBody } from './log-query';

const route = createRoute({
  method: 'get',
  path: '/api/admin/terminal-logs',
  operationId: 'listTerminalLogs',
  tags: ['Terminal'],
  summary: 'List the log entries of all providers, newest first',
  ...forScope('read'),
  request: { query: AnyLogListQuery },
  responses: {
    200: { description: 'One page', content: { 'application/json': { schema: LogPageBody } } },
    ...errorResponses,
  },
});

export function registerListTerminalLogs(app: ApiApp, { store }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { limit, before, ...filters } = c.req.valid('query');
    const filter = logFilter(filters, c.get('principal').organisation);
    return c.json(await logPageBody(store, filter, { before, limit }), 200);
  });
}
