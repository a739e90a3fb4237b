/**
 * Detects one refresh token in two accounts. If the provider rotates, the first refresh of one account uses the token
 * up, and the other account sends it again, which can revoke the grant of both; so the input is refused. Without
 * rotation it is a warning. Only accounts of the caller's organisation are compared.
 */
import type { Account } from '../../domain/account/account';
import type { SealedGrant } from '../../domain/account/grant';
import { ServiceError } from '../../domain/service-error';
import type { Provider } from '../../providers/provider';
import type { AccountIdentity, RefreshTokenHolder } from '../../store/accounts/accounts';
import { identityKey } from '../../store/accounts/accounts';
import type { Store } from '../../store/store';

/** Whether the provider may replace a refresh token when it is used. */
export function rotates({ replayRule }: Provider): boolean {
  return replayRule.kind !== 'safe';
}

/**
 * The fingerprint that the store keeps so that no other account is given the same refresh token, even concurrently;
 * `null` if other accounts may have it.
 */
export function enteredRefreshToken(
  { refreshTokenFingerprint }: Pick<SealedGrant, 'refreshTokenFingerprint'>,
  provider: Provider,
): string | null {
  return rotates(provider) ? refreshTokenFingerprint : null;
}

/** An account that is given a grant. */
export type Recipient = AccountIdentity & { grant: Pick<SealedGrant, 'refreshTokenFingerprint'> };

/** The stored accounts that hold one of the refresh tokens. */
export class RefreshTokenHolders {
  readonly #holders = new Map<string, RefreshTokenHolder[]>();

  private constructor(holders: readonly RefreshTokenHolder[]) {
    for (const holder of holders) {
      const key = tokenKey(holder.provider, holder.fingerprint);
      const known = this.#holders.get(key);
      if (known === undefined) this.#holders.set(key, [holder]);
      else known.push(holder);
    }
  }

  static async of(
    { accounts }: Pick<Store, 'accounts'>,
    organisation: string,
    recipients: readonly Recipient[],
  ): Promise<RefreshTokenHolders> {
    const tokens = recipients.flatMap(({ provider, grant: { refreshTokenFingerprint } }) =>
      refreshTokenFingerprint === null ? [] : [{ provider, fingerprint: refreshTokenFingerprint }],
    );
    return new RefreshTokenHolders(await accounts.refreshTokenHolders(organisation, tokens));
  }

  /** An account other than the recipient that holds the token. */
  other(recipient: Recipient): RefreshTokenHolder | undefined {
    const { refreshTokenFingerprint } = recipient.grant;
    if (refreshTokenFingerprint === null) return undefined;
    const own = identityKey(recipient);
    return this.#holders
      .get(tokenKey(recipient.provider, refreshTokenFingerprint))
      ?.find((holder) => identityKey(holder) !== own);
  }
}

/**
 * Checks one account that is connected or reconnected.
 * @returns a warning if the provider does not rotate
 * @throws {ServiceError} if it does
 */
export async function sharedTokenWarnings(
  store: Pick<Store, 'accounts'>,
  organisation: string,
  recipient: Recipient,
  provider: Provider,
): Promise<string[]> {
  const holders = await RefreshTokenHolders.of(store, organisation, [recipient]);
  const holder = holders.other(recipient);
  if (holder === undefined) return [];
  const sentence = sharedTokenSentence(`account ${holder.id} has the same token`, provider);
  if (rotates(provider)) throw new ServiceError('conflict', sentence);
  return [sentence];
}

/** The same for an existing account that is given another grant. */
export function reconnectWarnings(
  store: Pick<Store, 'accounts'>,
  account: Account,
  grant: SealedGrant,
  provider: Provider,
): Promise<string[]> {
  return sharedTokenWarnings(store, account.organisation, { ...account, grant }, provider);
}

/** @param where names the holder of the token, as the beginning of a sentence */
export function sharedTokenSentence(where: string, provider: Provider): string {
  if (!rotates(provider))
    return `refresh_token: ${where}. If that grant is revoked, both accounts lose it.`;
  // The generic adapter assumes rotation unless providers.yaml says otherwise.
  const otherwise =
    provider.adapter.discovery === true
      ? ' If this provider does not replace refresh tokens, set replay: safe in providers.yaml.'
      : '';
  return `refresh_token: ${where}. ${provider.id} replaces a refresh token when it is used, so a refresh of one account would break the other. Connect this account with a separate grant.${otherwise}`;
}

function tokenKey(provider: string, fingerprint: string): string {
  return `${provider} ${fingerprint}`;
}
