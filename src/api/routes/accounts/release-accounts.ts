/** `POST /api/admin/accounts/release`: takes accounts out of quarantine. */
import { createRoute, z } from '@hono/zod-openapi';
import { ServiceError } from '../../../domain/service-error';
import { providerNotConfigured } from '../../../domain/text/messages';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses } from '../../../http/errors';

const ACCOUNTS_MAX = 1_000;

const Body = z
  .strictObject({
    provider: z.string().optional().openapi({ example: 'etsy' }),
    account_ids: z.array(z.string().min(1)).min(1).max(ACCOUNTS_MAX).optional(),
  })
  .openapi('Release', { example: { provider: 'etsy' } });

const route = createRoute({
  method: 'post',
  path: '/api/admin/accounts/release',
  operationId: 'releaseAccounts',
  tags: ['Accounts'],
  summary: 'Release accounts from quarantine',
  description:
    'Evergrant refreshes the released accounts from now on. The body selects the accounts of a provider, the accounts with the given ids, or, with both members, only accounts that match both. An account that is not in quarantine is not changed.',
  ...forScope('admin'),
  request: { body: { content: { 'application/json': { schema: Body } }, required: true } },
  responses: {
    200: {
      description: 'The number of accounts that were in quarantine',
      content: {
        'application/json': {
          schema: z.object({ released: z.number().int().openapi({ example: 48 }) }),
        },
      },
    },
    ...bodyErrorResponses,
  },
});

export function registerReleaseAccounts(
  app: ApiApp,
  { store, providers, logger }: ApiDependencies,
) {
  return app.openapi(route, async (c) => {
    const { provider, account_ids: ids } = c.req.valid('json');
    const { organisation, keyId } = c.get('principal');
    if (provider === undefined && ids === undefined)
      throw new ServiceError('invalid_request', 'body: must have provider, account_ids or both');
    if (provider !== undefined && providers.find(provider) === undefined)
      throw new ServiceError('unknown_provider', providerNotConfigured(provider));
    const released = await store.quarantine.release(organisation, { provider, ids });
    logger.info({ organisation, key_id: keyId, provider, released }, 'accounts released');
    return c.json({ released }, 200);
  });
}
