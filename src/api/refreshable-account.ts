/** The account a person asks to refresh: of their organisation, and not disabled. */
import { type Account, AccountState } from '../domain/account';
import type { Principal } from '../store/api-keys';
import type { Store } from '../store/store';
import { ApiError, notFound } from './errors';

/** @throws {ApiError} `not_found` (absent and foreign alike) or `conflict` (disabled) */
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
  return account;
}
