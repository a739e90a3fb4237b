/** A new account from the API or an import: validated, encrypted and ready to store. */
import { randomBytes } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import type { Account } from '../../domain/account/account';
import { FIRST_GENERATION } from '../../domain/account/grant';
import { GRANT_TYPES, holdsCredentials } from '../../domain/account/grant-type';
import { ServiceError } from '../../domain/service-error';
import type { ConfiguredProviders } from '../../providers/config/configured-providers';
import {
  externalIdProblem,
  externalIdWarnings,
  lostCharacterWarnings,
  normalizedExternalId,
  plainName,
} from '../../providers/external-id';
import type { Provider } from '../../providers/provider';
import type { NewAccount } from '../../store/accounts/accounts';
import type { Store } from '../../store/store';
import type { Vault } from '../../vault/vault';
import { grantPlace } from '../../vault/vault';
import { accountPolicyOf, PolicyInput } from './account-policy';
import {
  FallbackInput,
  GrantInput,
  grantWarnings,
  sealedCredentialsOf,
  sealedFallbackOf,
  sealedGrantOf,
} from './grant-input';
import { OwnerEmailInput, sealedOwnerEmail } from './owner-email';
import { enteredRefreshToken, sharedTokenWarnings } from './shared-refresh-token';

/** The account's name for people. */
export const AccountLabel = z.string().trim().normalize('NFC').min(1).max(200);
/** Part of the account's identity. */
export const AccountKind = z.string().trim().min(1).max(64);

export const NewAccountBody = z
  .strictObject({
    provider: z.string().openapi({ example: 'ebay' }),
    environment: z.string().optional().openapi({
      description: 'If omitted, the default environment of the provider',
      example: 'production',
    }),
    external_id: z.string().trim().min(1).max(200).openapi({
      description:
        'The id of the account at its provider, in the spelling of the provider. Shops of Shopify are stored in lower case',
      example: 'harbour-books',
    }),
    label: AccountLabel.optional().openapi({
      description: 'The display name. If omitted, external_id',
    }),
    kind: AccountKind.nullable().optional(),
    owner_email: OwnerEmailInput,
    policy: PolicyInput.nullable().optional(),
    quarantine: z.boolean().optional().openapi({
      description:
        'true: another system still refreshes this grant. Evergrant serves its token, and does not refresh it until the account is released',
    }),
    grant: z.enum(GRANT_TYPES).optional().openapi({
      description:
        'How the account obtains access tokens. refresh_token (default): a person gave a consent. client_credentials and jwt_bearer: the account holds credentials, and no person is needed. It cannot be changed later',
    }),
    ...GrantInput.shape,
    ...FallbackInput.shape,
  })
  .openapi('NewAccount', {
    example: {
      provider: 'ebay',
      external_id: 'harbour-books',
      label: 'Harbour Books',
      refresh_token: 'v^1.1#…',
    },
  });

export type AccountInput = z.infer<typeof NewAccountBody>;

export interface EnteredAccount {
  account: NewAccount;
  provider: Provider;
  /** Likely mistakes, each beginning with the member. */
  warnings: string[];
}

/** @throws {ServiceError} `invalid_request` if the provider or environment is not configured */
export function newAccount(
  body: AccountInput,
  organisation: string,
  { vault, providers, now }: { vault: Vault; providers: ConfiguredProviders; now: () => Date },
): EnteredAccount {
  const provider = providers.find(body.provider);
  if (provider === undefined) {
    const names = providers.all.map(({ id }) => id).join(', ');
    throw new ServiceError(
      'invalid_request',
      `provider: ${named(body.provider)} is not configured; configured providers: ${names}`,
    );
  }
  const environment = body.environment ?? provider.adapter.defaultEnvironment;
  if (!provider.environments.has(environment)) {
    const names = [...provider.environments.keys()].join(', ');
    throw new ServiceError(
      'invalid_request',
      `environment: ${named(environment)} is not configured for ${provider.id}; configured environments: ${names}`,
    );
  }
  const wrongId = externalIdProblem(body.external_id);
  if (wrongId !== null) throw new ServiceError('invalid_request', `external_id: ${wrongId}`);
  const externalId = normalizedExternalId(body.external_id, provider.adapter);
  if (externalId === null) {
    throw new ServiceError(
      'invalid_request',
      `external_id: ${named(body.external_id)} is not the address of a ${provider.adapter.displayName} account`,
    );
  }
  const id = `acc_${randomBytes(12).toString('hex')}`;
  const at = now();
  const identity = { id, organisation, provider: provider.id, environment, externalId };
  const grantType = body.grant ?? 'refresh_token';
  const place = grantPlace({ ...identity, grantType }, FIRST_GENERATION);
  const { adapter } = provider;
  const sealing = { provider, vault, place, now: at };
  const held = holdsCredentials(grantType) ? sealedCredentialsOf(body, sealing) : null;
  if (held !== null && body.quarantine === true)
    throw new ServiceError(
      'invalid_request',
      'quarantine: not with credentials, because two systems may use them at the same time',
    );
  const grant = held?.grant ?? sealedGrantOf(body, sealing);
  return {
    provider,
    account: {
      ...identity,
      label: body.label ?? plainName(body.external_id),
      kind: body.kind ?? null,
      quarantine: body.quarantine,
      grantType,
      hasOwnClient: held?.hasOwnClient ?? false,
      grant,
      enteredRefreshToken: held === null ? enteredRefreshToken(grant, provider) : null,
      fallback: sealedFallbackOf(body, { adapter, vault, place }),
      ownerEmail: sealedOwnerEmail(body.owner_email, vault, identity),
      policy: accountPolicyOf(body.policy, provider.environments.get(environment)),
      lastRefreshedAt: null,
    },
    warnings: [
      ...externalIdWarnings(externalId).map((warning) => `external_id: ${warning}`),
      ...lostCharacterWarnings(body.label ?? '').map((warning) => `label: ${warning}`),
      ...grantWarnings(body, provider, at),
    ],
  };
}

/** Stores a new account. @throws {ServiceError} `invalid_request`; `conflict` if its refresh token is in use */
export async function connectAccount(
  deps: { store: Store; vault: Vault; providers: ConfiguredProviders; now: () => Date },
  organisation: string,
  body: AccountInput,
): Promise<{ account: Account; warnings: string[] }> {
  const { store, now } = deps;
  const { account, provider, warnings } = newAccount(body, organisation, deps);
  const shared = holdsCredentials(account.grantType)
    ? []
    : await sharedTokenWarnings(store, organisation, account, provider);
  const created = await store.accounts.create(account, now());
  return { account: created, warnings: [...warnings, ...shared] };
}

/** Quotes only text that looks like a name: with mixed-up columns, it may be a token. */
function named(text: string): string {
  return /^[a-z0-9][a-z0-9 .-]{0,39}$/i.test(text) ? `"${text}"` : `(${text.length} characters)`;
}
