/** Joins what the provider saw with what Evergrant wrote down. */

import type { ExchangeOutcome, LogEntry } from '../../src/domain/log-entry';
import { ATTEMPT_ACTIONS, type LogAction } from '../../src/domain/log-entry';
import type { LedgerEntry } from '../../src/sandbox/ledger';
import type { Harness } from '../support/harness';
import { PROVIDERS, type SimulatedAccount } from './_ten-hours';

/** One request at the provider's end. */
interface Presentation {
  refreshToken: string;
  ended: ExchangeOutcome;
}

export interface Joined {
  presented: ExchangeOutcome[];
  /** The attempts that were sent, as they were logged. */
  logged: (ExchangeOutcome | null)[];
  /** A used refresh token of a rotating provider that came again with no trouble before it. */
  unexplainedReplays: number;
}

export async function join(h: Harness, account: SimulatedAccount): Promise<Joined> {
  const presentations = presentationsOf(h.sandbox.ledger, account.label);
  // Validations spend no refresh token.
  const attempts: readonly LogAction[] = ATTEMPT_ACTIONS;
  const sent = (await h.entries(account.id))
    .filter(({ action }) => attempts.includes(action))
    .filter(({ outcome }) => outcome !== 'not_sent')
    .toReversed();
  return {
    presented: presentations.map(({ ended }) => ended),
    logged: sent.map(({ outcome }) => outcome),
    unexplainedReplays: rotates(account) ? unexplained(presentations, sent) : 0,
  };
}

function presentationsOf(ledger: readonly LedgerEntry[], subject: string): Presentation[] {
  const mine = ledger.filter((entry) => entry.subject === subject);
  return mine
    .filter(({ event }) => event === 'received')
    .map(({ requestId, refreshTokenFingerprint = '' }) => {
      const last = mine.findLast((entry) => entry.requestId === requestId);
      return { refreshToken: refreshTokenFingerprint, ended: endOf(last) };
    });
}

/** What whoever sent the request must have made of its end. */
function endOf(last: LedgerEntry | undefined): ExchangeOutcome {
  if (last?.event !== 'answered') return 'unknown';
  if (last.outcome === 'ok') return 'ok';
  if (last.outcome !== 'scripted') return 'rejected';
  return last.status === 429 ? 'throttled' : 'unknown';
}

function rotates({ provider }: SimulatedAccount): boolean {
  return ['etsy', 'shopify'].includes(provider) || PROVIDERS[provider]?.rotation !== undefined;
}

function unexplained(presentations: readonly Presentation[], logged: readonly LogEntry[]): number {
  return presentations.filter(({ refreshToken }, n) => {
    const before = presentations.findLastIndex(
      (earlier, place) => place < n && earlier.refreshToken === refreshToken,
    );
    if (before === -1) return false;
    const end = logged[before]?.outcome;
    return before !== n - 1 || (end !== 'unknown' && end !== 'throttled');
  }).length;
}
