/** `GET /api/admin/encryption/rotation`: the progress of the newest rotation of the encryption key. */
import { createRoute } from '@hono/zod-openapi';
import { ServiceError } from '../../../domain/service-error';
import { noneYet } from '../../../domain/text/messages';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { RotationBody, rotationBody } from './encryption-body';

const route = createRoute({
  method: 'get',
  path: '/api/admin/encryption/rotation',
  operationId: 'getEncryptionRotation',
  tags: ['Encryption'],
  summary: 'Get the progress or the result of the newest rotation of the encryption key',
  ...forScope('operator'),
  responses: {
    200: {
      description: 'The newest rotation',
      content: { 'application/json': { schema: RotationBody } },
    },
    ...errorResponses,
  },
});

export function registerGetRotation(app: ApiApp, { encryption }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const rotation = await encryption.rotation();
    if (rotation === null)
      throw new ServiceError('not_found', noneYet('rotations of the encryption key'));
    return c.json(rotationBody(rotation), 200);
  });
}
