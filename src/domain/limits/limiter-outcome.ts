/**
 * Applies the outcome of a request to the limiter of its OAuth app: when the circuit opens for all accounts, when it
 * closes again, and whether a refusal is the account's own. This module decides; `store/limits` keeps the state.
 */
import { isRefusalOfApp, type RefreshFailure } from '../refresh/refresh-failure';
import {
  type AppLimiter,
  type AppLimits,
  type CircuitState,
  later,
  latest,
  NO_EVIDENCE,
  nextProbe,
  PROVEN_FOR_MS,
  type Requester,
  type Throttle,
} from './app-limiter';
import {
  type IncidentKind,
  majorityOf,
  verdictOf,
  withFailure,
  withSuccess,
} from './incident-evidence';

/** Bounds the list of throttled organisations. The provider asks one that was dropped from the list to wait again. */
const THROTTLES_MAX = 20;
/**
 * How long, in ms, an account must be refused with an error about the app, without a success, before its grant counts as
 * refused. A provider with one faulty node refuses by chance, but not at every attempt for this long.
 */
export const REFUSED_FOR_MS = 5 * 60_000;
/** The clocks of workers may differ by this much, in ms. */
const CLOCKS_DIFFER_MS = 10_000;

/** The meaning of an answer, or of a missing answer, for the OAuth app. */
export type AppOutcome =
  /** The provider served the account. */
  | { kind: 'served' }
  /** The provider refused the account's grant, so it accepted the app. */
  | { kind: 'grant_refused' }
  /** The provider refused the request for another reason, which proves only that it answers. */
  | { kind: 'answered' }
  | { kind: 'app' | 'provider'; failure: RefreshFailure }
  | { kind: 'rate'; waitMs: number };

export type IncidentEventKind =
  | 'app_incident'
  | 'app_recovered'
  | 'provider_outage'
  | 'provider_recovered';

/** The start or the end of an app's incident, for events and log lines. */
export interface IncidentEvent {
  kind: IncidentEventKind;
  limiter: AppLimiter;
  /** When the incident began. */
  begunAt: Date;
}

/** The incident that keeps the circuit open; `null` if it is closed. */
export function incidentOf(limiter: AppLimiter): IncidentEvent | null {
  if (limiter.state === 'closed' || limiter.since === null) return null;
  const kind = limiter.state === 'open_credentials' ? 'app_incident' : 'provider_outage';
  return { kind, limiter, begunAt: limiter.since };
}

export interface LimiterChange {
  limiter: AppLimiter;
  event: IncidentEventKind | null;
  /**
   * Whether a refusal of the app is the account's own. `none`: the app is refused, or the outcome is no refusal of the app.
   * `backs_off`: it may be the account's own. `grant_refused`: it is, because the app works for other accounts.
   */
  ofAccount: 'none' | 'backs_off' | 'grant_refused';
}

/** The account of an acquired request, and when it was acquired. */
export interface Acquired extends Requester {
  accountId: string;
  at: Date;
  /** When the app was first refused with this account since the account was last served; `null`: it was not. */
  refusedAt: Date | null;
}

/**
 * Applies the outcome of one request. Returns the same object if nothing changes.
 * @param voters organisations that have proven accounts of the app; named up to a bound
 */
export function applyOutcome(
  limiter: AppLimiter,
  acquired: Acquired,
  outcome: AppOutcome,
  { rule, voters, now }: Context,
): LimiterChange {
  const unchanged: LimiterChange = { limiter, event: null, ofAccount: 'none' };
  if (outcome.kind === 'rate')
    return {
      ...unchanged,
      limiter: withThrottle(limiter, acquired, outcome.waitMs, { rule, voters, now }),
    };
  // The request was sent before the circuit changed, so its outcome says nothing about the state since.
  if (limiter.since !== null && acquired.at < limiter.since) {
    const isOfIncident =
      limiter.state === 'open_credentials' && outcome.kind === 'app' && acquired.isProven;
    return isOfIncident
      ? { ...unchanged, limiter: withWords(limiter, acquired, outcome.failure, voters.length) }
      : unchanged;
  }
  switch (outcome.kind) {
    case 'served':
    case 'grant_refused':
    case 'answered':
      return answered(limiter, acquired, outcome, now);
    case 'app':
    case 'provider':
      return failed(limiter, acquired, outcome, { rule, voters, now });
  }
}

interface Context {
  rule: AppLimits;
  voters: readonly string[];
  now: Date;
}

