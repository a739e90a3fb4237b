import { randomBytes } from 'node:crypto';
import { createRoute, z } from '@hono/zod-openapi';
import type { ApiApp } from '../app';
import { requireScope } from '../authenticate';
import type { ApiDependencies } from '../dependencies';
import { ApiError, bodyErrorResponses } from '../errors';
import { FallbackInput, GrantInput, sealedFallbackOf, sealedGrantOf } from '../grant-input';
import { AccountBody, accountBody } from '../schemas';

const Body = z
  .strictObject({
    provider: z.string().openapi({ example: 'ebay' }),
    environment: z
      .string()
      .optional()
      .openapi({ description: "The provider's own default if left out", example: 'production' }),
    external_id: z.string().min(1).max(200).openapi({ example: 'harbour-books' }),
    label: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .openapi({ description: 'The name people see; external_id if left out' }),
    kind: z.string().min(1).max(64).nullable().optional(),
    ...GrantInput.shape,
    ...FallbackInput.shape,
  })
  .openapi('NewAccount');

const route = createRoute({
  method: 'post',
  path: '/api/admin/accounts',
  summary: 'Connect an account: its tokens are sealed at once and never shown again',
  middleware: requireScope('admin'),
  request: { body: { content: { 'application/json': { schema: Body } }, required: true } },
  responses: {
    201: { description: 'Connected', content: { 'application/json': { schema: AccountBody } } },
    ...bodyErrorResponses,
  },
});

export function registerCreateAccount(
  app: ApiApp,
  { store, vault, providers, now }: ApiDependencies,
): void {
  app.openapi(route, async (c) => {
    const body = c.req.valid('json');
    const { organisation } = c.get('principal');
    const provider = providers.find(body.provider);
    if (provider === undefined) {
      const names = providers.all.map(({ id }) => id).join(', ');
      throw new ApiError(
        'invalid_request',
        `provider: "${body.provider}" is not configured; there are: ${names}`,
      );
    }
    const environment = body.environment ?? provider.adapter.defaultEnvironment;
    if (!provider.environments.has(environment)) {
      const names = [...provider.environments.keys()].join(', ');
      throw new ApiError(
        'invalid_request',
        `environment: "${environment}" is not configured for ${provider.id}; there are: ${names}`,
      );
    }
    const id = `acc_${randomBytes(12).toString('hex')}`;
    const place = { organisation, accountId: id };
    const createdAt = now();
    const account = await store.accounts.create(
      {
        id,
        organisation,
        provider: provider.id,
        environment,
        externalId: body.external_id,
        label: body.label ?? body.external_id,
        kind: body.kind ?? null,
        grant: sealedGrantOf(body, { vault, place, now: createdAt }),
        fallback: sealedFallbackOf(body, { vault, place }),
        lastRefreshedAt: createdAt,
      },
      createdAt,
    );
    return c.json(accountBody(account, providers, now()), 201);
  });
}
