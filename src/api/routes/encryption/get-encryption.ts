/** `GET /api/admin/encryption`: encryption keys, their number of records, and processes that lack one. */
import { createRoute, type z } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { EncryptionBody, rotationBody } from './encryption-body';

const route = createRoute({
  method: 'get',
  path: '/api/admin/encryption',
  operationId: 'getEncryption',
  tags: ['Encryption'],
  summary: 'List the encryption keys, with their use and their number of records',
  description:
    'Covers the whole database, for all organisations. Each request counts all records. To follow a rotation, use /api/admin/encryption/rotation instead.',
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
  return app.openapi(route, async (c) => c.json(await encryptionBody(deps), 200));
}

async function encryptionBody({
  store,
  vault,
  encryption,
}: ApiDependencies): Promise<z.infer<typeof EncryptionBody>> {
  const [onRecord, living, sealing, rotation] = await Promise.all([
    store.encryptionKeys.list(),
    store.processes.living(),
    store.settings.sealingKeyId(),
    encryption.rotation(),
  ]);
  const checks = vault.keyChecks();
  const ids = [...new Set([...vault.keyIds, ...onRecord.map(({ id }) => id)])];
  const sealingKey = sealing ?? vault.sealingKeyId;
  const keys = ids.map(async (id) => {
    const key = onRecord.find((one) => one.id === id);
    const check = checks.get(id) ?? key?.check;
    return {
      id,
      seals: id === sealingKey,
      present: checks.has(id),
      missing_from: living
        .filter(({ keyChecks }) => keyChecks.get(id) !== check)
        .map(({ name }) => name),
      records: await store.sealedRecords.countWith(id),
      needed: key?.needed ?? false,
      promoted_at: key?.promotedAt?.toISOString() ?? null,
      retired_at: key?.retiredAt?.toISOString() ?? null,
    };
  });
  return {
    sealing_key: sealingKey,
    keys: await Promise.all(keys),
    other_records: await store.sealedRecords.countWithout(ids),
    processes: living.map(({ name, keyChecks, sealingKeyId, seenAt }) => ({
      name,
      keys: [...keyChecks.keys()],
      sealing_key: sealingKeyId,
      seen_at: seenAt.toISOString(),
    })),
    rotation: rotation === null ? null : rotationBody(rotation),
  };
}
