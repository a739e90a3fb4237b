/** `POST /api/admin/encryption/resume`: resumes a paused rotation of the encryption key. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { RotationBody, rotationBody } from './encryption-body';

const route = createRoute({
  method: 'post',
  path: '/api/admin/encryption/resume',
  operationId: 'resumeEncryptionRotation',
  tags: ['Encryption'],
  summary: 'Resume a paused rotation',
  ...forScope('operator'),
  responses: {
    200: {
      description: 'The rotation',
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
