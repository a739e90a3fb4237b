import { createRoute, z } from '@hono/zod-openapi';
import { ACCOUNT_STATUSES, AccountState, type AccountStatus } from '../../domain/account';
import type { AccountListQuery } from '../../store/accounts';
import type { ApiApp } from '../app';
import { requireScope } from '../authenticate';
import type { ApiDependencies } from '../dependencies';
import { ApiError, errorResponses } from '../errors';
import { AccountBody, accountBody, decodeCursor, encodeCursor } from '../schemas';

const DEFAULT_EXPIRING_SOON_MS = 15 * 60_000;

const Query = z.object({
  provider: z.string().optional(),
  environment: z.string().optional(),
  kind: z.string().optional(),
  status: z.enum(ACCOUNT_STATUSES).optional(),
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
    const expiringSoonMs =
      providers.find(filters.provider ?? '')?.policy.refreshBeforeMs ?? DEFAULT_EXPIRING_SOON_MS;
    const accounts = await store.accounts.list({
      organisation: c.get('principal').organisation,
      ...filters,
      ...(status === undefined ? {} : statusFilter(status, at, expiringSoonMs)),
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

/** What a status means in stored terms; the clocks are read off, not stored. */
function statusFilter(
  status: AccountStatus,
  now: Date,
  expiringSoonMs: number,
): Pick<AccountListQuery, 'state' | 'expiresAfter' | 'expiresUntil'> {
  const soon = new Date(now.getTime() + expiringSoonMs);
  switch (status) {
    case 'ok':
      return { state: AccountState.active, expiresAfter: soon };
    case 'expiring_soon':
      return { state: AccountState.active, expiresAfter: now, expiresUntil: soon };
    case 'expired':
      return { state: AccountState.active, expiresUntil: now };
    case 'needs_reconnect':
    case 'inactive':
    case 'disabled':
      return { state: status };
  }
}
