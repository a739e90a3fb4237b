/** `GET /api/admin/catalogue`: all provider files, with those that are configured first. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { allItems } from '../../../http/paging';
import { listedProviders } from '../../../services/catalogue/catalogue';
import { CatalogueProviderBody, catalogueProviderBody } from './catalogue-body';

const route = createRoute({
  method: 'get',
  path: '/api/admin/catalogue',
  operationId: 'listCatalogue',
  tags: ['Catalogue'],
  summary: 'List the provider files',
  description: 'Files that entries of providers.yaml use come first.',
  ...forScope('read'),
  responses: {
    200: allItems(CatalogueProviderBody, 'All provider files'),
    ...errorResponses,
  },
});

export function registerListCatalogue(app: ApiApp, { providers }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const listed = await listedProviders(providers);
    return c.json({ items: listed.map(catalogueProviderBody), next_cursor: null }, 200);
  });
}
