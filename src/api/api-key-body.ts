/** An API key as the API shows it: never its text, but in the answer that creates it. */
import { z } from '@hono/zod-openapi';
import { type ApiKey, SCOPES } from '../store/api-keys';

export const ApiKeyBody = z
  .object({
    id: z.string(),
    name: z.string(),
    organisation: z.string(),
    scopes: z.array(z.enum(SCOPES)),
    created_at: z.iso.datetime(),
  })
  .openapi('ApiKey', {
    example: {
      id: '5f0c9a1be2d34786',
      name: 'shop backend',
      organisation: 'acme',
      scopes: ['tokens'],
      created_at: '2026-11-22T18:20:00.000Z',
    },
  });

export function apiKeyBody(key: ApiKey): z.infer<typeof ApiKeyBody> {
  return {
    id: key.keyId,
    name: key.name,
    organisation: key.organisation,
    scopes: [...key.scopes],
    created_at: key.createdAt.toISOString(),
  };
}
