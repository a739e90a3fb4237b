import { createRoute } from '@hono/zod-openapi';
import type { ApiApp } from '../app';
import { forScope } from '../authenticate';
import type { ApiDependencies } from '../dependencies';
import { RotationBody, rotationBody } from '../encryption-body';
import { errorResponses, notFound } from '../errors';

const route = createRoute({
  method: 'get',
  path: '/api/admin/encryption/rotation',
  operationId: 'getEncryptionRotation',
  tags: ['Encryption'],
  summary: 'How far the rotation of the encryption key is, or what the last one came to',
  ...forScope('admin'),
  responses: {
    200: { description: 'The newest', content: { 'application/json': { schema: RotationBody } } },
    ...errorResponses,
  },
});

export function registerGetRotation(app: ApiApp, { encryption }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const rotation = await encryption.rotation();
    if (rotation === null) throw notFound('rotation');
    return c.json(rotationBody(rotation), 200);
  });
}
