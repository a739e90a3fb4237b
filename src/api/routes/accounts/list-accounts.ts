/** `GET /api/admin/accounts`: the organisation's accounts, page by page, with search, filters and order. */
import { createRoute, z } from '@hono/zod-openapi';
import { ACCOUNT_STATUSES } from '../../../domain/account/account';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { pageLimit, pageOfItems } from '../../../http/paging';
import { accountPage, SEARCH_MAX_CHARACTERS } from '../../../services/accounts/account-page';
import { ACCOUNT_SORTS } from '../../../store/accounts/account-listing';
import { anyOf, ofProviders, yesOrNo } from '../../openapi/parts';
import { AccountBody, accountBody } from './account-body';

const Query = z.object({
  q: z.string().max(SEARCH_MAX_CHARACTERS).optional().openapi({
    description:
      'Text that the label, the external id or the id contains, ignoring case. A search that takes long returns a short or empty page, and next_cursor continues it',
    example: 'berlin',
  }),
  provider: ofProviders,
  environment: anyOf(z.string(), {
    description: 'Only these environments',
    example: 'production',
  }),
  kind: anyOf(z.string(), {
    description: 'Only these kinds',
    example: 'booking',
    hasCommas: true,
  }),
  status: anyOf(z.enum(ACCOUNT_STATUSES), {
    description: 'Only accounts with one of these statuses now',
  }),
  reason: anyOf(z.string().max(64), {
    description: 'Only accounts whose last failure has one of these codes',
    example: 'invalid_grant',
  }),
  quarantine: yesOrNo
    .optional()
    .openapi({ description: 'true: only accounts in quarantine. false: only the others.' }),
  sort: z.enum(ACCOUNT_SORTS).default('id').openapi({
    description:
      'expires_at: the access token that expires soonest comes first. refresh_token_expires_at: the refresh token that expires soonest comes first, and accounts whose refresh token is not known to expire come last. label: in the order of code points.',
  }),
  limit: pageLimit(500, 100),
  cursor: z.string().optional().openapi({
    description: 'next_cursor of the previous page, which must have the same sort',
  }),
});

const route = createRoute({
  method: 'get',
  path: '/api/admin/accounts',
  operationId: 'listAccounts',
  tags: ['Accounts'],
  summary: 'List the accounts of your organisation, with search, filters and order',
  ...forScope('read'),
  request: { query: Query },
  responses: {
    200: pageOfItems(AccountBody),
    ...errorResponses,
  },
});

export function registerListAccounts(app: ApiApp, { store, providers, now }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { organisation } = c.get('principal');
    const at = now();
    const page = await accountPage(store, { organisation, ...c.req.valid('query') }, at);
    return c.json(
      {
        items: page.accounts.map((account) => accountBody(account, providers, at)),
        next_cursor: page.next,
      },
      200,
    );
  });
}
