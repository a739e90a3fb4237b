/** An API key in API responses; its text only on creation. */
import { z } from '@hono/zod-openapi';
import { SCOPES } from '../../../domain/access/principal';
import { type ApiKey, KEY_STATUSES } from '../../../store/access/api-keys';

const boundOf = (what: string) =>
  z
    .array(z.string())
    .nullable()
    .openapi({ description: `The key gets tokens only for ${what}. null: not restricted.` });

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
    providers: boundOf('accounts of these providers'),
    kinds: boundOf('accounts of these kinds'),
    accounts: boundOf('the accounts with these ids'),
    created_at: z.iso.datetime(),
  })
  .openapi('ApiKey', {
    example: {
      id: '5f0c9a1be2d34786',
      name: 'shop backend',
      organisation: 'acme',
      scopes: ['tokens'],
      status: 'valid',
      providers: ['ebay'],
      kinds: null,
      accounts: null,
      created_at: '2026-11-22T18:20:00.000Z',
    },
  });

export function apiKeyBody(key: ApiKey): z.infer<typeof ApiKeyBody> {
  return {
    id: key.keyId,
    name: key.name,
    organisation: key.organisation,
    scopes: [...key.scopes],
    status: key.status,
    providers: copied(key.bounds?.providers),
    kinds: copied(key.bounds?.kinds),
    accounts: copied(key.bounds?.accounts),
    created_at: key.createdAt.toISOString(),
  };
}

function copied(list: readonly string[] | null | undefined): string[] | null {
  return list ? [...list] : null;
}
