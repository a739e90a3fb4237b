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
      'The id of the key that is to seal. If left out: the one that has never sealed; or, where there is none, the one that seals, for what is left of others',
    example: 'k2',
  }),
});

const route = createRoute({
  method: 'post',
  path: '/api/admin/encryption/rotate',
  operationId: 'rotateEncryptionKey',
  tags: ['Encryption'],
  summary: 'Let another key seal, and re-seal every record with it',
  description:
    'Refused unless every living process has the key (ENCRYPTION_KEYS). Refreshes go on meanwhile, and a newer grant is never overwritten. Asked again while it runs: the same rotation. It serves all organisations.',
  ...forScope('operator'),
  request: { body: { content: { 'application/json': { schema: Body } } } },
  responses: {
    200: {
      description: 'The rotation that was started, or runs',
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
      const under = newest.progress?.to;
      if (wanted === undefined || wanted === under) return c.json(rotationBody(newest), 200);
      throw new ServiceError(
        'conflict',
        `A rotation${under === undefined ? '' : ` to "${under}"`} is ${newest.status}. Let it end first.`,
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
    logger.info({ encryption_key: to, key_id: keyId, organisation }, 'encryption key is rotated');
    return c.json(rotationBody(rotation), 200);
  });
}
