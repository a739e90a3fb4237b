/** An API key in API responses (its text only on creation), and the scopes that a caller may grant. */
import { z } from '@hono/zod-openapi';
import { demandScope, type Principal, SCOPES, type Scope } from '../../../domain/access/principal';
import { type ApiKey, KEY_STATUSES } from '../../../store/access/api-keys';

export const ApiKeyBody = z
  .object({
    id: z.string(),
    name: z.string(),
    organisation: z.string(),
    scopes: z.array(z.enum(SCOPES)),
    status: z.enum(KEY_STATUSES).openapi({
      description:
        'invalid: Evergrant did not write the row of the key in MongoDB, or the row was changed later. The key is refused. Revoke it.',
    }),
    created_at: z.iso.datetime(),
  })
  .openapi('ApiKey', {
    example: {
      id: '5f0c9a1be2d34786',
      name: 'shop backend',
      organisation: 'acme',
      scopes: ['tokens'],
      status: 'valid',
      created_at: '2026-11-22T18:20:00.000Z',
    },
  });

/** The scopes that reach beyond one organisation, each with the scopes of the callers that can grant it. */
const GRANTED_BY = { operator: ['operator'], internal: ['internal', 'operator'] } as const;

/** @throws {InsufficientScope} if the caller would grant more than it may do itself */
export function demandGrantable(caller: Pick<Principal, 'scopes'>, scopes: readonly Scope[]): void {
  if (scopes.includes('operator')) demandScope(caller, ...GRANTED_BY.operator);
  if (scopes.includes('internal')) demandScope(caller, ...GRANTED_BY.internal);
}

export function apiKeyBody(key: ApiKey): z.infer<typeof ApiKeyBody> {
  return {
    id: key.keyId,
    name: key.name,
    organisation: key.organisation,
    scopes: [...key.scopes],
    status: key.status,
    created_at: key.createdAt.toISOString(),
  };
}
