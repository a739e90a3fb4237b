/** `GET /api/admin/catalogue/{provider}`: the facts of one provider file, with their sources. */
import { createRoute, z } from '@hono/zod-openapi';
import { notFound } from '../../../domain/service-error';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { listedProvider } from '../../../services/catalogue/catalogue';
import { CatalogueDetailsBody, catalogueDetailsBody } from './catalogue-body';

const route = createRoute({
  method: 'get',
  path: '/api/admin/catalogue/{provider}',
  operationId: 'getCatalogueProvider',
  tags: ['Catalogue'],
  summary: 'Get the facts of a provider file',
  ...forScope('read'),
  request: {
    params: z.object({
      provider: z
        .string()
        .max(64)
        .openapi({ description: 'The id of the provider file', example: 'xero' }),
    }),
  },
  responses: {
    200: {
      description: 'The facts with their sources',
      content: { 'application/json': { schema: CatalogueDetailsBody } },
    },
    ...errorResponses,
  },
});

export function registerGetCatalogueProvider(app: ApiApp, { providers }: ApiDependencies) {
  return app.openapi(route, (c) => {
    const { provider } = c.req.valid('param');
    const listed = listedProvider(providers, provider);
    if (listed === null) throw notFound(`provider file ${provider}`);
    return c.json(catalogueDetailsBody(listed), 200);
  });
}
