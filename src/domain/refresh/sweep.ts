/** Input and summary of a sweep. */
import type { HoldReason } from '../limits/app-limiter';

/** Longest wait, in ms, of a sweep for a throttled OAuth app limiter. Longer waits are left to the next sweep. */
export const LIMITER_WAIT_MAX_MS = 120_000;

/** Failure type with which an activity reports to a sweep that its provider is not configured. */
export const PROVIDER_NOT_CONFIGURED = 'provider_not_configured';

export interface SweepInput {
  provider: string;
  environment?: string | undefined;
  /** Set by the sweep when it continues as new. Operators omit it. */
  progress?: SweepProgress | undefined;
}

/** Position in the due list. `expiring` lists accounts by their first expiry, `rest` lists the other due accounts. */
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
  /** Accounts whose refresh or validation failed, of any failure class. */
  failed: number;
  needs_reconnect: number;
  /** The failure is transient and the account's workflow retries. */
  retrying: number;
  /** Another refresh of the account was running. */
  in_flight: number;
  /** The account was no longer due at its turn. */
  skipped: number;
  /** Left for the next sweep because the OAuth app limiter is open, throttled or out of quota. */
  deferred: number;
  /** Accounts whose owner was warned of the refresh token's expiry. */
  refresh_tokens_expiring: number;
  failures: Record<string, number>;
  /** Why the sweep did not run, in a sentence. Absent if it ran. */
  refused?: string;
  /** Accounts due for validation; 0 if the provider's accounts are not validated. */
  validation_due: number;
  validated: number;
  /** Access tokens that the provider refused. They count as failed unless a refresh follows. */
  invalid: number;
}

export interface SweepProgress {
  /** `null`: the refreshes are finished and the validations run. */
  cursor: DueCursor | null;
  /** The time for which the due list is read, kept across continue-as-new. `null`: not started. */
  asOf: string | null;
  /** Refreshes run in batches, because too many accounts are due for a workflow each. */
  inBatches: boolean;
  /** Validations follow the refreshes. */
  validates: boolean;
  /** Another pass was requested during this one. */
  again: boolean;
  summary: SweepSummary;
}

export interface DueAccount {
  accountId: string;
  organisation: string;
  /** Together with the provider it identifies the OAuth app. */
  environment: string;
  label: string;
}

/** An OAuth app whose accounts a sweep skips, with the number of due accounts. */
export interface HeldApp {
  environment: string;
  reason: HoldReason;
  due: number;
}

/**
 * Summarises the sweep in one line: `ebay: refreshed 8/10, failed 2 (2 to reconnect), 1 in flight`, or with validation:
 * `shopify: refreshed 2/2, validated 7/8, failed 1 (1 refused)`.
 */
export function summaryLine(summary: SweepSummary): string {
  const { provider, environment } = summary;
  const name = environment === null ? provider : `${provider} (${environment})`;
  return `${name}: ${summaryText(summary)}`;
}

/** The summary without its provider, for places that name it. */
export function summaryText(summary: SweepSummary): string {
  const { due, refreshed, failed, validation_due: asked } = summary;
  if (summary.refused !== undefined) return `not swept. ${summary.refused}`;
  if (isIdle(summary)) return 'nothing was due';
  const failures = [
    count(summary.needs_reconnect, 'to reconnect'),
    count(summary.retrying, 'retrying'),
    count(summary.invalid, 'refused'),
  ].flat();
  const rest = [
    count(summary.in_flight, 'in flight'),
    count(summary.skipped, 'no longer due'),
    count(summary.deferred, 'deferred to the next sweep'),
    count(summary.refresh_tokens_expiring, 'warned that the refresh token expires'),
  ].flat();
  const parts = [
    due === 0 ? [] : [`refreshed ${refreshed}/${due}`],
    asked === 0 ? [] : [`validated ${summary.validated}/${asked}`],
    failed === 0
      ? []
      : [`failed ${failed}${failures.length > 0 ? ` (${failures.join(', ')})` : ''}`],
    rest,
  ].flat();
  return parts.join(', ');
}

/** Whether a sweep had nothing to do. */
export function isIdle({ due, validation_due: validationDue }: SweepSummary): boolean {
  return due === 0 && validationDue === 0;
}

function count(number: number, what: string): string[] {
  return number === 0 ? [] : [`${number} ${what}`];
}
