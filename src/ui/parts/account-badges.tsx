/** An account's status (R1.9) and how its last attempt ended, in a word. */
import type { AccountStatus } from '../../domain/account';
import { Badge, type Tone } from './badge';

const STATUSES: Record<AccountStatus, { tone: Tone; word: string }> = {
  ok: { tone: 'good', word: 'OK' },
  expiring_soon: { tone: 'warn', word: 'Expiring soon' },
  expired: { tone: 'bad', word: 'Expired' },
  needs_reconnect: { tone: 'bad', word: 'Needs reconnect' },
  inactive: { tone: 'warn', word: 'Inactive' },
  disabled: { tone: 'plain', word: 'Disabled' },
};

export function statusWord(status: AccountStatus): string {
  return STATUSES[status].word;
}

export function StatusBadge({ status }: { status: AccountStatus }) {
  return <Badge tone={STATUSES[status].tone}>{STATUSES[status].word}</Badge>;
}

export function OutcomeBadge({ outcome }: { outcome: 'refreshed' | 'failed' }) {
  return outcome === 'refreshed' ? (
    <Badge tone="good">Refreshed</Badge>
  ) : (
    <Badge tone="bad">Failed</Badge>
  );
}

/** `access_token_expires` → `access token expires`: reasons are named so that their names can be read. */
export function words(name: string): string {
  return name.replaceAll('_', ' ');
}
