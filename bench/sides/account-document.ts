/** Accounts as the database holds them, for benchmarks that fill it without the API. */
import { AccountState } from '../../src/domain/account/account';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

export interface Stored {
  _id: string;
  [member: string]: unknown;
}

export const idOf = (kind: string, n: number) => `${kind}_${String(n).padStart(10, '0')}`;

/** @param all accounts of the collection; due times are spread over them */
export function accountDocument(
  n: number,
  { now, all, organisation }: { now: Date; all: number; organisation: string },
): Stored {
  const at = now.getTime();
  const expiresAt = new Date(at + (n % 120) * MINUTE);
  return {
    _id: idOf('acc', n),
    organisation,
    provider: 'ebay',
    environment: 'production',
    external_id: `shop-${n}`,
    label: `Shop ${n}`,
    kind: null,
    state: AccountState.active,
    state_at: now,
    generation: 1,
    current: {
      access_token: `ENC:v1:k1:${'x'.repeat(100)}`,
      refresh_token: `ENC:v1:k1:${'y'.repeat(100)}`,
      access_token_fingerprint: `a${n}`,
      refresh_token_fingerprint: `r${n}`,
      expires_at: expiresAt,
      refresh_token_expires_at: new Date(at + (n % 500) * 24 * HOUR),
      scopes: [],
      obtained_at: now,
    },
    orphaned_grants: [],
    claim: null,
    quarantine: false,
    last_validation: { outcome: n % 50 === 0 ? 'invalid' : 'valid', at: now, log_entry_id: 'entry' },
    expiring_soon_at: new Date(expiresAt.getTime() - 15 * MINUTE),
    first_expiry_at: expiresAt,
    // One account in eight is due.
    due_at: new Date(at + ((n % 8) - 1) * 10 * MINUTE - (n / all) * MINUTE),
    failed_attempts: 0,
    created_at: now,
    updated_at: now,
  };
}
