/**
 * The rate limiter and circuit breaker of every OAuth app, as one worker uses it. Each request to a provider is acquired
 * here first, and its outcome is reported here. Concurrent requests share one update of the stored limiter, and a
 * healthy app needs no update per request.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  type AcquireRequest,
  type AppLimiter,
  type AppLimits,
  acquire,
  type Hold,
  isHealthy,
  isSuspected,
  pace,
  type Requester,
  sweepHold,
} from '../domain/limits/app-limiter';
import { VOTERS_MAX } from '../domain/limits/incident-evidence';
import {
  type Acquired,
  type AppOutcome,
  applyOutcome,
  type IncidentEvent,
  isRecoveryEvidence,
  type LimiterChange,
} from '../domain/limits/limiter-outcome';
import type { DueAccounts } from '../store/accounts/due-accounts';
import type { AppLimiters, AppName } from '../store/limits/app-limiters';

/** An OAuth app with its configured limits. */
export interface ConfiguredApp extends AppName {
  rule: AppLimits;
}

/** `at`: when the request may be sent. `hold`: why it may not; `limiter` is the state that refused it. */
export type Acquisition = { at: Date } | { hold: Hold; limiter: AppLimiter };

/** The effect of a reported outcome; `state` is `null` where the circuit did not change. */
export interface Reported {
  state: 'circuit_closed' | 'circuit_opened' | 'suspected' | null;
  ofAccount: LimiterChange['ofAccount'];
}

/** How long, in ms, a request waits for a slot before it is refused. With the exchange, it stays below the claim's lease. */
const WAIT_MAX_MS = 10_000;
/** Longest interval, in ms, between reads of the stored limiter while requests wait: other workers may have freed a slot. */
const LOOK_EVERY_MS = 250;
/** How long a cached healthy state may be used without re-reading MongoDB, in ms. */
const SEEN_FOR_MS = 1_000;
/** How late, in ms, a request may use its slot. Later ones would come too close to the slots after it. */
const LATE_MS = 100;

interface Waiting {
  request: AcquireRequest;
  expiresAt: string | null;
  until: number;
  resolve: (acquisition: Acquisition) => void;
  fail: (error: unknown) => void;
}

export class Limiter {
  readonly #gates = new Map<string, Gate>();
  readonly #limiters: AppLimiters;
  readonly #voters: DueAccounts;
  readonly #raise: (event: IncidentEvent) => Promise<void>;

  /**
   * @param voters knows the organisations that give evidence of an incident
   * @param raise publishes an incident; called once per change of state, by the worker that made the change
   */
  constructor(
    limiters: AppLimiters,
    voters: DueAccounts,
    raise: (event: IncidentEvent) => Promise<void>,
  ) {
    this.#limiters = limiters;
    this.#voters = voters;
    this.#raise = raise;
  }

  /**
   * Waits until the request may be sent, or returns why it may not. Throws if MongoDB is unreachable.
   * @param expiresAt when the account's access token expires: among waiting requests, the soonest goes first
   */
  async acquire(
    limiter: ConfiguredApp,
    request: AcquireRequest,
    expiresAt: string | null,
  ): Promise<Acquisition> {
    return this.#gate(limiter).acquire(request, expiresAt);
  }

  /** Reports the outcome of an acquired request. Throws if MongoDB is unreachable. */
  async report(app: ConfiguredApp, acquired: Acquired, outcome: AppOutcome): Promise<Reported> {
    const { event, suspected, ofAccount } = await this.#gate(app).report(acquired, outcome);
    if (event === null) return { state: suspected ? 'suspected' : null, ofAccount };
    await this.#raise(event);
    return {
      state: event.limiter.state === 'closed' ? 'circuit_closed' : 'circuit_opened',
      ofAccount,
    };
  }

  /** The reason for sweeps to skip the app now, from the stored limiter; `null`: there is none. */
  async sweepHold({ rule, ...name }: ConfiguredApp): Promise<Hold | null> {
    const limiter = await this.#limiters.find(name);
    return limiter === null ? null : sweepHold(limiter, rule, this.#limiters.now());
  }

  #gate(limiter: ConfiguredApp): Gate {
    const id = `${limiter.provider}/${limiter.environment}`;
    const gate = this.#gates.get(id) ?? new Gate(this.#limiters, this.#voters, limiter);
    this.#gates.set(id, gate);
    return gate;
  }
}

