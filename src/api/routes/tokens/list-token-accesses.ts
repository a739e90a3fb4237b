/** `GET /api/admin/accounts/{id}/token-accesses`: the callers that received a token of the account, newest first. */
import { createRoute, z } from '@hono/zod-openapi';
import { encodeCursor } from '../../../domain/cursor';
import { notFound } from '../../../domain/service-error';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { pageCursor, pageLimit, pageOf, pageOfItems, placeOf } from '../../../http/paging';
import {
  TOKEN_ACCESS_SOURCES,
  type WrittenTokenAccess,
} from '../../../store/access/token-accesses';
import { AccountParams } from '../accounts/account-body';

const Body = z
  .object({
    id: z.string(),
    at: z.iso.datetime(),
    account_id: z.string(),
    key_id: z.string().openapi({ description: 'The caller: the id of an API key, or jwt:<sub>' }),
    request_id: z.string(),
    source: z.enum(TOKEN_ACCESS_SOURCES),
    remaining_seconds: z.number().int().nullable(),
    generation: z.number().int(),
    access_token_fingerprint: z.string(),
  })
  .openapi('TokenAccess', {
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
  path: '/api/admin/accounts/{id}/token-accesses',
  operationId: 'listTokenAccesses',
  tags: ['Tokens'],
  summary: 'List the callers that received a token of the account, newest first',
  ...forScope('admin'),
  request: {
    params: AccountParams,
    query: z.object({
      limit: pageLimit(500, 100),
      before: pageCursor,
    }),
  },
  responses: {
    200: pageOfItems(Body),
    ...errorResponses,
  },
});

export function registerListTokenAccesses(app: ApiApp, { store }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { organisation } = c.get('principal');
    const { id } = c.req.valid('param');
    const { limit, before } = c.req.valid('query');
    const place = before === undefined ? undefined : placeOf(before);
    if ((await store.accounts.find(organisation, id)) === null) throw notFound(`account ${id}`);
    const tokenAccesses = await store.tokenAccesses.list({
      organisation,
      accountId: id,
      before: place,
      limit: limit + 1,
    });
    const page = pageOf(tokenAccesses, limit, tokenAccessBody, (last) =>
      encodeCursor(last.at.toISOString(), last.id),
    );
    return c.json(page, 200);
  });
}

export function tokenAccessBody(tokenAccess: WrittenTokenAccess): z.infer<typeof Body> {
  return {
    id: tokenAccess.id,
    at: tokenAccess.at.toISOString(),
    account_id: tokenAccess.accountId,
    key_id: tokenAccess.keyId,
    request_id: tokenAccess.requestId,
    source: tokenAccess.source,
    remaining_seconds: tokenAccess.remainingSeconds,
    generation: tokenAccess.generation,
    access_token_fingerprint: tokenAccess.accessTokenFingerprint,
  };
}
