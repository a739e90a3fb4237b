/**
 * The permits of one worker: whatever is about to be sent to a provider asks here first. Those who ask at once share
 * one update of the lane; a lane that is at ease is not asked about each. What an answer says of its lane is told here.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Hold,
  hear,
  isAtEase,
  isNewsThatItIsWell,
  type Lane,
  type LaneEvent,
  type LaneNews,
  type LaneRule,
  type PermitRequest,
  type Permitted,
  pace,
  permit,
  sweepHold,
} from '../domain/lane';
import type { LaneName, Lanes } from '../store/lanes';

/** A lane as it is asked about: which one, and what is configured of it. */
export interface ConfiguredLane extends LaneName {
  rule: LaneRule;
}

/** `lane`: as it was when the permit was refused. */
export type Permission = { at: Date } | { hold: Hold; lane: Lane };

/** What became of news. `opened` and `closed` where they changed the lane's state. */
export interface Heard {
  state: 'opened' | 'closed' | null;
  /** The failure is this account's own, although it reads as the app's. */
  alone: boolean;
}

/** So long a request waits for its moment before it is refused; with the exchange it is over before its lease is. */
const WAIT_MAX_MS = 10_000;
/** Others may have made room meanwhile: a lane is looked at anew at least so often while somebody waits. */
const LOOK_EVERY_MS = 250;
/** For so long what was seen of a lane at ease holds. */
const SEEN_FOR_MS = 1_000;
/** Sent later than this, a request would come too close to those that have the moments after it. */
const LATE_MS = 100;

interface Waiting {
  request: PermitRequest;
  expiresAt: string | null;
  until: number;
  settle: (permission: Permission) => void;
  fail: (error: unknown) => void;
}

export class LanePermits {
  readonly #gates = new Map<string, Gate>();
  readonly #lanes: Lanes;
  readonly #raise: (event: LaneEvent) => Promise<void>;

  /** @param raise tells the world; called once for each change of a lane's state, by the worker that made it */
  constructor(lanes: Lanes, raise: (event: LaneEvent) => Promise<void>) {
    this.#lanes = lanes;
    this.#raise = raise;
  }

  /**
   * Waits for the moment at which the request may be sent, or answers why it may not. Throws where the database is away.
   * @param expiresAt when the account's access token ends: of those that wait, the soonest goes first
   */
  async take(
    lane: ConfiguredLane,
    request: PermitRequest,
    expiresAt: string | null,
  ): Promise<Permission> {
    return this.#gate(lane).take(request, expiresAt);
  }

  /** Tells the lane how a request with a permit ended. Throws where the database is away. */
  async tell(lane: ConfiguredLane, permitted: Permitted, news: LaneNews): Promise<Heard> {
    const { event, alone } = await this.#gate(lane).tell(permitted, news);
    if (event === null) return { state: null, alone };
    await this.#raise(event);
    return { state: event.lane.state === 'open' ? 'opened' : 'closed', alone };
  }

  /** What keeps sweeps off a lane just now, as the database has it. */
  async sweepHold({ rule, ...name }: ConfiguredLane): Promise<Hold | null> {
    const lane = await this.#lanes.find(name);
    return lane === null ? null : sweepHold(lane, rule, this.#lanes.now());
  }

  #gate(lane: ConfiguredLane): Gate {
    const id = `${lane.provider}/${lane.environment}`;
    const gate = this.#gates.get(id) ?? new Gate(this.#lanes, lane);
    this.#gates.set(id, gate);
    return gate;
  }
}

/** What one worker does on one lane. */
class Gate {
  readonly #lanes: Lanes;
  readonly #lane: ConfiguredLane;
  #waiting: Waiting[] = [];
  #going = false;
  /** Wakes the loop before its pause is over. */
  #wake: () => void = () => undefined;
  #seen: { lane: Lane; at: number } | null = null;
  /** Sent on a lane at ease, and not counted in the database yet. */
  #uncounted = 0;
  #aliveAt: Date | null = null;

  constructor(lanes: Lanes, lane: ConfiguredLane) {
    this.#lanes = lanes;
    this.#lane = lane;
  }