/** Evaluates the evidence at `now`. Returns the same object if nothing is decided. */
export function conclude(
  limiter: AppLimiter,
  rule: AppLimits,
  now: Date,
): Pick<LimiterChange, 'limiter' | 'event'> {
  let after = limiter;
  for (const kind of INCIDENT_KINDS) {
    const evidence = after.state === 'closed' ? after.evidence[kind] : null;
    if (evidence === null) continue;
    const verdict = verdictOf(evidence, kind, now);
    if (verdict === 'incident') {
      const [state, event] = kind === 'app' ? CREDENTIALS_REFUSED : OUTAGE;
      return { limiter: opened(after, state, evidence.failure, rule, now), event };
    }
    if (verdict === 'refuted') after = withoutEvidence(after, kind);
  }
  return { limiter: after, event: null };
}

const INCIDENT_KINDS = ['app', 'outage'] as const satisfies IncidentKind[];
const CREDENTIALS_REFUSED = ['open_credentials', 'app_incident'] as const;
const OUTAGE = ['open_outage', 'provider_outage'] as const;

function failed(
  limiter: AppLimiter,
  acquired: Acquired,
  { kind, failure }: { kind: 'app' | 'provider'; failure: RefreshFailure },
  { rule, voters, now }: Context,
): LimiterChange {
  const { organisation, isProven: counts } = acquired;
  const isApp = kind === 'app';
  if (limiter.state !== 'closed') {
    const withDetail = counts ? withWords(limiter, acquired, failure, voters.length) : limiter;
    // An outage in which the app is refused, too, is one incident.
    return isApp && counts && limiter.state === 'open_outage'
      ? {
          limiter: opened(withDetail, 'open_credentials', failure, rule, now),
          event: 'app_incident',
          ofAccount: 'none',
        }
      : { limiter: withDetail, event: null, ofAccount: 'none' };
  }
  const ofAccount = isApp ? ownRefusal(limiter, acquired, failure, now) : 'none';
  if (!counts) return { limiter, event: null, ofAccount };
  // A provider that refuses the app is no outage.
  const there = isApp ? contradicted(limiter, 'outage', acquired) : limiter;
  const incident = isApp ? 'app' : 'outage';
  const report = { organisation, failure: plain(failure), voters };
  const evidence = withFailure(there.evidence[incident], incident, report, now);
  const withDetail = withWords(there, acquired, failure, evidence.voters);
  const suspected = { ...withDetail, evidence: { ...withDetail.evidence, [incident]: evidence } };
  const concluded = conclude(suspected, rule, now);
  return { ...concluded, ofAccount: concluded.event === null ? ofAccount : 'none' };
}

/**
 * Whether a refusal of the app is the account's own, while the circuit is closed. The grant counts as refused if the same
 * account was refused for some minutes and another was served meanwhile. Wrong credentials are never an account's own.
 */
function ownRefusal(
  { provenAt, evidence, recoveredAt }: AppLimiter,
  { organisation, refusedAt }: Acquired,
  failure: RefreshFailure,
  now: Date,
): 'backs_off' | 'grant_refused' {
  const others = evidence.app?.failed.some((one) => one !== organisation) ?? false;
  const isAlone =
    refusedAt !== null &&
    now.getTime() - refusedAt.getTime() >= REFUSED_FOR_MS &&
    provenAt !== null &&
    provenAt.getTime() > refusedAt.getTime() + CLOCKS_DIFFER_MS;
  // An incident that has just ended may not be over.
  const isQuiet = recoveredAt === null || now.getTime() - recoveredAt.getTime() > PROVEN_FOR_MS;
  const isGrant = isAlone && isQuiet && !others && isRefusalOfApp(failure);
  return isGrant ? 'grant_refused' : 'backs_off';
}

/** The provider answered. If it served the account or refused its grant, it accepted the app as well. */
function answered(
  limiter: AppLimiter,
  acquired: Acquired,
  { kind }: { kind: 'served' | 'grant_refused' | 'answered' },
  now: Date,
): LimiterChange {
  const acceptsApp = kind !== 'answered';
  if (limiter.state === 'open_credentials' && !acceptsApp)
    return { limiter, event: null, ofAccount: 'none' };
  const well = { unanswered: [], ...(kind === 'served' ? { provenAt: now } : {}) };
  if (limiter.state === 'closed') {
    let next: AppLimiter = { ...limiter, ...well };
    // An account that was never served proves nothing by a refused grant, which any caller could have entered.
    if (kind === 'served' || acquired.isProven) {
      next = contradicted(next, 'outage', acquired);
      if (acceptsApp) next = contradicted(next, 'app', acquired);
    }
    for (const incident of INCIDENT_KINDS) {
      const evidence = next.evidence[incident];
      if (evidence !== null && verdictOf(evidence, incident, now) === 'refuted')
        next = withoutEvidence(next, incident);
    }
    return { limiter: next, event: null, ofAccount: 'none' };
  }
  const recovered: AppLimiter = {
    ...limiter,
    ...well,
    evidence: NO_EVIDENCE,
    failure: null,
    words: null,
    state: 'closed',
    since: now,
    nextProbeAt: null,
    probes: 0,
    recoveredAt: now,
  };
  const event = limiter.state === 'open_credentials' ? 'app_recovered' : 'provider_recovered';
  return { limiter: recovered, event, ofAccount: 'none' };
}

