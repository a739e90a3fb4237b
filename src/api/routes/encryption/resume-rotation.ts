import { createRoute } from '@hono/zod-openapi';
import type { ApiApp } from '../app';
import { forScope } from '../authenticate';
import type { ApiDependencies } from '../dependencies';
import { RotationBody, rotationBody } from '../encryption-body';
import { errorResponses } from '../errors';

const route = createRoute({
  method: 'post',
  path: '/api/admin/encryption/resume',
  operationId: 'resumeEncryptionRotation',
  tags: ['Encryption'],
  summary: 'Let a paused rotation go on',
  ...forScope('admin'),
  responses: {
    200: {
      description: 'As it is now',
      content: { 'application/json': { schema: RotationBody } },
    },
    ...errorResponses,
  },
});

export function registerResumeRotation(app: ApiApp, { encryption, logger }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { keyId, organisation } = c.get('principal');
    const rotation = await encryption.resume();
    logger.info({ key_id: keyId, organisation }, 'rotation resumed');
    return c.json(rotationBody(rotation), 200);
  });
}
