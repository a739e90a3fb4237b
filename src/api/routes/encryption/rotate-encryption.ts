/** `POST /api/admin/encryption/rotate`: starts the rotation to another encryption key. */
import { createRoute, z } from '@hono/zod-openapi';
import { ServiceError } from '../../../domain/service-error';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses } from '../../../http/errors';
import { KeyNotPromotedError, promoteKey } from '../../../process/key-registry';
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

export function registerRotateEncryption(
  app: ApiApp,
  { store, vault, encryption, logger }: ApiDependencies,
) {
  return app.openapi(route, async (c) => {
    const { to: wanted } = Body.parse(c.req.valid('json') ?? {});
    const { keyId, organisation } = c.get('principal');
    const newest = await encryption.rotation();
    if (newest?.status === 'running' || newest?.status === 'paused') {
      const current = newest.progress?.to;
      if (wanted === undefined || wanted === current) return c.json(rotationBody(newest), 200);
      throw new ServiceError(
        'conflict',
        `A rotation${current === undefined ? '' : ` to "${current}"`} is ${newest.status}. Try again when it has finished.`,
      );
    }
    let to: string;
    try {
      to = await promoteKey(store, vault, wanted);
    } catch (error) {
      throw error instanceof KeyNotPromotedError
        ? new ServiceError('conflict', error.message)
        : error;
    }
    const rotation = await encryption.start(to);
    logger.info(
      { encryption_key: to, key_id: keyId, organisation },
      'encryption key rotation started',
    );
    return c.json(rotationBody(rotation), 200);
  });
}