  async take(request: PermitRequest, expiresAt: string | null): Promise<Permission> {
    if (this.#isAtEase()) {
      this.#uncounted += 1;
      if (this.#uncounted === 1) setTimeout(() => void this.#count(), SEEN_FOR_MS).unref();
      return { at: this.#lanes.now() };
    }
    const until = Date.now() + WAIT_MAX_MS;
    for (;;) {
      const permission = await this.#ask(request, expiresAt, until);
      if ('hold' in permission || (await this.#itsMoment(permission.at))) return permission;
      if (Date.now() > until) return this.#missed();
    }
  }

  async tell(
    permitted: Permitted,
    news: LaneNews,
  ): Promise<{ event: LaneEvent | null; alone: boolean }> {
    if (news.kind === 'alive') {
      this.#aliveAt = this.#lanes.now();
      this.#wake();
      const lane = this.#seen?.lane ?? null;
      if (lane !== null && !isNewsThatItIsWell(lane, permitted.accountId))
        return { event: null, alone: false };
    }
    let kind: LaneEvent['kind'] | null = null;
    let begunAt: Date | null = null;
    let alone = false;
    const lane = await this.#change((before, now) => {
      const heard = hear(before, permitted, news, this.#lane.rule, now);
      ({ event: kind, alone } = heard);
      begunAt = before.state === 'open' ? heard.lane.since : before.since;
      return heard.lane;
    });
    this.#wake();
    return { event: kind && begunAt && { kind, lane, begunAt }, alone };
  }

  #isAtEase(): boolean {
    const { rule } = this.#lane;
    const seen = this.#seen;
    return (
      seen !== null &&
      Date.now() - seen.at < SEEN_FOR_MS &&
      isAtEase(this.#withAlive(seen.lane), rule, this.#lanes.now())
    );
  }

  #ask(request: PermitRequest, expiresAt: string | null, until: number): Promise<Permission> {
    return new Promise((settle, fail) => {
      this.#waiting.push({ request, expiresAt, until, settle, fail });
      this.#wake();
      if (!this.#going) void this.#go();
    });
  }

  /** Answers those who wait, until nobody does. */
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

  /** One look at the lane for all who wait; @returns how long to wait for the next */
  async #round(): Promise<number> {
    const { rule } = this.#lane;
    const all = this.#waiting.toSorted((a, b) => (rankOf(a) < rankOf(b) ? -1 : 1));
    let answers: ReturnType<typeof permit>[] = [];
    const lane = await this.#change((before, now) => {
      answers = [];
      let after = before;
      for (const { request } of all) {
        const answer = permit(after, request, rule, now);
        if ('lane' in answer) after = answer.lane;
        answers.push(answer);
      }
      return after;
    });
    const now = this.#lanes.now().getTime();
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
        waiting.settle({ hold, lane });
      } else {
        waiting.settle({ at: answer.at });
      }
      this.#waiting = this.#waiting.filter((one) => one !== waiting);
    }
    return Math.min(Math.max(next - now, 10), LOOK_EVERY_MS);
  }

  /** Waits for it; `false`: it passed unused, or the lane was closed before it came. */
  async #itsMoment(at: Date): Promise<boolean> {
    const leftMs = at.getTime() - this.#lanes.now().getTime();
    if (leftMs > 0) await delay(leftMs);
    const { rule } = this.#lane;
    const lane = this.#seen?.lane;
    if (lane === undefined || leftMs <= 0) return true;
    const now = this.#lanes.now();
    const throttled = lane.throttledUntil !== null && lane.throttledUntil > now;
    const late = pace(lane, rule, now) !== null && now.getTime() - at.getTime() > LATE_MS;
    return lane.state === 'open' && !throttled && !late;
  }

  /** This machine is too busy to keep to the moments it takes. */
  async #missed(): Promise<Permission> {
    const until = new Date(this.#lanes.now().getTime() + SEEN_FOR_MS);
    return { hold: { reason: 'rate_limited', until }, lane: await this.#change((lane) => lane) };
  }

  /** Every change brings along what this worker knows and has not said yet. */
  async #change(decide: (lane: Lane, now: Date) => Lane): Promise<Lane> {
    const uncounted = this.#uncounted;
    const lane = await this.#lanes.change(this.#lane, (before, now) => {
      const decided = decide(this.#withAlive(before), now);
      if (uncounted === 0) return decided;
      return { ...decided, used: decided.used + uncounted };
    });
    this.#uncounted -= uncounted;
    this.#seen = { lane, at: Date.now() };
    return lane;
  }

  /** The lane with the news that it was well a moment ago, which alone is not worth an update. */
  #withAlive(lane: Lane): Lane {
    const at = this.#aliveAt;
    const isNews =
      at !== null && lane.state === 'open' && (lane.provenAt === null || at > lane.provenAt);
    return isNews ? { ...lane, provenAt: at, unproven: 0, failing: [] } : lane;
  }

  async #count(): Promise<void> {
    try {
      if (this.#uncounted > 0) await this.#change((lane) => ({ ...lane }));
    } catch {
      // The database is away: the next change counts them.
    }
  }
}

/** Worth waiting for within one request. */
function isBrief({ reason }: Hold): boolean {
  return reason === 'rate_limited' || reason === 'first_answer_awaited';
}

/** Who is waited for comes before a sweep's; ISO times sort as text, and what does not end comes last. */
function rankOf({ request, expiresAt }: Waiting): string {
  return `${request.use === 'on_demand' ? 0 : 1} ${expiresAt ?? 'never'}`;
}
