/** The accounts to which an API key or a JWT with the scope `tokens` is restricted within its organisation. */
import type { Account } from '../account/account';

/** Each list restricts on its own; an account must be in all lists. `null`: the list does not restrict. */
export interface AccountBounds {
  providers: readonly string[] | null;
  kinds: readonly string[] | null;
  /** Account ids. */
  accounts: readonly string[] | null;
}

/** The most entries of a list; a longer one would make every query of the key slow. */
export const BOUNDS_MAX = { providers: 100, kinds: 100, accounts: 1_000 } as const;
/** The most characters of an entry. */
export const BOUND_MAX_CHARACTERS = 64;

/** Whether the principal may ask for a token of the account. Without bounds it may for every account. */
export function isWithin(
  bounds: AccountBounds | undefined,
  { id, provider, kind }: Pick<Account, 'id' | 'provider' | 'kind'>,
): boolean {
  if (bounds === undefined) return true;
  const { providers, kinds, accounts } = bounds;
  return (
    (providers === null || providers.includes(provider)) &&
    (kinds === null || (kind !== null && kinds.includes(kind))) &&
    (accounts === null || accounts.includes(id))
  );
}

/** `undefined` if no list restricts. */
export function accountBounds(
  lists: {
    [List in keyof AccountBounds]?: AccountBounds[List] | undefined;
  },
): AccountBounds | undefined {
  const { providers = null, kinds = null, accounts = null } = lists;
  if (providers === null && kinds === null && accounts === null) return undefined;
  return { providers, kinds, accounts };
}
