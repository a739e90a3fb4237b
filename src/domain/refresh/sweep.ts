/** What a sweep is asked and what it answers. */
import type { HoldReason } from './lane';

/** A throttled lane that opens within this is waited for; a longer wait is left to the next sweep. */
export const LANE_WAIT_MAX_MS = 120_000;

export interface SweepInput {
  provider: string;
  environment?: string | undefined;
  /** Set by the sweep itself when it continues as new; an operator leaves it out. */
  progress?: SweepProgress | undefined;
}

/** A page's place in the due list: what expires soonest first, then all else that is due; and after what. */
export interface DueCursor {
  scan: 'expiring' | 'rest';
  at: string | null;
  accountId: string | null;
}

export interface SweepSummary {
  provider: string;
  environment: string | null;
  started_at: string;
  finished_at: string | null;
  due: number;
  refreshed: number;
  /** Accounts whose refresh or validation failed, whatever the class. */
  failed: number;
  needs_reconnect: number;
  /** Failed for a reason that passes; the account's own workflow goes on trying. */
  retrying: number;
  /** Another refresh was already under way. */
  in_flight: number;
  /** No longer due when its turn came. */
  skipped: number;
  /** Left for the next sweep, because their lane is closed, throttled or has used up its quota. */
  left: number;
  /** Accounts whose owner was warned that the refresh token ends. */
  refresh_tokens_expiring: number;
  failures: Record<string, number>;
  /** Accounts whose provider was to be asked whether the access token works; 0 where the provider is not validated. */
  validation_due: number;
  validated: number;
  /** Refused by the provider; they count as failed unless a refresh is tried. */
  invalid: number;
}

export interface SweepProgress {
  /** `null`: the refreshes are through, the validations are under way. */
  cursor: DueCursor | null;
  /** The moment the due list is as of, kept over continue-as-new; `null`: it is yet to begin. */
  asOf: string | null;
  /** More are due than are given a workflow each. Absent in what older workers began. */
  inBatches?: boolean;
  /** Validations follow the refreshes. Absent in what older workers began: what is due is asked for. */
  validates?: boolean;
  /** Somebody asked for another pass meanwhile. */
  again: boolean;
  summary: SweepSummary;
}

export interface DueAccount {
  accountId: string;
  organisation: string;
  /** With the provider it names the lane. */
  environment: string;
  label: string;
}

/** A lane whose accounts a sweep does not begin with, and how many of them are due. */
export interface HeldLane {
  environment: string;
  reason: HoldReason;
  due: number;
}

/**
 * The cycle in one line for people (R2.4): `ebay: refreshed 8/10, failed 2 (2 to reconnect), 1 in flight`, or, of a
 * provider that is validated, `shopify: refreshed 2/2, validated 7/8, failed 1 (1 refused)`.
 */
export function summaryLine(summary: SweepSummary): string {
  const { provider, environment, due, refreshed, failed, validation_due: asked } = summary;
  const name = environment === null ? provider : `${provider} (${environment})`;
  if (due === 0 && asked === 0) return `${name}: nothing was due`;
  const failures = [
    count(summary.needs_reconnect, 'to reconnect'),
    count(summary.retrying, 'being tried again'),
    count(summary.invalid, 'refused'),
  ].flat();
  const rest = [
    count(summary.in_flight, 'in flight'),
    count(summary.skipped, 'no longer due'),
    count(summary.left, 'left for the next sweep'),
    count(summary.refresh_tokens_expiring, 'warned of a refresh token that ends'),
  ].flat();
  const failedPart = `failed ${failed}${failures.length > 0 ? ` (${failures.join(', ')})` : ''}`;
  const validated = asked === 0 ? [] : [`validated ${summary.validated}/${asked}`];
  return [`${name}: refreshed ${refreshed}/${due}`, ...validated, failedPart, ...rest].join(', ');
}

function count(number: number, what: string): string[] {
  return number === 0 ? [] : [`${number} ${what}`];
}
