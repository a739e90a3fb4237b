/**
 * The rate limiter and circuit breaker of one OAuth app, which is one environment of a provider. All workers and callers
 * share its state. This module decides and has no side effects; `store/limits` keeps the state.
 */
import type { RefreshFailure } from '../refresh/refresh-failure';
import type { Evidence, IncidentKind } from './incident-evidence';

export const CIRCUIT_STATES = ['closed', 'open_credentials', 'open_outage'] as const;
/**
 * `closed`: requests flow. `open_credentials`: the provider refuses the app. `open_outage`: the provider fails for every
 * account. An open circuit is probed until it closes.
 */
export type CircuitState = (typeof CIRCUIT_STATES)[number];

/** The limits of one OAuth app in `providers.yaml`. */
export interface AppLimits {
  /** Requests per second; `null`: unlimited. */
  perSecond: number | null;
  /** Requests per UTC day; `null`: unlimited. */
  perDay: number | null;
  /** The fraction of the day's requests, from 0 to 1, that sweeps leave to callers. */
  reserve: number;
  /** Minimum interval between half-open probes, in ms. */
  probeEveryMs: number;
}

export const DEFAULT_APP_LIMITS: AppLimits = {
  perSecond: null,
  perDay: null,
  reserve: 0.1,
  probeEveryMs: 30_000,
};

export interface AppLimiter {
  provider: string;
  environment: string;
  /** Increases with each change; an update applies only to the version that it was decided on. */
  version: number;
  state: CircuitState;
  /** When the circuit last changed; `null`: never. */
  since: Date | null;
  /** The failure that opened the circuit, without the provider's own words, which are in `words`. */
  failure: RefreshFailure | null;
  words: ProviderWords | null;
  nextProbeAt: Date | null;
  probes: number;
  /** The organisation whose account probed last; the next probe goes to another one. */
  probedOrganisation: string | null;
  /** The provider asked the whole app to wait. */
  throttledUntil: Date | null;
  /** Accounts that the provider asked to wait. Each holds back its organisation; a majority holds back the app. */
  throttles: readonly Throttle[];
  /** Evidence for an incident while the circuit is closed; `null`: there is none. */
  evidence: Readonly<Record<IncidentKind, Evidence | null>>;
  /** When the provider last served an account. */
  provenAt: Date | null;
  /** Requests of sweeps that the provider has not answered yet. */
  unanswered: readonly Unanswered[];
  /** When the circuit last closed after an incident. */
  recoveredAt: Date | null;
  /** The next free slot, where requests are spread over time. */
  nextSlotAt: Date | null;
  /** The UTC day that `used` counts the requests of. */
  day: string;
  used: number;
}

/** The provider's words about an incident, masked. They are shown only once two accounts received the same words. */
interface ProviderWords {
  text: string;
  /** The account that received them first. */
  accountId: string;
  organisation: string;
  /** Another account received the same: of another organisation, where several have proven accounts. */
  isShared: boolean;
}

export interface Throttle {
  organisation: string;
  until: Date;
  /** Whether a proven account was asked to wait; only those count for the majority. */
  isProven: boolean;
}

interface Unanswered {
  organisation: string;
  isProven: boolean;
  sent: number;
  /** When the last of them was acquired. */
  at: Date;
}

/** The account for which a request is sent. */
export interface Requester {
  organisation: string;
  /** The provider has served the account here, and has neither refused nor failed it since. */
  isProven: boolean;
}

export interface AcquireRequest extends Requester {
  /** `on_demand`: a caller waits for the answer. */
  use: 'scheduled' | 'on_demand';
  purpose: 'refresh' | 'validation' | 'probe';
}

export type HoldReason =
  | 'app_incident'
  | 'provider_outage'
  | 'throttled'
  /** Only accounts of this organisation must wait. */
  | 'organisation_throttled'
  | 'quota_exhausted'
  | 'rate_limited'
  /** A sweep sends a few requests first, and the rest once one of them is answered. */
  | 'first_answer_awaited';

