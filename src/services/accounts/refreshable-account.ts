/** The account a person asks to refresh: of their organisation, not disabled, and not in quarantine. */
import { type Account, AccountState } from '../domain/account';
import type { Principal } from '../store/api-keys';
import type { Store } from '../store/store';
import { ApiError, notFound } from './errors';

/** @throws {ApiError} `not_found` (absent and foreign alike) or `conflict` (disabled, or in quarantine) */
export async function refreshableAccount(
  store: Store,
  principal: Principal,
  id: string,
): Promise<Account> {
  const account = await store.accounts.find(principal.organisation, id);
  if (account === null) throw notFound(`account ${id}`);
  if (account.state === AccountState.disabled) {
    throw new ApiError(
      'conflict',
      'The account is disabled. Enable it first: PATCH {"disabled": false}.',
    );
  }
  if (account.quarantine) throw new ApiError('conflict', IN_QUARANTINE);
  return account;
}

/** Said wherever a refresh is refused for it. */
export const IN_QUARANTINE =
  'The account is in quarantine: another system still refreshes it, and a second one could break its grant. Stop that system, then release the account: evergrant accounts release <id>, or PATCH {"quarantine": false}.';
