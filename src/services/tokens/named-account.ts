/** Finds the account of a token request that names a provider and an external id in place of the account's id. */
import type { Principal } from '../../domain/access/principal';
import { notFound, ServiceError } from '../../domain/service-error';
import type { ConfiguredProviders } from '../../providers/config/configured-providers';
import { normalizedExternalId } from '../../providers/external-id';
import type { Store } from '../../store/store';

interface NamedAccount {
  provider: string;
  externalId: string;
  /** Default: the provider's default environment. */
  environment?: string | undefined;
  /** Absent: any kind. */
  kind?: string | undefined;
}

/**
 * Accounts out of the caller's bounds are not found, so they cannot make a name ambiguous.
 * @throws {ServiceError} `not_found`; `conflict` if several accounts match
 */
export async function accountIdOf(
  { provider, externalId, environment, kind }: NamedAccount,
  { organisation, bounds }: Pick<Principal, 'organisation' | 'bounds'>,
  { store, providers }: { store: Pick<Store, 'accounts'>; providers: ConfiguredProviders },
): Promise<string> {
  const adapter = providers.find(provider)?.adapter;
  const where = environment ?? adapter?.defaultEnvironment;
  const name = `account ${provider}/${externalId}${where === undefined ? '' : ` (${where})`}`;
  if (where === undefined) throw notFound(name);
  const stored = adapter === undefined ? externalId : normalizedExternalId(externalId, adapter);
  const [id, another] = await store.accounts.idsOfExternalId({
    organisation,
    provider,
    environment: where,
    externalId: stored ?? externalId,
    kind,
    bounds,
    limit: 2,
  });
  if (id === undefined) throw notFound(name);
  if (another === undefined) return id;
  throw new ServiceError(
    'conflict',
    `Several accounts match ${provider}/${externalId} (${where}). Name the kind, or ask with the id of the account.`,
  );
}
