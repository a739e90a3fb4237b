/** The provider as it applies to one account's grant. */
import type { Account } from '../domain/account/account';
import { holdsCredentials } from '../domain/account/grant-type';
import type { Provider } from '../providers/provider';
import type { RefreshDependencies } from './dependencies';

/** Credentials are not used up by a request, so a request with them may always be repeated. */
export function providerOf(
  { providers }: Pick<RefreshDependencies, 'providers'>,
  { provider: id, grantType }: Pick<Account, 'provider' | 'grantType'>,
): Provider | undefined {
  const provider = providers.find(id);
  return provider === undefined || !holdsCredentials(grantType)
    ? provider
    : { ...provider, replayRule: { kind: 'safe' }, refreshTokenLifeSeconds: null };
}
