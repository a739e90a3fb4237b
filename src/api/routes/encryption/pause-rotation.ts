/** `POST /api/admin/encryption/pause`: pauses the rotation of the encryption key. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses } from '../../../http/errors';
import { callerName } from '../../../services/access/authenticator';
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

export function registerPauseRotation(app: ApiApp, { encryption, logger }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { keyId, organisation } = c.get('principal');
    const { note: why } = NoteBody.parse(c.req.valid('json') ?? {});
    const rotation = await encryption.pause(why ?? `paused by ${callerName(keyId)}`);
    logger.info({ key_id: keyId, organisation, note: why ?? null }, 'rotation paused');
    return c.json(rotationBody(rotation), 200);
  });
}
