/** Disconnects an account: its tokens are revoked at the provider and then deleted, while the account and its history stay. */
import { beginDisconnection } from '../../activities/begin-disconnection';
import type { Account } from '../../domain/account/account';
import { isFinished, storedTokens } from '../../domain/connect/stored-tokens';
import { notFound, ServiceError } from '../../domain/service-error';
import type { ConfiguredProviders } from '../../providers/config/configured-providers';
import type { RevocationEffects } from '../../providers/consent/consent';
import type { Store } from '../../store/store';
import type { ConnectClient } from '../../temporal/connect-client';

export interface DisconnectDependencies {
  store: Store;
  connect: Pick<ConnectClient, 'disconnect'>;
  now: () => Date;
}

/**
 * Takes the account out of service at once; a workflow revokes and deletes its tokens. A second request returns the
 * disconnection that is running.
 * @throws {ServiceError} `not_found` if absent or of another organisation; `conflict` in quarantine
 */
export async function disconnect(
  deps: DisconnectDependencies,
  organisation: string,
  accountId: string,
  by: string,
): Promise<Account> {
  const { store, connect, now } = deps;
  const account = await store.accounts.find(organisation, accountId);
  if (account === null) throw notFound(`account ${accountId}`);
  if (account.quarantine) throw new ServiceError('conflict', IN_QUARANTINE);
  if (isFinished(account) && storedTokens(account).length === 0) return account;
  // The workflow first: once Temporal has accepted it, the account is disconnected whatever happens to this process.
  const disconnectionId = await connect.disconnect(account, by);
  const begun = await beginDisconnection({ store, now }, { accountId, disconnectionId, by });
  if (begun === null) throw notFound(`account ${accountId}`);
  return begun;
}

const IN_QUARANTINE =
  'The account is in quarantine, because another system still refreshes it, and a revocation would end its access, too. Stop that system, release the account (PATCH {"quarantine": false}), then disconnect it.';

/** The effects of a disconnection at the account's provider, which people read before they start it. */
export interface RevocationNotice {
  /** Whether the provider can revoke tokens. */
  isSupported: boolean;
  effect: string;
  /** `null`: nothing is revoked. */
  takesAlong: RevocationEffects | null;
}

export function revocationNotice(
  providers: ConfiguredProviders,
  { provider: id, environment: name }: Pick<Account, 'provider' | 'environment'>,
): RevocationNotice {
  const provider = providers.find(id);
  const environment = provider?.environments.get(name);
  if (provider === undefined || environment === undefined)
    return {
      isSupported: false,
      effect: `The provider "${id}" is not configured for ${name}, so Evergrant can revoke nothing there. Configure it within a day, or the tokens are deleted without a revocation.`,
      takesAlong: null,
    };
  const { revocation } = provider;
  const isDiscovered = (environment.consent?.metadata ?? null) !== null;
  const isSupported = environment.revocationEndpoint !== null || isDiscovered;
  if (revocation?.kind === 'rfc7009' && isSupported)
    return { isSupported, effect: revocation.effect, takesAlong: revocation.takesAlong };
  if (isSupported) return { isSupported, effect: NOTHING_KNOWN, takesAlong: null };
  return {
    isSupported,
    effect: revocation?.kind === 'not_supported' ? revocation.effect : NO_ENDPOINT,
    takesAlong: null,
  };
}

const NOTHING_KNOWN =
  'Evergrant does not know what the provider ends together with a revoked token.';
const NO_ENDPOINT =
  'This provider has no known revocation endpoint, so its tokens work until they expire. Configure revocationEndpoint in providers.yaml, or ask the person to remove the app at the provider.';