function contradicted(
  limiter: AppLimiter,
  incident: IncidentKind,
  { organisation, at }: Pick<Acquired, 'organisation' | 'at'>,
): AppLimiter {
  const evidence = limiter.evidence[incident];
  if (evidence === null || at < evidence.since) return limiter;
  return {
    ...limiter,
    evidence: { ...limiter.evidence, [incident]: withSuccess(evidence, organisation) },
  };
}

function withoutEvidence(limiter: AppLimiter, incident: IncidentKind): AppLimiter {
  const evidence = { ...limiter.evidence, [incident]: null };
  const nothingLeft = evidence.app === null && evidence.outage === null;
  return { ...limiter, evidence, ...(nothingLeft ? { words: null } : {}) };
}

function opened(
  limiter: AppLimiter,
  state: CircuitState,
  failure: RefreshFailure,
  rule: AppLimits,
  now: Date,
): AppLimiter {
  const since = limiter.state === 'closed' ? now : limiter.since;
  const at = {
    ...limiter,
    state,
    since,
    failure: plain(failure),
    evidence: NO_EVIDENCE,
    probes: 0,
  };
  return { ...at, nextProbeAt: nextProbe(at, rule, now) };
}

/** The failure without details that may be about one account. */
function plain({ class: failureClass, code, message, status }: RefreshFailure): RefreshFailure {
  return { class: failureClass, code, message, ...(status === undefined ? {} : { status }) };
}

/** The failure that opened the circuit, with the provider's words if several accounts received them. */
export function shownFailure({ failure, words }: AppLimiter): RefreshFailure | null {
  if (failure === null) return null;
  return words?.isShared === true ? { ...failure, detail: words.text } : failure;
}

function withWords(
  limiter: AppLimiter,
  { accountId, organisation }: Acquired,
  { detail }: RefreshFailure,
  voters: number,
): AppLimiter {
  if (detail === undefined || limiter.words?.isShared === true) return limiter;
  const { words } = limiter;
  if (words?.text !== detail)
    return { ...limiter, words: { text: detail, accountId, organisation, isShared: false } };
  const isAnother =
    voters > 1 ? words.organisation !== organisation : words.accountId !== accountId;
  return isAnother ? { ...limiter, words: { ...words, isShared: true } } : limiter;
}

function withThrottle(
  limiter: AppLimiter,
  { organisation, isProven: counts }: Acquired,
  waitMs: number,
  { voters, now }: Context,
): AppLimiter {
  const open = limiter.throttles.filter(({ until }) => until > now);
  const own = open.find((one) => one.organisation === organisation);
  const next: Throttle = {
    organisation,
    until: latest(later(now, waitMs), own?.until ?? null),
    isProven: counts || (own?.isProven ?? false),
  };
  // Proven accounts are dropped last, so that new accounts cannot push them out.
  const throttles = [...open.filter((one) => one !== own), next]
    .toSorted((a, b) => Number(a.isProven) - Number(b.isProven))
    .slice(-THROTTLES_MAX);
  const telling = throttles.filter((one) => one.isProven);
  if (!counts || telling.length < majorityOf(voters.length)) return { ...limiter, throttles };
  // An organisation that must wait longer than the others holds back itself only.
  const soonest = new Date(Math.min(...telling.map(({ until }) => until.getTime())));
  return { ...limiter, throttles, throttledUntil: latest(soonest, limiter.throttledUntil) };
}

/** Whether a success changes what other workers may do; otherwise it need not be stored at once. */
export function isRecoveryEvidence(limiter: AppLimiter, { organisation }: Requester): boolean {
  return (
    limiter.state !== 'closed' ||
    [limiter.evidence.app, limiter.evidence.outage].some(
      (evidence) => evidence !== null && !evidence.served.includes(organisation),
    )
  );
}
