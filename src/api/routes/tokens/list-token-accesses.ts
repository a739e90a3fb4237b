import { createRoute, z } from '@hono/zod-openapi';
import { HANDOUT_SOURCES, type WrittenHandout } from '../../store/token-handouts';
import type { ApiApp } from '../app';
import { forScope } from '../authenticate';
import type { ApiDependencies } from '../dependencies';
import { ApiError, errorResponses, notFound } from '../errors';
import { AccountParams, decodeCursor, encodeCursor, pageCursor, pageLimit } from '../schemas';

const Body = z
  .object({
    id: z.string(),
    at: z.iso.datetime(),
    account_id: z.string(),
    key_id: z.string().openapi({ description: 'Who asked: the id of an API key, or jwt:<sub>' }),
    request_id: z.string(),
    source: z.enum(HANDOUT_SOURCES),
    remaining_seconds: z.number().int().nullable(),
    generation: z.number().int(),
    access_token_fingerprint: z.string(),
  })
  .openapi('TokenHandout', {
    example: {
      id: '0f5e4a3c-7a3e-4c39-9d0b-3f1f5b0c2a77.041',
      at: '2026-11-22T18:41:10.003Z',
      account_id: 'acc_4b6f0c2d9e8a7b6c5d4e3f2a',
      key_id: '5f0c9a1be2d34786',
      request_id: '4f7f1a52-6d0b-4a55-9f63-0c4d6c1f2f10',
      source: 'memory',
      remaining_seconds: 6535,
      generation: 12,
      access_token_fingerprint: 'q7XwN0eTzK4c',
    },
  });

const route = createRoute({
  method: 'get',
  path: '/api/admin/accounts/{id}/token-handouts',
  operationId: 'listTokenHandouts',
  tags: ['Tokens'],
  summary: 'Who was handed a token of the account, newest first; written within a second or so',
  ...forScope('admin'),
  request: {
    params: AccountParams,
    query: z.object({
      limit: pageLimit(500, 100),
      before: pageCursor,
    }),
  },
  responses: {
    200: {
      description: 'One page',
      content: {
        'application/json': {
          schema: z.object({ items: z.array(Body), next_cursor: z.string().nullable() }),
        },
      },
    },
    ...errorResponses,
  },
});

export function registerListTokenHandouts(app: ApiApp, { store }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { organisation } = c.get('principal');
    const { id } = c.req.valid('param');
    const { limit, before } = c.req.valid('query');
    const cursor = before === undefined ? undefined : decodeCursor(before, 2);
    const [at = '', handoutId = ''] = cursor ?? [];
    if (cursor === null || (cursor !== undefined && Number.isNaN(Date.parse(at)))) {
      throw new ApiError(
        'invalid_request',
        'before: not a cursor of ours; take it from next_cursor',
      );
    }
    if ((await store.accounts.find(organisation, id)) === null) throw notFound(`account ${id}`);
    const handouts = await store.tokenHandouts.list({
      organisation,
      accountId: id,
      before: cursor === undefined ? undefined : { at: new Date(at), id: handoutId },
      limit: limit + 1,
    });
    const page = handouts.slice(0, limit);
    const last = page.at(-1);
    const more = handouts.length > limit && last !== undefined;
    return c.json(
      {
        items: page.map(handoutBody),
        next_cursor: more ? encodeCursor(last.at.toISOString(), last.id) : null,
      },
      200,
    );
  });
}

function handoutBody(handout: WrittenHandout): z.infer<typeof Body> {
  return {
    id: handout.id,
    at: handout.at.toISOString(),
    account_id: handout.accountId,
    key_id: handout.keyId,
    request_id: handout.requestId,
    source: handout.source,
    remaining_seconds: handout.remainingSeconds,
    generation: handout.generation,
    access_token_fingerprint: handout.accessTokenFingerprint,
  };
}
