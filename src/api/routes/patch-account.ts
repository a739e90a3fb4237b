import { createRoute, z } from '@hono/zod-openapi';
import { type Account, AccountState } from '../../domain/account';
import type { Provider } from '../../providers/provider';
import { accountPolicyOf, PolicyInput } from '../account-policy';
import type { ApiApp } from '../app';
import { forScope } from '../authenticate';
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
    policy: PolicyInput.nullable().optional(),
    quarantine: z
      .boolean()
      .optional()
      .openapi({ description: 'true: served, but not refreshed; false: released' }),
    ...GrantInput.partial().shape,
    ...FallbackInput.shape,
  })
  .openapi('AccountPatch', { example: { label: 'Harbour Books, Bristol', disabled: false } });

const route = createRoute({
  method: 'patch',
  path: '/api/admin/accounts/{id}',
  operationId: 'patchAccount',
  tags: ['Accounts'],
  summary:
    'Rename, disable, enable, hold in quarantine, release, give a policy of its own, or connect again with new tokens',
  ...forScope('admin'),
  request: {
    params: AccountParams,
    body: { content: { 'application/json': { schema: Body } }, required: true },
  },
  responses: {
    200: { description: 'As it is now', content: { 'application/json': { schema: AccountBody } } },
    ...bodyErrorResponses,
  },
});

export function registerPatchAccount(app: ApiApp, deps: ApiDependencies) {
  const { store, vault, providers, now } = deps;
  return app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const {
      label,
      kind,
      disabled,
      quarantine,
      fallback_access_token,
      fallback_expires_at,
      policy,
      ...grant
    } = c.req.valid('json');
    const { organisation } = c.get('principal');
    const place = { organisation, accountId: id };
    const at = now();
    const before = await store.accounts.find(organisation, id);
    if (before === null) throw notFound(`account ${id}`);
    const provider = providers.find(before.provider);
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
        quarantine,
        state,
        policy: accountPolicyOf(policy, provider?.environments.get(before.environment)),
        stateReason: disabled === true ? 'Disabled by an admin.' : null,
        grant: reconnected
          ? sealedGrantOf(grant, { adapter: adapterOf(before, provider), vault, place, now: at })
          : undefined,
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

/** What a grant must hold depends on the provider. */
function adapterOf(account: Account, provider: Provider | undefined): Provider['adapter'] {
  if (provider === undefined)
    throw new ApiError('conflict', `The provider "${account.provider}" is not configured.`);
  return provider.adapter;
}
