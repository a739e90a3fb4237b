/** `GET /api/admin/encryption`: encryption keys, their number of records, and processes that lack one. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { encryptionStatus } from '../../../services/encryption/encryption-status';
import { EncryptionBody, encryptionBody } from './encryption-body';

const route = createRoute({
  method: 'get',
  path: '/api/admin/encryption',
  operationId: 'getEncryption',
  tags: ['Encryption'],
  summary: 'List the encryption keys, with their use and their number of records',
  description:
    'Covers the whole database, for all organisations. A request counts up to a few thousand records itself; a worker counts more about once a minute, see `as_of`. To follow a rotation, use /api/admin/encryption/rotation instead.',
  ...forScope('operator'),
  responses: {
    200: {
      description: 'Ids and counts, never a key',
      content: { 'application/json': { schema: EncryptionBody } },
    },
    ...errorResponses,
  },
});

export function registerGetEncryption(app: ApiApp, deps: ApiDependencies) {
  return app.openapi(route, async (c) => c.json(encryptionBody(await encryptionStatus(deps)), 200));
}
