/** `GET /api/admin/encryption`: encryption keys, their number of records, and processes that lack one. */
import { createRoute, type z } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { encryptionKeyIds } from '../../../services/overview/encryption-keys';
import { EncryptionBody, rotationBody } from './encryption-body';

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
  return app.openapi(route, async (c) => c.json(await encryptionBody(deps), 200));
}

async function encryptionBody({
  store,
  vault,
  encryption,
  now,
}: ApiDependencies): Promise<z.infer<typeof EncryptionBody>> {
  const ids = await encryptionKeyIds({ store, vault });
  const [onRecord, living, sealing, rotation, counted] = await Promise.all([
    store.encryptionKeys.list(),
    store.processes.living(),
    store.settings.sealingKeyId(),
    encryption.rotation(),
    store.sealedRecords.perKey(ids, now()),
  ]);
  const checks = vault.keyChecks();
  const sealingKey = sealing ?? vault.sealingKeyId;
  const { asOf, counts } = counted;
  const keys = ids.map((id) => {
    const key = onRecord.find((one) => one.id === id);
    const check = checks.get(id) ?? key?.check;
    return {
      id,
      seals: id === sealingKey,
      present: checks.has(id),
      missing_from: living
        .filter(({ keyChecks }) => keyChecks.get(id) !== check)
        .map(({ name }) => name),
      records: counts && (counts.keys.find((one) => one.id === id)?.records ?? 0),
      needed: key?.needed ?? false,
      promoted_at: key?.promotedAt?.toISOString() ?? null,
      retired_at: key?.retiredAt?.toISOString() ?? null,
    };
  });
  return {
    sealing_key: sealingKey,
    keys,
    other_records: counts?.others ?? null,
    as_of: asOf?.toISOString() ?? null,
    processes: living.map(({ name, keyChecks, sealingKeyId, seenAt }) => ({
      name,
      keys: [...keyChecks.keys()],
      sealing_key: sealingKeyId,
      seen_at: seenAt.toISOString(),
    })),
    rotation: rotation === null ? null : rotationBody(rotation),
  };
}
