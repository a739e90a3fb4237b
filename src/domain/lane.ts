/**
 * A lane is one OAuth app: an environment of a provider. What happens to the app happens to all its accounts at once,
 * so what may be sent for it is decided here, for all workers and callers together. Decisions only; the store keeps it.
 */
import type { RefreshFailure } from './refresh-failure';

export const LANE_STATES = ['open', 'parked', 'broken'] as const;
/** `parked`: the app itself is refused. `broken`: the provider fails whoever asks. Both are probed until they heal. */
export type LaneState = (typeof LANE_STATES)[number];

/** What `providers.yaml` says of a lane. */
export interface LaneRule {
  /** Requests in any second; `null`: as many as there are. */
  perSecond: number | null;
  /** Requests in a day (UTC); `null`: as many as there are. */
  perDay: number | null;
  /** The part of the day's requests that sweeps leave to those who ask for a token now; from 0 to 1. */
  reserve: number;
  /** One account at most each so many milliseconds finds out whether a closed lane has healed. */
  probeEveryMs: number;
}

export const DEFAULT_LANE_RULE: LaneRule = {
  perSecond: null,
  perDay: null,
  reserve: 0.1,
  probeEveryMs: 30_000,
};

export interface Lane {
  provider: string;
  environment: string;
  /** Counts the changes: each is made to the version it was decided on. */
  version: number;
  state: LaneState;
  /** `null`: it was never closed. */
  since: Date | null;
  /** What closed it; without the provider's own words, which may be about one account. */
  failure: RefreshFailure | null;
  nextProbeAt: Date | null;
  probes: number;
  /** The provider asked to wait. */
  throttledUntil: Date | null;
  /** Accounts that failed in a row, for a reason that may not be theirs. */
  failing: readonly string[];
  /** Accounts that the app was refused with while another was served: what they meet again is their own. */
  suspects: readonly string[];
  /** When the provider last gave an answer that shows both it and the app to be well. */
  provenAt: Date | null;
  /** Requests of sweeps since then, and the last of them. */
  unproven: number;
  unprovenAt: Date | null;
  reopenedAt: Date | null;
  /** The next moment that nobody has taken, where requests are spread. */
  nextSlotAt: Date | null;
  /** The UTC day that `used` counts the requests of. */
  day: string;
  used: number;
}

export interface PermitRequest {
  /** `on_demand`: somebody waits for it. */
  use: 'scheduled' | 'on_demand';
  purpose: 'refresh' | 'validation' | 'probe';
}

export type HoldReason =
  | 'app_incident'
  | 'provider_outage'
  | 'throttled'
  | 'quota_spent'
  | 'rate_limited'
  /** A sweep sends a few at first, and the rest when one of them was answered. */
  | 'first_answer_awaited';

/** What keeps a whole lane from being sent to for longer than a sweep would wait. */
export const CLOSED_LANE: ReadonlySet<string> = new Set<HoldReason>([
  'app_incident',
  'provider_outage',
  'quota_spent',
]);

export interface Hold {
  reason: HoldReason;
  until: Date;
}

/** `at`: when it may be sent, at once or a little later; `null` for `hold`. */
export type Permit = { lane: Lane; at: Date } | { hold: Hold };

/** So many accounts failing in a row, with nobody served in between, are an outage. */
const BREAK_AFTER = 5;
/** So many requests of sweeps go out before the first of them is answered. */
const UNPROVEN_MAX = 5;
const PROVEN_FOR_MS = 60_000;
/** Longer than the HTTP deadline: by then those that went out were answered or lost. */
const UNPROVEN_FOR_MS = 20_000;
/** After so many probes they become half as many. */
const PATIENT_AFTER = 20;
/** Requests are spread a little wider than the limit, because the network does not keep the distance between them. */
const SPREAD_MS = 1_100;
/** How far ahead a moment is taken. Short for sweeps, so that somebody who waits comes next. */
const AHEAD_MS = { scheduled: 1_000, on_demand: 10_000 } as const;
/** After an outage: so many a second at first, doubling, until there is no need to count. */
const RAMP_FIRST_PER_SECOND = 2;
const RAMP_DOUBLES_EVERY_MS = 5_000;
const RAMP_LAST_PER_SECOND = 64;
const SUSPECT_FOR_MS = 3_600_000;
const NAMES_MAX = 20;
const DAY_MS = 24 * 3_600_000;

export function newLane(provider: string, environment: string, now: Date): Lane {
  return {
    provider,
    environment,
    version: 0,
    state: 'open',
    since: null,
    failure: null,
    nextProbeAt: null,
    probes: 0,
    throttledUntil: null,
    failing: [],
    suspects: [],
    provenAt: null,
    unproven: 0,
    unprovenAt: null,
    reopenedAt: null,
    nextSlotAt: null,
    day: dayOf(now),
    used: 0,
  };
}

