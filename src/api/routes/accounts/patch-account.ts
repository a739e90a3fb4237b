/** `PATCH /api/admin/accounts/{id}`: changes an account; a new grant is tried before it replaces the current one. */
import { createRoute, z } from '@hono/zod-openapi';
import { type Account, AccountState } from '../../../domain/account/account';
import { NO_GENERATION, type SealedGrant } from '../../../domain/account/grant';
import { grantFingerprint } from '../../../domain/account/reconnect';
import { isFinished } from '../../../domain/connect/stored-tokens';
import { notFound, ServiceError } from '../../../domain/service-error';
import { providerNotConfigured } from '../../../domain/text/messages';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses, grantRefusedResponse } from '../../../http/errors';
import type { Provider } from '../../../providers/provider';
import { callerName } from '../../../services/access/authenticator';
import { accountPolicyOf, PolicyInput } from '../../../services/accounts/account-policy';
import {
  FallbackInput,
  GrantInput,
  grantWarnings,
  sealedFallbackOf,
  sealedGrantOf,
} from '../../../services/accounts/grant-input';
import { AccountKind, AccountLabel } from '../../../services/accounts/new-account';
import { OwnerEmailInput, sealedOwnerEmail } from '../../../services/accounts/owner-email';
import { reconnect } from '../../../services/accounts/reconnect';
import { requireConnected } from '../../../services/accounts/refreshable-account';
import {
  enteredRefreshToken,
  reconnectWarnings,
} from '../../../services/accounts/shared-refresh-token';
import { grantPlace } from '../../../vault/vault';
import { AccountParams, EnteredAccountBody, enteredAccountBody } from './account-body';

const Body = z
  .strictObject({
    label: AccountLabel.optional(),
    kind: AccountKind.nullable().optional(),
    disabled: z.boolean().optional().openapi({
      description: 'true: the account is never refreshed. false: the account is enabled again.',
    }),
    owner_email: OwnerEmailInput,
    owner_reminders: z.boolean().optional().openapi({
      description:
        'true: the owner gets reminders again, also after unsubscribing. false: the owner gets none. Applies to all accounts of the address in your organisation.',
    }),
    policy: PolicyInput.nullable().optional(),
    quarantine: z.boolean().optional().openapi({
      description: 'true: the token is served, but not refreshed. false: the account is released.',
    }),
    ...GrantInput.partial().shape,
    ...FallbackInput.shape,
  })
  .openapi('AccountPatch', { example: { label: 'Harbour Books, Bristol', disabled: false } });