/** One OAuth app in this worker. */
class Gate {
  readonly #limiters: AppLimiters;
  readonly #voters: DueAccounts;
  readonly #limiter: ConfiguredApp;
  #waiting: Waiting[] = [];
  #going = false;
  /** Wakes the loop before its pause ends. */
  #wake: () => void = () => undefined;
  #seen: { limiter: AppLimiter; at: number } | null = null;
  /** Requests of a healthy app that are not counted in MongoDB yet. */
  #uncounted = 0;
  /** When the provider last served an account, and when it last accepted the app at all. */
  #servedAt: Date | null = null;
  #answeredAt: Date | null = null;

  constructor(limiters: AppLimiters, voters: DueAccounts, limiter: ConfiguredApp) {
    this.#limiters = limiters;
    this.#voters = voters;
    this.#limiter = limiter;
  }

  async acquire(request: AcquireRequest, expiresAt: string | null): Promise<Acquisition> {
    if (this.#isHealthy(request)) {
      this.#uncounted += 1;
      if (this.#uncounted === 1) setTimeout(() => void this.#count(), SEEN_FOR_MS).unref();
      return { at: this.#limiters.now() };
    }
    const until = Date.now() + WAIT_MAX_MS;
    for (;;) {
      const acquisition = await this.#ask(request, expiresAt, until);
      if ('hold' in acquisition || (await this.#slotArrives(acquisition.at))) return acquisition;
      if (Date.now() > until) return this.#missed();
    }
  }

  async report(
    acquired: Acquired,
    outcome: AppOutcome,
  ): Promise<{
    event: IncidentEvent | null;
    suspected: boolean;
    ofAccount: LimiterChange['ofAccount'];
  }> {
    const isWell = outcome.kind === 'served' || outcome.kind === 'grant_refused';
    if (isWell) {
      this.#answeredAt = this.#limiters.now();
      if (outcome.kind === 'served') this.#servedAt = this.#answeredAt;
      this.#wake();
      const limiter = this.#seen?.limiter ?? null;
      if (limiter !== null && !isRecoveryEvidence(limiter, acquired))
        return { event: null, suspected: false, ofAccount: 'none' };
    }
    const voters = isWell || outcome.kind === 'answered' ? [] : await this.#findVoters(acquired);
    let kind: IncidentEvent['kind'] | null = null;
    let begunAt: Date | null = null;
    let suspected = false;
    let ofAccount: LimiterChange['ofAccount'] = 'none';
    const limiter = await this.#change((before, now) => {
      const change = applyOutcome(before, acquired, outcome, {
        rule: this.#limiter.rule,
        voters,
        now,
      });
      ({ event: kind, ofAccount } = change);
      begunAt = before.state === 'closed' ? change.limiter.since : before.since;
      suspected = isSuspected(change.limiter) && !isSuspected(before);
      return change.limiter;
    });
    this.#wake();
    return { event: kind && begunAt && { kind, limiter, begunAt }, suspected, ofAccount };
  }

  /** Only proven accounts give evidence, so other voters are read for them alone. */
  async #findVoters({ isProven }: Requester): Promise<string[]> {
    return isProven ? this.#voters.provenOrganisations(this.#limiter, VOTERS_MAX) : [];
  }

  #isHealthy(requester: Requester): boolean {
    const { rule } = this.#limiter;
    const seen = this.#seen;
    return (
      seen !== null &&
      Date.now() - seen.at < SEEN_FOR_MS &&
      isHealthy(this.#withAnswers(seen.limiter), requester, rule, this.#limiters.now())
    );
  }

  #ask(request: AcquireRequest, expiresAt: string | null, until: number): Promise<Acquisition> {
    return new Promise((resolve, fail) => {
      this.#waiting.push({ request, expiresAt, until, resolve, fail });
      this.#wake();
      if (!this.#going) void this.#go();
    });
  }

  /** Serves the waiting requests until none is left. */
  async #go(): Promise<void> {
    this.#going = true;
    try {
      while (this.#waiting.length > 0) {
        const woken = new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        const pauseMs = await this.#round();
        if (this.#waiting.length === 0) break;
        const timer = setTimeout(this.#wake, pauseMs);
        await woken;
        clearTimeout(timer);
      }
    } catch (error) {
      for (const { fail } of this.#waiting.splice(0)) fail(error);
    } finally {
      this.#going = false;
    }
  }

  /** Decides on all waiting requests in one update. @returns how long to wait before the next round, in ms */
  async #round(): Promise<number> {
    const { rule } = this.#limiter;
    const all = this.#waiting.toSorted((a, b) => (rankOf(a) < rankOf(b) ? -1 : 1));
    let answers: ReturnType<typeof acquire>[] = [];
    const limiter = await this.#change((before, now) => {
      answers = [];
      let after = before;
      for (const { request } of all) {
        const answer = acquire(after, request, rule, now);
        if ('limiter' in answer) after = answer.limiter;
        answers.push(answer);
      }
      return after;
    });
    const now = this.#limiters.now().getTime();
    let next = Infinity;
    for (const [index, waiting] of all.entries()) {
      const answer = answers[index];
      if (answer === undefined) continue;
      if ('hold' in answer) {
        const { hold } = answer;
        if (isBrief(hold) && Date.now() < waiting.until) {
          next = Math.min(next, hold.until.getTime());
          continue;
        }
        waiting.resolve({ hold, limiter });
      } else {
        waiting.resolve({ at: answer.at });
      }
      this.#waiting = this.#waiting.filter((one) => one !== waiting);
    }
    return Math.min(Math.max(next - now, 10), LOOK_EVERY_MS);
  }

