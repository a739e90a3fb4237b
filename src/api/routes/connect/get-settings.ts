/** `GET /api/admin/connect/settings`: the connect settings that apply to the organisation. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { ConnectSettingsBody, connectSettingsBody } from './settings-body';

const route = createRoute({
  method: 'get',
  path: '/api/admin/connect/settings',
  operationId: 'getConnectSettings',
  tags: ['Connect'],
  summary: 'Show the connect settings of your organisation',
  description:
    'The return addresses of connect sessions, and the name, the logo and the language that owners see.',
  ...forScope('connect', 'admin'),
  responses: {
    200: {
      description: 'The settings that apply, with the source of each value',
      content: { 'application/json': { schema: ConnectSettingsBody } },
    },
    ...errorResponses,
  },
});

export function registerGetConnectSettings(app: ApiApp, { connectSettings }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { organisation } = c.get('principal');
    return c.json(connectSettingsBody(await connectSettings.current(organisation)), 200);
  });
}