/** Whether one more request may be sent, and when; the lane that is answered counts it. */
export function permit(given: Lane, request: PermitRequest, rule: LaneRule, now: Date): Permit {
  const lane = today(given, now);
  if (lane.throttledUntil !== null && lane.throttledUntil > now)
    return hold('throttled', lane.throttledUntil);
  if (lane.used >= allowedToday(rule, request.use)) return hold('quota_spent', endOfDay(now));
  if (lane.state !== 'open') {
    const { nextProbeAt } = lane;
    if (nextProbeAt !== null && (nextProbeAt > now || !mayProbe(request)))
      return hold(lane.state === 'parked' ? 'app_incident' : 'provider_outage', nextProbeAt);
    const probing = { ...lane, probes: lane.probes + 1 };
    return { at: now, lane: { ...counted(probing), nextProbeAt: nextProbe(probing, rule, now) } };
  }
  let unproven = {};
  if (request.use === 'scheduled' && request.purpose === 'refresh' && !isProven(lane, now)) {
    const until = lane.unprovenAt === null ? now : later(lane.unprovenAt, UNPROVEN_FOR_MS);
    const out = until > now ? lane.unproven : 0;
    if (out >= UNPROVEN_MAX) return hold('first_answer_awaited', until);
    unproven = { unproven: out + 1, unprovenAt: now };
  }
  const perSecond = pace(lane, rule, now);
  if (perSecond === null) return { at: now, lane: { ...counted(lane), ...unproven } };
  const at = latest(now, lane.nextSlotAt);
  const aheadMs = AHEAD_MS[request.use];
  if (at.getTime() - now.getTime() > aheadMs) return hold('rate_limited', later(at, -aheadMs));
  const nextSlotAt = later(at, Math.ceil(SPREAD_MS / perSecond));
  return { at, lane: { ...counted(lane), ...unproven, nextSlotAt } };
}

/** Requests a second at this moment; `null`: they need not be spread. */
export function pace(lane: Lane, { perSecond }: LaneRule, now: Date): number | null {
  const since = lane.reopenedAt === null ? Infinity : now.getTime() - lane.reopenedAt.getTime();
  const ramp = RAMP_FIRST_PER_SECOND * 2 ** (since / RAMP_DOUBLES_EVERY_MS);
  if (ramp > RAMP_LAST_PER_SECOND) return perSecond;
  return Math.min(ramp, perSecond ?? ramp);
}

/** Whether requests may go out without the lane being asked about each. */
export function isAtEase(lane: Lane, rule: LaneRule, now: Date): boolean {
  return (
    lane.state === 'open' &&
    rule.perDay === null &&
    pace(lane, rule, now) === null &&
    isProven(lane, now) &&
    (lane.throttledUntil === null || lane.throttledUntil <= now)
  );
}

/** What keeps sweeps from even beginning with the accounts of a lane. */
export function sweepHold(given: Lane, rule: LaneRule, now: Date): Hold | null {
  const lane = today(given, now);
  if (lane.state !== 'open')
    return {
      reason: lane.state === 'parked' ? 'app_incident' : 'provider_outage',
      until: lane.nextProbeAt ?? now,
    };
  return lane.used >= allowedToday(rule, 'scheduled')
    ? { reason: 'quota_spent', until: endOfDay(now) }
    : null;
}

/** What an answer, or its absence, says of the lane. */
export type LaneNews =
  /** The provider served the account, or refused it and nothing else. */
  | { kind: 'alive' }
  | { kind: 'app' | 'provider'; failure: RefreshFailure }
  | { kind: 'rate'; waitMs: number };

export type LaneEventKind = 'app_incident' | 'app_recovered' | 'lane_broken' | 'lane_recovered';

/** What is to be told to the world of a lane. */
export interface LaneEvent {
  kind: LaneEventKind;
  lane: Lane;
  /** When the incident began that this is the beginning or the end of. */
  begunAt: Date;
}

/** The incident that keeps the lane closed; `null` where it is open. */
export function incidentOf(lane: Lane): LaneEvent | null {
  if (lane.state === 'open' || lane.since === null) return null;
  const kind = lane.state === 'parked' ? 'app_incident' : 'lane_broken';
  return { kind, lane, begunAt: lane.since };
}

export interface LaneChange {
  lane: Lane;
  event: LaneEventKind | null;
  /** The app was refused with this account alone: that is the account's trouble. */
  alone: boolean;
}

/** Whose request it was, and when it was permitted. */
export interface Permitted {
  accountId: string;
  at: Date;
}