  /** Waits for the slot; `false`: it passed unused, or the circuit opened meanwhile. */
  async #slotArrives(at: Date): Promise<boolean> {
    const leftMs = at.getTime() - this.#limiters.now().getTime();
    if (leftMs > 0) await delay(leftMs);
    const { rule } = this.#limiter;
    const limiter = this.#seen?.limiter;
    if (limiter === undefined || leftMs <= 0) return true;
    const now = this.#limiters.now();
    const throttled = limiter.throttledUntil !== null && limiter.throttledUntil > now;
    const late = pace(limiter, rule, now) !== null && now.getTime() - at.getTime() > LATE_MS;
    return limiter.state === 'closed' && !throttled && !late;
  }

  /** This process is too busy to use the slots it reserves. */
  async #missed(): Promise<Acquisition> {
    const until = new Date(this.#limiters.now().getTime() + SEEN_FOR_MS);
    return {
      hold: { reason: 'rate_limited', until },
      limiter: await this.#change((limiter) => limiter),
    };
  }

  /** Updates the stored limiter. Each update carries the counts and successes that this worker has not stored yet. */
  async #change(decide: (limiter: AppLimiter, now: Date) => AppLimiter): Promise<AppLimiter> {
    const uncounted = this.#uncounted;
    const limiter = await this.#limiters.change(this.#limiter, (before, now) => {
      const decided = decide(this.#withAnswers(before), now);
      if (uncounted === 0) return decided;
      return { ...decided, used: decided.used + uncounted };
    });
    this.#uncounted -= uncounted;
    this.#seen = { limiter, at: Date.now() };
    return limiter;
  }

  /** The limiter with this worker's recent successes, which alone are not worth an update. */
  #withAnswers(limiter: AppLimiter): AppLimiter {
    if (limiter.state !== 'closed') return limiter;
    const servedAt = this.#servedAt;
    const isServed =
      servedAt !== null && (limiter.provenAt === null || servedAt > limiter.provenAt);
    const answeredAt = this.#answeredAt;
    const unanswered = limiter.unanswered.filter(
      ({ at }) => answeredAt === null || at > answeredAt,
    );
    if (!isServed && unanswered.length === limiter.unanswered.length) return limiter;
    return { ...limiter, unanswered, ...(isServed ? { provenAt: servedAt } : {}) };
  }

  async #count(): Promise<void> {
    try {
      if (this.#uncounted > 0) await this.#change((limiter) => ({ ...limiter }));
    } catch {
      // MongoDB is unreachable: the next change counts them.
    }
  }
}

/** Whether a request waits for the end of this hold, within its own time limit. */
function isBrief({ reason }: Hold): boolean {
  return reason === 'rate_limited' || reason === 'first_answer_awaited';
}

/** Requests on demand sort before those of sweeps, then by expiry. ISO times sort as text; tokens without expiry come last. */
function rankOf({ request, expiresAt }: Waiting): string {
  return `${request.use === 'on_demand' ? 0 : 1} ${expiresAt ?? 'never'}`;
}
