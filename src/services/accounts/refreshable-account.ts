/** Finds an account that may be refreshed on request. */
import type { Principal } from '../../domain/access/principal';
import { type Account, AccountState } from '../../domain/account/account';
import { notFound, ServiceError } from '../../domain/service-error';
import { isDisconnectedText } from '../../domain/text/messages';
import type { Store } from '../../store/store';

/** @throws {ServiceError} `not_found` if absent or of another organisation; `conflict` if disabled, disconnected or in quarantine */
export async function refreshableAccount(
  store: Store,
  principal: Principal,
  id: string,
): Promise<Account> {
  const account = await store.accounts.find(principal.organisation, id);
  if (account === null) throw notFound(`account ${id}`);
  if (account.state === AccountState.disabled) {
    throw new ServiceError(
      'conflict',
      'The account is disabled. Enable it first: PATCH {"disabled": false}.',
    );
  }
  requireConnected(account);
  if (account.quarantine) throw new ServiceError('conflict', IN_QUARANTINE);
  return account;
}

/** @throws {ServiceError} `conflict` if the account's tokens were deleted, or are about to be */
export function requireConnected({ id, state }: Pick<Account, 'id' | 'state'>): void {
  if (state === AccountState.disconnected)
    throw new ServiceError('conflict', isDisconnectedText(id));
}

/** The message of every refresh refused because of quarantine. */
export const IN_QUARANTINE =
  'The account is in quarantine, because another system still refreshes it. A refresh by both systems could break its grant. Stop that system, then release the account: evergrant accounts release <id>, or PATCH {"quarantine": false}.';
