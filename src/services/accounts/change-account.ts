/** Changes an account, for routes and pages; a new grant is tried before it replaces the current one. */
import { z } from '@hono/zod-openapi';
import type { Principal } from '../../domain/access/principal';
import { type Account, AccountState } from '../../domain/account/account';
import { NO_GENERATION, type SealedGrant } from '../../domain/account/grant';
import { holdsCredentials } from '../../domain/account/grant-type';
import { grantFingerprint } from '../../domain/account/reconnect';
import { isFinished } from '../../domain/connect/stored-tokens';
import { notFound, ServiceError } from '../../domain/service-error';
import { providerNotConfigured } from '../../domain/text/messages';
import type { ConfiguredProviders } from '../../providers/config/configured-providers';
import { readCredentials } from '../../providers/exchange/grant-credentials';
import type { Provider } from '../../providers/provider';
import { openRefreshToken } from '../../refresh/seal-grant';
import type { Vault } from '../../vault/vault';
import { grantPlace } from '../../vault/vault';
import { callerName } from '../access/authenticator';
import { accountPolicyOf, PolicyInput } from './account-policy';
import {
  FallbackInput,
  GrantInput,
  grantWarnings,
  sealedCredentialsOf,
  sealedFallbackOf,
  sealedGrantOf,
} from './grant-input';
import { AccountKind, AccountLabel } from './new-account';
import { OwnerEmailInput, sealedOwnerEmail } from './owner-email';
import { reconnect } from './reconnect';
import { requireConnected } from './refreshable-account';
import { enteredRefreshToken, reconnectWarnings } from './shared-refresh-token';

/** Maximum length of the reason why an account is disabled. */
const REASON_MAX_CHARACTERS = 200;

export const AccountPatchBody = z
  .strictObject({
    label: AccountLabel.optional(),
    kind: AccountKind.nullable().optional(),
    disabled: z.boolean().optional().openapi({
      description: 'true: the account is never refreshed. false: the account is enabled again.',
    }),
    reason: z.string().trim().min(1).max(REASON_MAX_CHARACTERS).optional().openapi({
      description: 'Only with disabled: true. Why the account is disabled, for people.',
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

type Dependencies = Parameters<typeof reconnect>[0] & {
  vault: Vault;
  providers: ConfiguredProviders;
  now: () => Date;
};

interface ChangeCaller extends Pick<Principal, 'organisation' | 'keyId'> {
  source: 'api' | 'admin';
}

interface ChangedAccount {
  account: Account;
  warnings: string[];
  /** Whether the new grant waits to be tried. */
  isWaiting: boolean;
}

/** @throws {ServiceError} `invalid_request`, `not_found`, `conflict`; `grant_refused` after all other changes took effect */
export async function changeAccount(
  deps: Dependencies,
  { organisation, keyId, source }: ChangeCaller,
  id: string,
  input: z.infer<typeof AccountPatchBody>,
): Promise<ChangedAccount> {
  const { store, vault, providers, now } = deps;
  const {
    label,
    kind,
    disabled,
    reason,
    quarantine,
    fallback_access_token,
    fallback_expires_at,
    owner_email,
    owner_reminders,
    policy,
    ...grant
  } = input;
  if (reason !== undefined && disabled !== true)
    throw new ServiceError('invalid_request', 'reason: only with disabled: true');
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
  if (quarantine === true && holdsCredentials(before.grantType))
    throw new ServiceError('conflict', NO_QUARANTINE);
  const provider = providers.find(before.provider);
  // Encrypted as a candidate. If it becomes the current grant untried, the store encrypts it again.
  const place = grantPlace(before, NO_GENERATION);
  const isHandedIn = Object.values(grant).some((member) => member !== undefined);
  const entered = isHandedIn
    ? enteredGrant(before, grant, { provider: configured(before, provider), vault, place, now: at })
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
    ...(entered === undefined || holdsCredentials(before.grantType)
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
      stateReason: disabled === true ? (reason ?? 'Disabled by an admin.') : null,
      grant: isReplaced ? submitted : undefined,
      enteredRefreshToken: isReplaced ? entered?.refreshToken : undefined,
      fallback: sealedFallbackOf(fallback, { adapter: provider?.adapter, vault, place }),
    },
    at,
  );
  if (account === null) throw notFound(`account ${id}`);
  if (owner_reminders !== undefined && owner !== null)
    await store.reminders.setWanted(owner.digest, organisation, owner_reminders, at);
  if (!isTried) return { account, warnings, isWaiting: false };
  const reconnected = await reconnect(deps, account, submitted, {
    source,
    caller: callerName(keyId),
  });
  return { account: reconnected, warnings, isWaiting: isWaiting(reconnected, submitted) };
}

const NO_QUARANTINE =
  'quarantine: the account holds credentials, which two systems may use at the same time. Disable it instead: {"disabled": true}.';

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

/** @throws {ServiceError} also for credentials that would move the account from the OAuth app to its own client, or back */
function enteredGrant(
  account: Account,
  grant: Parameters<typeof sealedGrantOf>[0],
  sealing: Parameters<typeof sealedGrantOf>[1],
) {
  const { provider } = sealing;
  if (holdsCredentials(account.grantType)) {
    const whole = { ...grant, ...keptMembers(account, grant, sealing.vault) };
    const { grant: sealed, hasOwnClient } = sealedCredentialsOf(whole, sealing);
    if (hasOwnClient !== account.hasOwnClient) {
      const client = account.hasOwnClient ? 'its own client' : 'the OAuth app of its provider';
      throw new ServiceError(
        'invalid_request',
        `credentials.client_id: the account uses ${client}. Create another account to change that.`,
      );
    }
    return { provider, grant: sealed, refreshToken: null };
  }
  const sealed = sealedGrantOf(grant, sealing);
  return { provider, grant: sealed, refreshToken: enteredRefreshToken(sealed, provider) };
}

/**
 * Returns the credentials or the requested scopes that a change does not state, from the newest stored credentials. Credentials
 * are replaced as a whole, because the members of two clients do not fit together.
 * @throws {ServiceError} if the stored ones are needed and cannot be decrypted
 */
function keptMembers(
  account: Account,
  { credentials, scopes }: Parameters<typeof sealedGrantOf>[0],
  vault: Vault,
): Pick<Parameters<typeof sealedGrantOf>[0], 'credentials' | 'scopes'> {
  const { refreshToken, generation } = account.candidate?.grant ?? account.current;
  if (refreshToken === null || (credentials !== undefined && scopes !== undefined)) return {};
  const opened = openRefreshToken(vault, account, { sealed: refreshToken, generation });
  const stored = 'failure' in opened ? null : readCredentials(opened.refreshToken.reveal());
  if (stored === null)
    throw new ServiceError(
      'conflict',
      'The stored credentials cannot be read, so none of them can be kept. Send credentials and scopes together.',
    );
  const { scopes: requested = [], ...members } = stored;
  return {
    ...(credentials === undefined ? { credentials: members } : {}),
    ...(scopes === undefined ? { scopes: requested } : {}),
  };
}

/** The provider decides which members a grant must have. */
function configured({ provider: id }: Account, provider: Provider | undefined): Provider {
  if (provider === undefined) throw new ServiceError('conflict', providerNotConfigured(id));
  return provider;
}
