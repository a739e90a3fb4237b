/** Joins the provider's ledger with Evergrant's records. */
import type { ExchangeOutcome, LogEntry } from '../../src/domain/logs/log-entry';
import { ATTEMPT_ACTIONS, type LogAction } from '../../src/domain/logs/log-entry';
import type { LedgerEntry } from '../../src/sandbox/ledger';
import type { Harness } from '../support/harness';
import { PROVIDERS, type SimulatedAccount } from './_ten-hours';

/** One request, as the provider saw it. */
interface Presentation {
  refreshToken: string;
  ended: ExchangeOutcome;
}

export interface Joined {
  presented: ExchangeOutcome[];
  /** The logged outcomes of attempts that were sent. */
  logged: (ExchangeOutcome | null)[];
  /** Used refresh tokens of a rotating provider that were presented again without a recorded reason. */
  unexplainedReplays: number;
}

export async function join(h: Harness, account: SimulatedAccount): Promise<Joined> {
  const presentations = presentationsOf(h.sandbox.ledger, account.label);
  // Validations use no refresh token.
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

/** The outcome that the client must have seen. */
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
