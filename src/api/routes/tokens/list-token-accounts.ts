/** `GET /api/tokens`: the accounts for which the caller may ask for tokens, page by page. */
import { createRoute, z } from '@hono/zod-openapi';
import { ACCOUNT_STATUSES, type Account, accountStatus } from '../../../domain/account/account';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { pageLimit, pageOfItems } from '../../../http/paging';
import { accountPage } from '../../../services/accounts/account-page';
import { ofProvider } from '../../openapi/parts';
import { SCOPE } from './token-response';

const Body = z
  .object({
    id: z.string(),
    provider: z.string(),
    environment: z.string(),
    external_id: z.string(),
    kind: z.string().nullable(),
    label: z.string(),
    status: z.enum(ACCOUNT_STATUSES),
  })
  .openapi('TokenAccount', {
    description: 'An account for which the caller may ask for tokens. It contains no token.',
    example: {
      id: 'acc_4b6f0c2d9e8a7b6c5d4e3f2a',
      provider: 'ebay',
      environment: 'production',
      external_id: 'harbour-books',
      kind: null,
      label: 'Harbour Books',
      status: 'ok',
    },
  });

const route = createRoute({
  method: 'get',
  path: '/api/tokens',
  operationId: 'listTokenAccounts',
  tags: ['Tokens'],
  summary: 'List the accounts for which you may ask for tokens',
  description:
    'In the order of their ids. A restricted key or JWT sees only the accounts within its restriction. The list contains no token.',
  ...forScope(SCOPE),
  request: {
    query: z.object({
      provider: ofProvider,
      limit: pageLimit(500, 100),
      cursor: z.string().optional().openapi({ description: 'next_cursor of the previous page' }),
    }),
  },
  responses: {
    200: pageOfItems(Body),
    ...errorResponses,
  },
});

export function registerListTokenAccounts(app: ApiApp, { store, now }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { organisation, bounds } = c.get('principal');
    const query = { organisation, bounds, sort: 'id' as const, ...c.req.valid('query') };
    const at = now();
    const { accounts, next } = await accountPage(store, query, at);
    return c.json({ items: accounts.map((one) => tokenAccount(one, at)), next_cursor: next }, 200);
  });
}

function tokenAccount(account: Account, now: Date): z.infer<typeof Body> {
  const { id, provider, environment, externalId, kind, label } = account;
  const status = accountStatus(account, now);
  return { id, provider, environment, external_id: externalId, kind, label, status };
}
