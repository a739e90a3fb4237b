/** `GET /api/admin/{provider}/tokens/terminal-logs`: the log entries of one provider, newest first. */
import { createRoute, z } from '@hono/zod-openapi';
import { ServiceError } from '../../../domain/service-error';
import { providerNotConfigured } from '../../../domain/text/messages';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { LogListQuery, LogPageBody, logFilter, logPageBody } from './log-query';

const route = createRoute({
  method: 'get',
  path: '/api/admin/{provider}/tokens/terminal-logs',
  operationId: 'listProviderTerminalLogs',
  tags: ['Terminal'],
  summary: 'List the log entries of a provider, newest first',
  ...forScope('read'),
  request: {
    params: z.object({
      provider: z.string().openapi({
        param: { name: 'provider', in: 'path' },
        description: 'The name of the provider in providers.yaml',
        example: 'ebay',
      }),
    }),
    query: LogListQuery,
  },
  responses: {
    200: {
      description: 'One page',
      content: {
        'application/json': {
          schema: LogPageBody,
        },
      },
    },
    ...errorResponses,
  },
});

export function registerTerminalLogs(app: ApiApp, { store, providers }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { provider } = c.req.valid('param');
    const { limit, before, ...filters } = c.req.valid('query');
    if (providers.find(provider) === undefined)
      throw new ServiceError('unknown_provider', providerNotConfigured(provider));
    const filter = { ...logFilter(filters, c.get('principal').organisation), provider };
    return c.json(await logPageBody(store, filter, { before, limit }), 200);
  });
}