const route = createRoute({
  method: 'patch',
  path: '/api/admin/accounts/{id}',
  operationId: 'patchAccount',
  tags: ['Accounts'],
  summary: 'Change an account, or reconnect it with a new grant',
  description:
    'Changes the label, the kind, the owner’s address, the policy or the fallback token, disables or enables the account, puts it in quarantine or releases it, or reconnects it with a new grant. A new grant is first tried with one refresh, while the current grant stays in use. It replaces the current grant only if it works. 200: the new grant works. 202: the result is not known yet, because the provider is unavailable or throttles. The new grant waits as `candidate`, sweeps and refreshes retry it, and `last_reconnect` has the result. 422: the provider refused the new grant, and the account keeps its current grant. The other members of the body take effect in each case. In quarantine, on a disconnected account, and if the new grant is only an access token that does not expire, the new grant replaces the current grant without being tried.',
  ...forScope('admin'),
  request: {
    params: AccountParams,
    body: { content: { 'application/json': { schema: Body } }, required: true },
  },
  responses: {
    200: {
      description: 'The changed account',
      content: { 'application/json': { schema: EnteredAccountBody } },
    },
    202: {
      description:
        'The new grant waits to be tried (see `candidate`). All other changes took effect.',
      content: { 'application/json': { schema: EnteredAccountBody } },
    },
    ...bodyErrorResponses,
    ...grantRefusedResponse,
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
      owner_email,
      owner_reminders,
      policy,
      ...grant
    } = c.req.valid('json');
    const { organisation } = c.get('principal');
    const at = now();
    const before = await store.accounts.find(organisation, id);
    if (before === null) throw notFound(`account ${id}`);
    const ownerEmail = sealedOwnerEmail(owner_email, vault, before);
    const owner = ownerEmail === undefined ? before.ownerEmail : ownerEmail;
    if (owner_reminders !== undefined && owner === null) {
      throw new ServiceError(
        'conflict',
        'owner_reminders: the account has no owner_email. Set it with the same request.',
      );
    }
    const provider = providers.find(before.provider);
    // Encrypted as a candidate. If it becomes the current grant untried, the store encrypts it again.
    const place = grantPlace(before, NO_GENERATION);
    const isHandedIn = Object.values(grant).some((member) => member !== undefined);
    const entered = isHandedIn
      ? enteredGrant(grant, { provider: configured(before, provider), vault, place, now: at })
      : undefined;
    const submitted = entered?.grant ?? null;
    // A disconnected account has no grant to fall back to, so the new one is not tried first.
    const isGone = before.state === AccountState.disconnected;
    if (disabled !== undefined || (submitted !== null && !isFinished(before)))
      requireConnected(before);
    const isTried =
      submitted !== null &&
      submitted.refreshToken !== null &&
      !isGone &&
      !(quarantine ?? before.quarantine);
    if (submitted !== null) requireEnabled(before, disabled);
    const isReplaced = submitted !== null && !isTried;
    const state =
      disabled === true
        ? AccountState.disabled
        : disabled === false || isReplaced
          ? AccountState.active
          : undefined;
    const fallback = { fallback_access_token, fallback_expires_at };
    const warnings = [
      ...grantWarnings({ ...grant, ...fallback }, provider, at),
      ...(entered === undefined
        ? []
        : await reconnectWarnings(store, before, entered.grant, entered.provider)),
    ];
    const account = await store.accounts.patch(
      organisation,
      id,
      {
        label,
        kind,
        quarantine,
        state,
        policy: accountPolicyOf(policy, provider?.environments.get(before.environment)),
        ownerEmail,
        stateReason: disabled === true ? 'Disabled by an admin.' : null,
        grant: isReplaced ? submitted : undefined,
        enteredRefreshToken: isReplaced ? entered?.refreshToken : undefined,
        fallback: sealedFallbackOf(fallback, { adapter: provider?.adapter, vault, place }),
      },
      at,
    );
    if (account === null) throw notFound(`account ${id}`);
    if (owner_reminders !== undefined && owner !== null)
      await store.reminders.setWanted(owner.digest, organisation, owner_reminders, at);
    if (!isTried) return c.json(enteredAccountBody(account, warnings, providers, now()), 200);
    const reconnected = await reconnect(deps, account, submitted, {
      source: 'api',
      caller: callerName(c.get('principal').keyId),
    });
    const body = enteredAccountBody(reconnected, warnings, providers, now());
    return isWaiting(reconnected, submitted) ? c.json(body, 202) : c.json(body, 200);
  });
}

/** Whether the grant still waits to be tried. */
function isWaiting({ candidate }: Account, grant: SealedGrant): boolean {
  return candidate !== null && candidate.fingerprint === grantFingerprint(grant);
}

/** A disabled account's grant is never sent, so it cannot be tried. */
function requireEnabled({ state }: Account, disabled: boolean | undefined): void {
  if (disabled === true || (disabled === undefined && state === AccountState.disabled)) {
    throw new ServiceError(
      'conflict',
      'The account is disabled, so a new grant cannot be tried. Enable it with the same request: {"disabled": false, "refresh_token": "…"}.',
    );
  }
}

function enteredGrant(
  grant: Parameters<typeof sealedGrantOf>[0],
  sealing: Parameters<typeof sealedGrantOf>[1],
) {
  const { provider } = sealing;
  const sealed = sealedGrantOf(grant, sealing);
  return { provider, grant: sealed, refreshToken: enteredRefreshToken(sealed, provider) };
}

/** The provider decides which members a grant must have. */
function configured({ provider: id }: Account, provider: Provider | undefined): Provider {
  if (provider === undefined) throw new ServiceError('conflict', providerNotConfigured(id));
  return provider;
}