/** What the news of one account's request does to the lane. The same object is answered where it does nothing. */
export function hear(
  lane: Lane,
  { accountId, at }: Permitted,
  news: LaneNews,
  rule: LaneRule,
  now: Date,
): LaneChange {
  const unchanged: LaneChange = { lane, event: null, alone: false };
  // It went out before the lane was closed or opened, and says nothing of how it is since.
  if (lane.since !== null && at < lane.since && news.kind !== 'rate') return unchanged;
  const failing = [...lane.failing.filter((id) => id !== accountId), accountId].slice(-NAMES_MAX);
  switch (news.kind) {
    case 'alive':
      return alive(lane, accountId, now);
    case 'rate': {
      const until = latest(later(now, news.waitMs), lane.throttledUntil);
      return { ...unchanged, lane: { ...lane, throttledUntil: until } };
    }
    case 'app':
      if (lane.state === 'parked') return { ...unchanged, lane: { ...lane, failing } };
      if (isSuspect(lane, accountId, now)) return { ...unchanged, alone: true };
      return {
        lane: closed({ ...lane, failing: [accountId] }, 'parked', news.failure, rule, now),
        event: 'app_incident',
        alone: false,
      };
    case 'provider':
      if (lane.state !== 'open' || failing.length < BREAK_AFTER)
        return { ...unchanged, lane: { ...lane, failing } };
      return {
        lane: closed({ ...lane, failing }, 'broken', news.failure, rule, now),
        event: 'lane_broken',
        alone: false,
      };
  }
}

function alive(lane: Lane, accountId: string, now: Date): LaneChange {
  const others = (ids: readonly string[]) => ids.filter((id) => id !== accountId);
  const well = { provenAt: now, unproven: 0, failing: [] };
  if (lane.state === 'open') {
    const suspects = isSuspect(lane, accountId, now) ? others(lane.suspects) : lane.suspects;
    return { lane: { ...lane, ...well, suspects }, event: null, alone: false };
  }
  const opened: Lane = {
    ...lane,
    ...well,
    state: 'open',
    since: now,
    failure: null,
    nextProbeAt: null,
    probes: 0,
    reopenedAt: now,
    suspects: lane.state === 'parked' ? others(lane.failing) : [],
  };
  const event = lane.state === 'parked' ? 'app_recovered' : 'lane_recovered';
  return { lane: opened, event, alone: false };
}

function closed(
  lane: Lane,
  state: LaneState,
  { class: failureClass, code, message, status }: RefreshFailure,
  rule: LaneRule,
  now: Date,
): Lane {
  const failure = {
    class: failureClass,
    code,
    message,
    ...(status === undefined ? {} : { status }),
  };
  // An outage in which the app is refused, too, is one incident.
  const since = lane.state === 'open' ? now : lane.since;
  const at = { ...lane, state, since, failure, probes: 0 };
  return { ...at, nextProbeAt: nextProbe(at, rule, now) };
}

/** Whether news that the lane is well changes what others may do; if not, they need not be told at once. */
export function isNewsThatItIsWell(lane: Lane, accountId: string): boolean {
  return lane.state !== 'open' || lane.failing.length > 0 || lane.suspects.includes(accountId);
}

/** Refreshes and validations in a day, if all goes well. */
export function forecastPerDay(
  accounts: number,
  { refreshEveryMs, validateEveryMs }: { refreshEveryMs: number; validateEveryMs: number | null },
): number {
  const each = DAY_MS / refreshEveryMs + (validateEveryMs === null ? 0 : DAY_MS / validateEveryMs);
  return Math.ceil(accounts * each);
}

/** What sweeps may use of a day's requests; the rest is for those who ask for a token now. */
export function allowedToday({ perDay, reserve }: LaneRule, use: PermitRequest['use']): number {
  if (perDay === null) return Infinity;
  return use === 'on_demand' ? perDay : Math.floor(perDay * (1 - reserve));
}

/** The lane as it is on the day of `now`. */
export function today(lane: Lane, now: Date): Lane {
  const day = dayOf(now);
  // Not back to a day that is over: a clock that lags must not give its quota once more.
  return day <= lane.day ? lane : { ...lane, day, used: 0 };
}

function hold(reason: HoldReason, until: Date): Permit {
  return { hold: { reason, until } };
}

function counted(lane: Lane): Lane {
  return { ...lane, used: lane.used + 1 };
}

function mayProbe({ use, purpose }: PermitRequest): boolean {
  return purpose === 'probe' || (purpose === 'refresh' && use === 'on_demand');
}

function nextProbe({ probes }: Lane, { probeEveryMs }: LaneRule, now: Date): Date {
  return later(now, probes < PATIENT_AFTER ? probeEveryMs : 2 * probeEveryMs);
}

function isProven({ provenAt }: Lane, now: Date): boolean {
  return provenAt !== null && now.getTime() - provenAt.getTime() < PROVEN_FOR_MS;
}

function isSuspect({ suspects, reopenedAt }: Lane, accountId: string, now: Date): boolean {
  const since = now.getTime() - (reopenedAt?.getTime() ?? 0);
  return since < SUSPECT_FOR_MS && suspects.includes(accountId);
}

function dayOf(now: Date): string {
  return now.toISOString().slice(0, 10);
}

function endOfDay(now: Date): Date {
  return new Date((Math.floor(now.getTime() / DAY_MS) + 1) * DAY_MS);
}

function later(at: Date, ms: number): Date {
  return new Date(at.getTime() + ms);
}

function latest(a: Date, b: Date | null): Date {
  return b !== null && b > a ? b : a;
}
