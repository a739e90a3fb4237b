/** `POST /api/admin/encryption/rotate`: starts the rotation to another encryption key. */
import { createRoute, z } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses } from '../../../http/errors';
import { rotate } from '../../../services/encryption/rotation-actions';
import { RotationBody, rotationBody } from './encryption-body';

const Body = z.strictObject({
  to: z.string().min(1).optional().openapi({
    description:
      'The id of the new key. Default: the key that was never used for encryption. If there is none, the current key re-encrypts the remaining records of other keys.',
    example: 'k2',
  }),
});

const route = createRoute({
  method: 'post',
  path: '/api/admin/encryption/rotate',
  operationId: 'rotateEncryptionKey',
  tags: ['Encryption'],
  summary: 'Switch to a new encryption key and re-encrypt all records',
  description:
    'Refused unless every running process has the key (ENCRYPTION_KEYS). Refreshes continue meanwhile, and a newer grant is never overwritten. While a rotation runs, another request returns that rotation. A rotation covers all organisations.',
  ...forScope('operator'),
  request: { body: { content: { 'application/json': { schema: Body } } } },
  responses: {
    200: {
      description: 'The rotation that was started or is running',
      content: { 'application/json': { schema: RotationBody } },
    },
    ...bodyErrorResponses,
  },
});

export function registerRotateEncryption(app: ApiApp, deps: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { to } = Body.parse(c.req.valid('json') ?? {});
    return c.json(rotationBody(await rotate(deps, to, c.get('principal'))), 200);
  });
}
