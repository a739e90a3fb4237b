import { createRoute, z } from '@hono/zod-openapi';
import { AccountState } from '../../domain/account';
import type { SealedGrant } from '../../domain/grant';
import type { GrantPlace } from '../../vault/vault';
import type { ApiApp } from '../app';
import { requireScope } from '../authenticate';
import type { ApiDependencies } from '../dependencies';
import { ApiError, bodyErrorResponses, notFound } from '../errors';
import { FallbackInput, GrantInput, sealedFallbackOf, sealedGrantOf } from '../grant-input';
import { AccountBody, AccountParams, accountBody } from '../schemas';

const Body = z
  .strictObject({
    label: z.string().min(1).max(200).optional(),
    kind: z.string().min(1).max(64).nullable().optional(),
    disabled: z
      .boolean()
      .optional()
      .openapi({ description: 'true: never refreshed; false: back in service' }),
    ...GrantInput.partial().shape,
    ...FallbackInput.shape,
  })
  .openapi('AccountPatch');

const route = createRoute({
  method: 'patch',
  path: '/api/admin/accounts/{id}',
  summary: 'Rename, disable, enable, or connect again with new tokens',
  middleware: requireScope('admin'),
  request: {
    params: AccountParams,
    body: { content: { 'application/json': { schema: Body } }, required: true },
  },
  responses: {
    200: { description: 'As it is now', content: { 'application/json': { schema: AccountBody } } },
    ...bodyErrorResponses,
  },
});

export function registerPatchAccount(app: ApiApp, deps: ApiDependencies): void {
  const { store, vault, providers, now } = deps;
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const { label, kind, disabled, fallback_access_token, fallback_expires_at, ...grant } =
      c.req.valid('json');
    const { organisation } = c.get('principal');
    const place = { organisation, accountId: id };
    const at = now();
    const reconnected = Object.values(grant).some((member) => member !== undefined);
    const state =
      disabled === true
        ? AccountState.disabled
        : disabled === false || reconnected
          ? AccountState.active
          : undefined;
    const account = await store.accounts.patch(
      organisation,
      id,
      {
        label,
        kind,
        state,
        stateReason: disabled === true ? 'Disabled by an admin.' : null,
        grant: reconnected ? await newGrant(deps, place, grant, at) : undefined,
        fallback: sealedFallbackOf(
          { fallback_access_token, fallback_expires_at },
          { vault, place },
        ),
      },
      at,
    );
    if (account === null) throw notFound(`account ${id}`);
    return c.json(accountBody(account, providers, now()), 200);
  });
}

/** A grant is replaced as a whole; what it must hold depends on the provider. */
async function newGrant(
  { store, vault, providers }: ApiDependencies,
  place: GrantPlace,
  grant: z.infer<typeof GrantInput>,
  now: Date,
): Promise<SealedGrant> {
  const account = await store.accounts.find(place.organisation, place.accountId);
  if (account === null) throw notFound(`account ${place.accountId}`);
  const provider = providers.find(account.provider);
  if (provider === undefined)
    throw new ApiError('conflict', `The provider "${account.provider}" is not configured.`);
  return sealedGrantOf(grant, { adapter: provider.adapter, vault, place, now });
}