/** Holds of a whole app that last longer than a sweep waits. */
export const LONG_HOLDS: ReadonlySet<string> = new Set<HoldReason>([
  'app_incident',
  'provider_outage',
  'quota_exhausted',
]);

export interface Hold {
  reason: HoldReason;
  until: Date;
}

/** `at`: when the request may be sent, now or a little later; `limiter`: the state that counts it. */
export type Decision = { limiter: AppLimiter; at: Date } | { hold: Hold };

/** Requests that sweeps send for one organisation before the provider's first answer. */
const UNANSWERED_MAX = 5;
/** The same for all organisations together; proven accounts and others are counted apart. */
const UNANSWERED_OF_ALL_MAX = 20;
/** How long, in ms, the app counts as served after its last success. */
export const PROVEN_FOR_MS = 60_000;
/** How long, in ms, a request counts as unanswered. Longer than the HTTP deadline, so later it was answered or lost. */
const UNANSWERED_FOR_MS = 20_000;
/**
 * Minimum interval, in ms, between probes of a suspected app whose circuit is closed. Without it, an organisation that raises
 * suspicion again and again could have the accounts of others refreshed without end.
 */
const ASK_EVERY_MS = 4_000;
/** After this many probes, the interval between them doubles. */
const PATIENT_AFTER = 20;
/** The second, in ms, that requests are spread over. A little longer than 1 s, because the network changes the distances. */
const SPREAD_MS = 1_100;
/** How far ahead, in ms, a slot is reserved. Short for sweeps, so that a caller gets the next slot. */
const AHEAD_MS = { scheduled: 1_000, on_demand: 10_000 } as const;
/** Requests per second after an outage: they double until the ramp ends. */
const RAMP_FIRST_PER_SECOND = 2;
const RAMP_DOUBLES_EVERY_MS = 5_000;
const RAMP_LAST_PER_SECOND = 64;
const DAY_MS = 24 * 3_600_000;

export const NO_EVIDENCE: AppLimiter['evidence'] = { app: null, outage: null };

export function newAppLimiter(provider: string, environment: string, now: Date): AppLimiter {
  return {
    provider,
    environment,
    version: 0,
    state: 'closed',
    since: null,
    failure: null,
    words: null,
    nextProbeAt: null,
    probes: 0,
    probedOrganisation: null,
    throttledUntil: null,
    throttles: [],
    evidence: NO_EVIDENCE,
    provenAt: null,
    unanswered: [],
    recoveredAt: null,
    nextSlotAt: null,
    day: dayOf(now),
    used: 0,
  };
}

/** Decides whether one more request may be sent, and when. */
export function acquire(
  given: AppLimiter,
  request: AcquireRequest,
  rule: AppLimits,
  now: Date,
): Decision {
  const limiter = today(given, now);
  if (limiter.throttledUntil !== null && limiter.throttledUntil > now)
    return hold('throttled', limiter.throttledUntil);
  const throttle = throttleOf(limiter, request, now);
  if (throttle !== null) return hold('organisation_throttled', throttle.until);
  if (limiter.used >= allowedToday(rule, request.use))
    return hold('quota_exhausted', endOfDay(now));
  if (limiter.state !== 'closed') {
    const { nextProbeAt } = limiter;
    if (nextProbeAt !== null && !mayProbe(request, nextProbeAt, rule, now))
      return hold(
        limiter.state === 'open_credentials' ? 'app_incident' : 'provider_outage',
        nextProbeAt,
      );
    const probing = { ...probed(counted(limiter), request), probes: limiter.probes + 1 };
    return { at: now, limiter: { ...probing, nextProbeAt: nextProbe(probing, rule, now) } };
  }
  let next = counted(limiter);
  if (request.purpose === 'probe') {
    if (limiter.nextProbeAt !== null && limiter.nextProbeAt > now)
      return hold('first_answer_awaited', limiter.nextProbeAt);
    next = { ...probed(next, request), nextProbeAt: later(now, ASK_EVERY_MS) };
  }
  if (request.use === 'scheduled' && request.purpose === 'refresh' && !isProven(limiter, now)) {
    const unanswered = unansweredWith(limiter, request, now);
    if ('until' in unanswered) return hold('first_answer_awaited', unanswered.until);
    next = { ...next, unanswered };
  }
  const perSecond = pace(limiter, rule, now);
  if (perSecond === null) return { at: now, limiter: next };
  const at = latest(now, limiter.nextSlotAt);
  const aheadMs = AHEAD_MS[request.use];
  if (at.getTime() - now.getTime() > aheadMs) return hold('rate_limited', later(at, -aheadMs));
  return { at, limiter: { ...next, nextSlotAt: later(at, Math.ceil(SPREAD_MS / perSecond)) } };
}

