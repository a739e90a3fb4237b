/** When an account is due, and when a failed one is tried again. Decisions only; nothing here reads or writes. */
import { type Account, AccountState } from './account';
import { remainingLifeMs } from './grant';
import { refreshTokenWarningAt } from './refresh-token-clock';

/** Durations in milliseconds. */
export interface RefreshPolicy {
  /** Whether sweeps refresh at all; by hand and on use accounts are refreshed all the same. */
  enabled: boolean;
  sweepEveryMs: number;
  /** A sweep gives each account a workflow of its own while no more are due than this; beyond it they go in batches. */
  perAccountUpTo: number;
  /** So many batches of a sweep are under way at once, each a part of what is due, on whichever worker takes it. */
  batchesAtOnce: number;
  /** Due when the access token ends within this; of a short-lived token, at most within half its life. */
  refreshBeforeMs: number;
  /** Due when the last refresh is this long ago: the failsafe for an expiry that was wrong (R0.3). */
  refreshAfterAgeMs: number | null;
  /** Refreshed accounts are due up to this much earlier, each by a part of its own: a burst does not come again. */
  jitterMs: number;
  /** How long sweeps leave an account alone after a failure: doubling, from the first to the longest. */
  backOffFirstMs: number;
  backOffMaxMs: number;
  /** How often the provider is asked whether an access token works; 0: in every sweep, `null`: never. */
  validateEveryMs: number | null;
}

/** What one account may have otherwise than its provider; what is of the sweep is the same for all of them. */
export type AccountPolicy = Partial<
  Omit<RefreshPolicy, 'sweepEveryMs' | 'perAccountUpTo' | 'batchesAtOnce'>
>;

/** What a provider says about when its accounts are due. */
export interface RefreshRule {
  policy: RefreshPolicy;
  /** How long its access tokens usually live: for tokens whose whole life is not known. */
  accessTokenLifeSeconds: number;
}

/** The rule of a provider, by its name. */
export type RefreshRules = (providerId: string) => RefreshRule;

type DueReason =
  | 'access_token_expires'
  | 'refreshed_long_ago'
  | 'fresh'
  | 'quarantined'
  | 'does_not_expire'
  | 'backing_off'
  | 'not_enabled'
  | 'needs_reconnect'
  | 'inactive'
  | 'disabled';

export interface DueDecision {
  due: boolean;
  reason: DueReason;
}

/** What the clocks of an account follow from. */
export type Clocked = Pick<
  Account,
  | 'id'
  | 'current'
  | 'lastRefreshedAt'
  | 'nextAttemptAt'
  | 'policy'
  | 'refreshTokenWarnedDays'
  | 'lastValidation'
>;

/** The moments that are stored with an account, so that lists and counts are one range scan each; `null`: never. */
export interface AccountClocks {
  /** Sweeps refresh it from then on, while it is active. */
  dueAt: Date | null;
  /** Its access token counts as expiring soon from then on. */
  expiringSoonAt: Date | null;
  /** The next warning that its refresh token ends. */
  refreshTokenWarningAt: Date | null;
  /** Sweeps ask its provider from then on whether the access token works. */
  validationDueAt: Date | null;
}

export function accountClocks(account: Clocked, rule: RefreshRule): AccountClocks {
  const policy = policyOf(account, rule);
  const expiryAt = expiryDueAt(account, rule);
  const clock = Math.min(
    ...[expiryAt, ageDueAt(account, policy)].flatMap((at) => at?.getTime() ?? []),
  );
  return {
    dueAt:
      policy.enabled && expiryAt !== null
        ? new Date(Math.max(clock, Number(account.nextAttemptAt)))
        : null,
    expiringSoonAt: before(account.current.expiresAt, marginMs(account, rule)),
    refreshTokenWarningAt: refreshTokenWarningAt(
      account.current.refreshTokenExpiresAt,
      account.refreshTokenWarnedDays,
    ),
    validationDueAt: validationDueAt(account, policy),
  };
}

/**
 * A token that a refresh brought just now is not asked about before its interval is over; one that a person entered is
 * asked about at once. Where every sweep asks (an interval of 0), each asks about all.
 */
function validationDueAt(
  { current, lastValidation }: Clocked,
  { enabled, validateEveryMs }: RefreshPolicy,
): Date | null {
  if (!enabled || validateEveryMs === null) return null;
  const entered = current.attemptId === null;
  const known = entered || validateEveryMs === 0 ? 0 : Date.parse(current.obtainedAt);
  return new Date((lastValidation?.at.getTime() ?? known) + validateEveryMs);
}

function before(end: string | null, ms: number): Date | null {
  return end === null ? null : new Date(Date.parse(end) - ms);
}

/** The two moments of which the earlier makes an account due; `null`: that clock does not run. */
export function dueMoments(
  account: Clocked,
  rule: RefreshRule,
): { byExpiry: Date | null; byAge: Date | null } {
  return {
    byExpiry: expiryDueAt(account, rule),
    byAge: ageDueAt(account, policyOf(account, rule)),
  };
}

