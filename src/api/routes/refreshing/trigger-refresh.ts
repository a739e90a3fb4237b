/** `POST /api/admin/internal/refresh-tokens`: starts the sweeps at once. */
import { createRoute, z } from '@hono/zod-openapi';
import { ServiceError } from '../../../domain/service-error';
import { providerNotConfigured } from '../../../domain/text/messages';
import { requireScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses } from '../../../http/errors';

const Body = z.strictObject({
  provider: z
    .string()
    .optional()
    .openapi({ description: 'Default: all configured providers', example: 'ebay' }),
});

const route = createRoute({
  method: 'post',
  path: '/api/admin/internal/refresh-tokens',
  operationId: 'triggerRefreshes',
  tags: ['Refreshing'],
  summary: 'Start the sweeps now',
  security: [{ bearer: ['internal'] }, { internal: [] }],
  middleware: requireScope('internal'),
  request: { body: { content: { 'application/json': { schema: Body } } } },
  responses: {
    200: {
      description:
        'The started sweeps. If a triggered sweep of the provider is still running, the response has that run.',
      content: {
        'application/json': {
          schema: z.object({
            started: z.array(
              z.object({
                provider: z.string().openapi({ example: 'ebay' }),
                workflow_id: z.string().openapi({ example: 'sweep/ebay/triggered' }),
                run_id: z.string().openapi({ example: '019aad5e-0a11-7c42-8f3d-6e5d4c3b2a10' }),
              }),
            ),
          }),
        },
      },
    },
    ...bodyErrorResponses,
  },
});

export function registerTriggerRefresh(app: ApiApp, { providers, refreshes }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { provider: name } = Body.parse(c.req.valid('json') ?? {});
    const named = name === undefined ? undefined : providers.find(name);
    if (name !== undefined && named === undefined)
      throw new ServiceError('unknown_provider', providerNotConfigured(name));
    const wanted = named === undefined ? providers.all : [named];
    const started = await Promise.all(
      wanted.map(async (provider) => {
        const { workflowId, runId } = await refreshes.startSweep(provider);
        return { provider: provider.id, workflow_id: workflowId, run_id: runId };
      }),
    );
    return c.json({ started }, 200);
  });
}