/**
 * The unanswered requests with one more, or the time until which it must wait. Each organisation has its own share,
 * so that none keeps the others from the first answer.
 */
function unansweredWith(
  limiter: AppLimiter,
  { organisation, isProven: isOfProven }: Requester,
  now: Date,
): readonly Unanswered[] | { until: Date } {
  const open = limiter.unanswered.filter(({ at }) => later(at, UNANSWERED_FOR_MS) > now);
  const ofKind = open.filter((one) => one.isProven === isOfProven);
  const own = ofKind.find((one) => one.organisation === organisation);
  const sent = own?.sent ?? 0;
  const sentByAll = ofKind.reduce((sum, one) => sum + one.sent, 0);
  if (sent >= UNANSWERED_MAX || sentByAll >= UNANSWERED_OF_ALL_MAX) {
    const waitsFor = own !== undefined && sent >= UNANSWERED_MAX ? [own] : ofKind;
    const firstAt = Math.min(...waitsFor.map(({ at }) => at.getTime()));
    return { until: later(new Date(firstAt), UNANSWERED_FOR_MS) };
  }
  const others = open.filter((one) => one !== own);
  return [...others, { organisation, isProven: isOfProven, sent: sent + 1, at: now }];
}

function throttleOf(limiter: AppLimiter, { organisation }: Requester, now: Date): Throttle | null {
  const isOwn = (one: Throttle) => one.organisation === organisation && one.until > now;
  return limiter.throttles.find(isOwn) ?? null;
}

/** Requests per second at this moment; `null`: they need not be spread. */
export function pace(limiter: AppLimiter, { perSecond }: AppLimits, now: Date): number | null {
  const since =
    limiter.recoveredAt === null ? Infinity : now.getTime() - limiter.recoveredAt.getTime();
  const ramp = RAMP_FIRST_PER_SECOND * 2 ** (since / RAMP_DOUBLES_EVERY_MS);
  if (ramp > RAMP_LAST_PER_SECOND) return perSecond;
  return Math.min(ramp, perSecond ?? ramp);
}

/** Whether requests may be sent without an update of the stored limiter for each. */
export function isHealthy(
  limiter: AppLimiter,
  requester: Requester,
  rule: AppLimits,
  now: Date,
): boolean {
  return (
    limiter.state === 'closed' &&
    !isSuspected(limiter) &&
    throttleOf(limiter, requester, now) === null &&
    rule.perDay === null &&
    pace(limiter, rule, now) === null &&
    isProven(limiter, now) &&
    (limiter.throttledUntil === null || limiter.throttledUntil <= now)
  );
}

/** Whether accounts of other organisations must confirm an incident before the circuit opens for all. */
export function isSuspected(limiter: AppLimiter): boolean {
  return limiter.state === 'closed' && suspectedSince(limiter) !== null;
}

