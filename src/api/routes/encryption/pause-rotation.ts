import { createRoute } from '@hono/zod-openapi';
import type { ApiApp } from '../app';
import { forScope } from '../authenticate';
import { callerName } from '../authenticator';
import type { ApiDependencies } from '../dependencies';
import { RotationBody, rotationBody } from '../encryption-body';
import { bodyErrorResponses } from '../errors';
import { NoteBody } from '../schedule-body';

const route = createRoute({
  method: 'post',
  path: '/api/admin/encryption/pause',
  operationId: 'pauseEncryptionRotation',
  tags: ['Encryption'],
  summary: 'Pause the rotation before its next page of records, until it is resumed',
  ...forScope('admin'),
  request: { body: { content: { 'application/json': { schema: NoteBody } } } },
  responses: {
    200: {
      description: 'As it is now',
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
