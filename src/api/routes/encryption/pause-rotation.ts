/** `POST /api/admin/encryption/pause`: pauses the rotation of the encryption key. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses } from '../../../http/errors';
import { pauseRotation } from '../../../services/encryption/rotation-actions';
import { NoteBody } from '../schedules/schedule-body';
import { RotationBody, rotationBody } from './encryption-body';

const route = createRoute({
  method: 'post',
  path: '/api/admin/encryption/pause',
  operationId: 'pauseEncryptionRotation',
  tags: ['Encryption'],
  summary: 'Pause the rotation until it is resumed',
  description: 'The rotation finishes its current page of records first.',
  ...forScope('operator'),
  request: { body: { content: { 'application/json': { schema: NoteBody } } } },
  responses: {
    200: {
      description: 'The rotation',
      content: { 'application/json': { schema: RotationBody } },
    },
    ...bodyErrorResponses,
  },
});

export function registerPauseRotation(app: ApiApp, deps: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { note } = NoteBody.parse(c.req.valid('json') ?? {});
    return c.json(rotationBody(await pauseRotation(deps, note, c.get('principal'))), 200);
  });
}