/** Organisations whose answer is known, so that they are not asked. */
export function answeredOrganisations({
  evidence: { app, outage },
}: AppLimiter): readonly string[] {
  const asking = app?.askedSince ? app : outage;
  return asking === null ? [] : [...asking.failed, ...asking.served];
}

function suspectedSince({ evidence: { app, outage } }: AppLimiter): Date | null {
  const since = [app?.askedSince ?? null, outage?.askedSince ?? null];
  return since.reduce((last, one) => (one !== null && (last === null || one > last) ? one : last));
}

/** The reason for sweeps to skip all accounts of the app; `null`: there is none. */
export function sweepHold(given: AppLimiter, rule: AppLimits, now: Date): Hold | null {
  const limiter = today(given, now);
  if (limiter.state !== 'closed')
    return {
      reason: limiter.state === 'open_credentials' ? 'app_incident' : 'provider_outage',
      until: limiter.nextProbeAt ?? now,
    };
  return limiter.used >= allowedToday(rule, 'scheduled')
    ? { reason: 'quota_exhausted', until: endOfDay(now) }
    : null;
}

/** The expected number of refreshes and validations per day. */
export function forecastPerDay(
  accounts: number,
  { refreshEveryMs, validateEveryMs }: { refreshEveryMs: number; validateEveryMs: number | null },
): number {
  const each = DAY_MS / refreshEveryMs + (validateEveryMs === null ? 0 : DAY_MS / validateEveryMs);
  return Math.ceil(accounts * each);
}

/** How many of a day's requests a use may take; sweeps leave the reserve to callers. */
export function allowedToday({ perDay, reserve }: AppLimits, use: AcquireRequest['use']): number {
  if (perDay === null) return Infinity;
  return use === 'on_demand' ? perDay : Math.floor(perDay * (1 - reserve));
}

/** The limiter with its count on the day of `now`. */
export function today(limiter: AppLimiter, now: Date): AppLimiter {
  const day = dayOf(now);
  // A clock that lags must not restore the quota of a day that is over.
  return day <= limiter.day ? limiter : { ...limiter, day, used: 0 };
}

function hold(reason: HoldReason, until: Date): Decision {
  return { hold: { reason, until } };
}

function counted(limiter: AppLimiter): AppLimiter {
  return { ...limiter, used: limiter.used + 1 };
}

/**
 * Whether a request may probe. Probes rotate between organisations. A caller's request probes only if no probe was made
 * for a whole interval, so that no organisation takes all of them.
 */
function mayProbe(
  { use, purpose }: AcquireRequest,
  nextProbeAt: Date,
  { probeEveryMs }: AppLimits,
  now: Date,
): boolean {
  if (purpose === 'probe') return nextProbeAt <= now;
  return purpose === 'refresh' && use === 'on_demand' && later(nextProbeAt, probeEveryMs) <= now;
}

function probed(limiter: AppLimiter, { organisation }: Requester): AppLimiter {
  return { ...limiter, probedOrganisation: organisation };
}

export function nextProbe({ probes }: AppLimiter, { probeEveryMs }: AppLimits, now: Date): Date {
  return later(now, probes < PATIENT_AFTER ? probeEveryMs : 2 * probeEveryMs);
}

function isProven(limiter: AppLimiter, now: Date): boolean {
  const { provenAt } = limiter;
  if (provenAt === null || now.getTime() - provenAt.getTime() >= PROVEN_FOR_MS) return false;
  const suspectedAt = suspectedSince(limiter);
  return suspectedAt === null || provenAt > suspectedAt;
}

function dayOf(now: Date): string {
  return now.toISOString().slice(0, 10);
}

function endOfDay(now: Date): Date {
  return new Date((Math.floor(now.getTime() / DAY_MS) + 1) * DAY_MS);
}

export function later(at: Date, ms: number): Date {
  return new Date(at.getTime() + ms);
}

export function latest(a: Date, b: Date | null): Date {
  return b !== null && b > a ? b : a;
}
