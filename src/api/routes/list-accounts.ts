import { createRoute, z } from '@hono/zod-openapi';
import { ACCOUNT_STATUSES } from '../../domain/account';
import type { ApiApp } from '../app';
import { requireScope } from '../authenticate';
import type { ApiDependencies } from '../dependencies';
import { ApiError, errorResponses } from '../errors';
import { AccountBody, accountBody, decodeCursor, encodeCursor, yesOrNo } from '../schemas';

const Query = z.object({
  provider: z.string().optional(),
  environment: z.string().optional(),
  kind: z.string().optional(),
  status: z.enum(ACCOUNT_STATUSES).optional(),
  quarantine: yesOrNo.optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
  cursor: z.string().optional(),
});

const route = createRoute({
  method: 'get',
  path: '/api/admin/accounts',
  summary: 'The accounts of your organisation',
  middleware: requireScope('read'),
  request: { query: Query },
  responses: {
    200: {
      description: 'One page',
      content: {
        'application/json': {
          schema: z.object({ items: z.array(AccountBody), next_cursor: z.string().nullable() }),
        },
      },
    },
    ...errorResponses,
  },
});

export function registerListAccounts(
  app: ApiApp,
  { store, providers, now }: ApiDependencies,
): void {
  app.openapi(route, async (c) => {
    const { status, cursor, limit, ...filters } = c.req.valid('query');
    const after = cursor === undefined ? [] : decodeCursor(cursor, 1);
    if (after === null)
      throw new ApiError('invalid_request', 'cursor: not one of ours; take it from next_cursor');
    const at = now();
    const accounts = await store.accounts.list({
      organisation: c.get('principal').organisation,
      ...filters,
      status: status === undefined ? undefined : { is: status, at },
      afterId: after[0],
      limit: limit + 1,
    });
    const page = accounts.slice(0, limit);
    const last = page.at(-1);
    return c.json(
      {
        items: page.map((account) => accountBody(account, providers, at)),
        next_cursor: accounts.length > limit && last !== undefined ? encodeCursor(last.id) : null,
      },
      200,
    );
  });
}
