/**
 * The refresh token that a person entered for an account, if its provider rotates refresh tokens. A unique index
 * prevents two accounts from being given the same token, even concurrently. A refresh does not change the member: a
 * used token in a second account would trigger the provider's replay detection, as a valid one would.
 */
import type { Account } from '../../domain/account/account';

/** One string, because a sparse compound index would also hold accounts without this member. */
export function enteredKey(
  { organisation, provider }: Pick<Account, 'organisation' | 'provider'>,
  fingerprint: string,
): string {
  return JSON.stringify([organisation, provider, fingerprint]);
}

/** The member to set; empty if other accounts may hold the token, or if the caller gives no fingerprint. */
export function enteredMember(
  account: Pick<Account, 'organisation' | 'provider'>,
  fingerprint: string | null | undefined,
): { entered_refresh_token?: string } {
  return typeof fingerprint === 'string'
    ? { entered_refresh_token: enteredKey(account, fingerprint) }
    : {};
}

/** The update that lets other accounts be given the token. */
export const NOT_ENTERED = { $unset: { entered_refresh_token: 1 } } as const;