/** Whether a sweep should refresh the account now, and why or why not. The store's due list asks the same. */
export function dueDecision(
  account: Clocked & Pick<Account, 'state' | 'quarantine'>,
  rule: RefreshRule,
  now: Date,
): DueDecision {
  if (account.state !== AccountState.active) return { due: false, reason: account.state };
  if (account.quarantine) return { due: false, reason: 'quarantined' };
  const policy = policyOf(account, rule);
  if (!policy.enabled) return { due: false, reason: 'not_enabled' };
  if (account.current.expiresAt === null) return { due: false, reason: 'does_not_expire' };
  if (account.nextAttemptAt !== null && account.nextAttemptAt > now)
    return { due: false, reason: 'backing_off' };
  const expiryAt = expiryDueAt(account, rule);
  if (expiryAt !== null && expiryAt <= now) return { due: true, reason: 'access_token_expires' };
  const byAge = ageDueAt(account, policy);
  return byAge !== null && byAge <= now
    ? { due: true, reason: 'refreshed_long_ago' }
    : { due: false, reason: 'fresh' };
}

/** The policy in force for an account: its own, and its provider's where it says nothing. */
export function policyOf(
  { policy }: Pick<Account, 'policy'>,
  { policy: ofProvider }: RefreshRule,
): RefreshPolicy {
  return {
    ...ofProvider,
    ...policy,
    enabled: ofProvider.enabled && (policy?.enabled ?? true),
  };
}

/** How often an account is refreshed if all goes well: by whichever of its clocks runs faster. */
export function refreshEveryMs({ policy, accessTokenLifeSeconds }: RefreshRule): number {
  const life = accessTokenLifeSeconds * 1000;
  const byExpiry = life - Math.min(policy.refreshBeforeMs, life * MARGIN_OF_LIFE);
  return Math.min(byExpiry, policy.refreshAfterAgeMs ?? Infinity);
}

/** No margin takes more than this part of a token's life: a token of 5 minutes is not refreshed at every sweep. */
const MARGIN_OF_LIFE = 0.5;
/** Nor does the spread. */
const JITTER_OF_LIFE = 0.1;

function marginMs(account: Clocked, rule: RefreshRule): number {
  return Math.min(policyOf(account, rule).refreshBeforeMs, lifeMs(account, rule) * MARGIN_OF_LIFE);
}

/** A token that a person entered may be late in its life: how long it lives in all is then the provider's to say. */
function lifeMs({ current }: Clocked, rule: RefreshRule): number {
  const seen = remainingLifeMs(current, new Date(current.obtainedAt));
  return current.attemptId === null ? Math.max(seen, rule.accessTokenLifeSeconds * 1000) : seen;
}

/** `null`: the access token does not end, and nothing is to be refreshed. */
function expiryDueAt(account: Clocked, rule: RefreshRule): Date | null {
  return before(account.current.expiresAt, marginMs(account, rule) + spreadMs(account, rule));
}

function ageDueAt(account: Clocked, policy: RefreshPolicy): Date | null {
  if (policy.refreshAfterAgeMs === null) return null;
  const spread = Math.min(shareOf(account) * policy.jitterMs, policy.refreshAfterAgeMs * 0.1);
  return new Date(account.lastRefreshedAt.getTime() + policy.refreshAfterAgeMs - spread);
}

function spreadMs(account: Clocked, rule: RefreshRule): number {
  const { jitterMs } = policyOf(account, rule);
  return Math.min(shareOf(account) * jitterMs, lifeMs(account, rule) * JITTER_OF_LIFE);
}

/**
 * Each account's own part of the jitter, the same at every refresh: from 0 to 1, from its id. None for a grant that
 * a person entered: it is due when the policy says, to the second.
 */
function shareOf({ id, current }: Clocked): number {
  if (current.attemptId === null) return 0;
  // FNV-1a: spreads ids well, and needs nothing of Node where workflows import this.
  let hash = 0x811c9dc5;
  for (const character of id) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  // Its last characters alone would move the lowest bits only.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32;
}

const BACK_OFF_FIRST_MS = 10_000;
const BACK_OFF_IN_WORKFLOW_MAX_MS = 5 * 60_000;

/** The pause before try `failures + 1` inside a workflow: 10 s, doubling, at most 5 min. */
export function retryPauseMs(failures: number): number {
  return Math.min(BACK_OFF_FIRST_MS * 2 ** Math.max(0, failures - 1), BACK_OFF_IN_WORKFLOW_MAX_MS);
}

/** The pause after a worker vanished in the middle of an attempt, and after each that vanishes next: none at first. */
export function lostPauseMs(lost: number): number {
  return lost <= 1 ? 0 : retryPauseMs(lost - 1);
}

/** How long sweeps leave an account alone after `failures` in a row. */
export function sweepBackOffMs(
  failures: number,
  { backOffFirstMs, backOffMaxMs }: Pick<RefreshPolicy, 'backOffFirstMs' | 'backOffMaxMs'>,
): number {
  return Math.min(backOffFirstMs * 2 ** Math.min(Math.max(0, failures - 1), 20), backOffMaxMs);
}
