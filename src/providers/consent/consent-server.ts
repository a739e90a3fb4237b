/** The authorization server of a consent: its endpoints, from the configuration or from the issuer's metadata. */
import type { AuthorizationServer } from 'oauth4webapi';
import { type AccountAddress, accountAddress } from '../exchange/token-endpoint';
import type { Provider, ProviderEnvironment } from '../provider';
import type { ConsentEndpoint } from './consent';

/** The person and the place of a consent. */
export interface ConsentTarget {
  provider: Provider;
  environment: ProviderEnvironment;
  externalId: string | null;
  /** Values by the names of the provider's inputs, in their stored form. */
  inputs: Readonly<Record<string, string>>;
}

/**
 * Its `issuer` is the audience of client assertions, as in refreshes. It is the true issuer only if
 * {@link ConsentEndpoint.issuer} states one.
 *
 * @throws {AccountAddressError} if the external id is not a host of the provider
 * @throws {NotSentError} if the issuer's metadata could not be read
 */
export async function consentServer(
  { authorizationEndpoint, metadata }: ConsentEndpoint,
  target: ConsentTarget,
): Promise<AuthorizationServer> {
  const { provider, environment } = target;
  const address = accountOf(target);
  const known = await (metadata ?? environment.tokenEndpoint).resolve(address);
  return {
    ...known,
    ...(authorizationEndpoint === null
      ? {}
      : {
          authorization_endpoint: accountAddress(authorizationEndpoint, address, provider.adapter),
        }),
  };
}

/** The account's address at its provider. An input such as the shop may state it. */
export function accountOf({
  provider,
  externalId,
  inputs,
}: Pick<ConsentTarget, 'provider' | 'externalId' | 'inputs'>): AccountAddress {
  const named = provider.consent?.inputs.find(({ isExternalId }) => isExternalId === true);
  return { externalId: externalId ?? (named === undefined ? '' : (inputs[named.name] ?? '')) };
}

/** The redirect URI of a provider's consents if none is configured. */
export function connectCallbackUrl(providerId: string, origin: string): string {
  return new URL(`/connect/callback/${providerId}`, origin).href;
}
