/** Badges for an account's status. */
import { type Account, type AccountStatus, accountStatus } from '../../domain/account/account';
import { Badge, type Tone } from './badge';

const STATUSES: Record<AccountStatus, { tone: Tone; word: string }> = {
  ok: { tone: 'good', word: 'OK' },
  expiring_soon: { tone: 'warn', word: 'Expiring soon' },
  expired: { tone: 'bad', word: 'Expired' },
  needs_reconnect: { tone: 'bad', word: 'Needs reconnect' },
  inactive: { tone: 'warn', word: 'Inactive' },
  disabled: { tone: 'plain', word: 'Disabled' },
  disconnected: { tone: 'plain', word: 'Disconnected' },
};

export function statusWord(status: AccountStatus): string {
  return STATUSES[status].word;
}

export function StatusBadge({ account, now }: { account: Account; now: Date }) {
  const status = accountStatus(account, now);
  // The account is new; no token has expired.
  if (status === 'expired' && account.current.accessToken === null)
    return <Badge tone="warn">Not yet refreshed</Badge>;
  return <Badge tone={STATUSES[status].tone}>{STATUSES[status].word}</Badge>;
}

/** The usual environment is left out, so that the others are seen. */
const USUAL_ENVIRONMENT = 'production';

/** The provider of a row, with the environment and the kind of its account. */
export function ProviderCell({
  provider,
  environment,
  kind,
}: Pick<Account, 'provider' | 'environment' | 'kind'>) {
  const details = [environment === USUAL_ENVIRONMENT ? null : environment, kind].filter(
    (part) => part !== null,
  );
  return (
    <>
      {provider}
      {details.length > 0 && <span class="detail">{details.join(' · ')}</span>}
    </>
  );
}

/** `access_token_expires` → `access token expires` */
export function words(name: string): string {
  return name.replaceAll('_', ' ');
}
