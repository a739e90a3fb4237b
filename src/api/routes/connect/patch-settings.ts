/** `PATCH /api/admin/connect/settings`: changes the connect settings of the organisation. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses } from '../../../http/errors';
import { ConnectSettingsChange } from '../../../services/connect/connect-settings';
import { ConnectSettingsBody, connectSettingsBody } from './settings-body';

const route = createRoute({
  method: 'patch',
  path: '/api/admin/connect/settings',
  operationId: 'patchConnectSettings',
  tags: ['Connect'],
  summary: 'Change the connect settings of your organisation',
  description:
    'Members that are left out stay as they are, and null resets one to the default. Other processes use the change within 5 s. A browser no longer returns to an address that was removed, also from sessions that already exist.',
  ...forScope('admin'),
  request: {
    body: { content: { 'application/json': { schema: ConnectSettingsChange } }, required: true },
  },
  responses: {
    200: {
      description: 'The settings that apply now',
      content: { 'application/json': { schema: ConnectSettingsBody } },
    },
    ...bodyErrorResponses,
  },
});

export function registerPatchConnectSettings(app: ApiApp, { connectSettings }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { organisation } = c.get('principal');
    const changed = await connectSettings.change(organisation, c.req.valid('json'));
    return c.json(connectSettingsBody(changed), 200);
  });
}
