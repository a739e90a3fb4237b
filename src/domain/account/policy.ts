/** The refresh policy of providers and accounts, its default, and the due times that follow from it. */

/** Durations in milliseconds. */
export interface RefreshPolicy {
  /** Whether sweeps refresh accounts. Manual refreshes and refreshes on use are not affected. */
  enabled: boolean;
  sweepEveryMs: number;
  /** Up to this many due accounts, a sweep starts one workflow per account. Beyond it, it refreshes them in batches. */
  perAccountUpTo: number;
  /** Maximum number of batches of one sweep that run at the same time, on any worker. */
  batchesAtOnce: number;
  /** An account is due this long before a token expires, or halfway through a short lifetime. */
  refreshBeforeMs: number;
  /** No earlier request before the access token expires, because the provider would refuse it. `null`: no limit. */
  notBeforeMs: number | null;
  /** An account is due this long after its last refresh, as a safeguard against a wrong expiry. `null`: no limit. */
  refreshAfterAgeMs: number | null;
  /** Maximum deterministic jitter per account, so that accounts imported together do not stay synchronised. */
  jitterMs: number;
  /** First and longest time for which sweeps skip an account after failures. The time doubles with each failure. */
  backOffFirstMs: number;
  backOffMaxMs: number;
  /** Interval between validations of an access token. 0: in every sweep. `null`: never. */
  validateEveryMs: number | null;
}

/** The policy if neither the adapter nor `providers.yaml` overrides it. */
export const DEFAULT_POLICY: RefreshPolicy = {
  enabled: true,
  sweepEveryMs: 10 * 60_000,
  // This many workflows finish quickly.
  perAccountUpTo: 500,
  // Enough for several workers to share the work.
  batchesAtOnce: 4,
  refreshBeforeMs: 15 * 60_000,
  notBeforeMs: null,
  refreshAfterAgeMs: null,
  jitterMs: 0,
  backOffFirstMs: 10_000,
  backOffMaxMs: 60 * 60_000,
  validateEveryMs: null,
};

/** The settings that one account can override. The settings of the sweep apply to the whole provider. */
export type AccountPolicy = Partial<
  Omit<RefreshPolicy, 'sweepEveryMs' | 'perAccountUpTo' | 'batchesAtOnce' | 'notBeforeMs'>
>;

/** Times stored with an account, so that each list and count is one index range scan. `null`: never. */
export interface AccountDueTimes {
  /** From this time on, sweeps refresh the account if it is active. */
  dueAt: Date | null;
  /** From this time on, the account is `expiring_soon`: one of its tokens expires, or its refresh token has expired. */
  expiringSoonAt: Date | null;
  /**
   * When the first renewable token expires. Sweeps take accounts in this order. If the access token does not expire,
   * this is when the candidate is due, because sweeps list only accounts that have this time.
   */
  firstExpiryAt: Date | null;
  /** When the next warning about the refresh token's expiry is due. */
  refreshTokenWarningAt: Date | null;
  /** From this time on, sweeps validate the access token. */
  validationDueAt: Date | null;
}
