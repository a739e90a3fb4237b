/**
 * Simulates one OAuth app that honest and hostile organisations share, in steps of 100 ms, with the decisions of the
 * real workers. Hostile accounts respond arbitrarily and are refreshed at any rate. Honest ones must not be affected,
 * and a real incident must still be detected.
 */
import * as fc from 'fast-check';
import {
  type AcquireRequest,
  type AppLimiter,
  acquire,
  answeredOrganisations,
  DEFAULT_APP_LIMITS,
  isSuspected,
  newAppLimiter,
} from '../../../src/domain/limits/app-limiter';
import { majorityOf, VOTERS_MAX } from '../../../src/domain/limits/incident-evidence';
import {
  type AppOutcome,
  applyOutcome,
  conclude,
} from '../../../src/domain/limits/limiter-outcome';
import { refreshFailure } from '../../../src/domain/refresh/refresh-failure';

const BEGIN = Date.parse('2026-11-22T12:00:00.000Z');
const TICK_MS = 100;
const MINUTE = 60_000;

interface SimulatedAccount {
  id: string;
  organisation: string;
  isHostile: boolean;
  isProven: boolean;
  refusedAt: Date | null;
  /** Simulation time in ms. Forced refreshes ignore it. */
  nextAttemptAt: number;
  attemptedAt: number;
  busy: boolean;
  state: 'active' | 'needs_reconnect';
}

const ANSWERS: Record<string, AppOutcome> = {
  served: { kind: 'served' },
  grant_refused: { kind: 'grant_refused' },
  answered: { kind: 'answered' },
  invalid_client: { kind: 'app', failure: refreshFailure('invalid_client') },
  unauthorized_client: { kind: 'app', failure: refreshFailure('unauthorized_client') },
  down: { kind: 'provider', failure: refreshFailure('provider_unavailable') },
  throttled: { kind: 'rate', waitMs: 3_600_000 },
};

interface Setting {
  honest: number;
  hostile: number;
  honestAccounts: number;
  hostileAccounts: number;
  /** Forced refreshes of hostile accounts per step, and requests for honest accounts. */
  hostileRate: number;
  honestRate: number;
  /** The part of the honest requests that callers wait for. */
  onDemand: number;
  answers: string[];
  seed: number;
}

class Simulation {
  limiter: AppLimiter = newAppLimiter('shop', 'production', new Date(BEGIN));
  readonly accounts: SimulatedAccount[] = [];
  readonly granted = { honest: 0, refused: 0 };
  requests = 0;
  incident: AppOutcome | null = null;
  /** When proven accounts met the incident. */
  readonly met: number[] = [];
  /** Sweep requests for honest accounts since then. */
  meanwhile = 0;
  ms = 0;
  #last = 0;
  #seed: number;
  readonly #setting: Setting;
  #answers: { at: number; applyOutcome: () => void }[] = [];

  /** @param proven number of proven accounts of each honest organisation */
  constructor(setting: Setting, proven = 1) {
    this.#setting = setting;
    this.#seed = setting.seed;
    const add = (kind: 'honest' | 'hostile', organisations: number, accounts: number) => {
      for (let o = 0; o < organisations; o += 1)
        for (let n = 0; n < accounts; n += 1)
          this.accounts.push({
            id: `${kind}-${o}-${n}`,
            organisation: `${kind}-${o}`,
            isHostile: kind === 'hostile',
            isProven: kind === 'honest' ? n < proven : proven > 0 && this.#random() < 0.5,
            refusedAt: null,
            nextAttemptAt: 0,
            attemptedAt: -1,
            busy: false,
            state: 'active',
          });
    };
    add('honest', setting.honest, setting.honestAccounts);
    add('hostile', setting.hostile, setting.hostileAccounts);
  }

  get now(): Date {
    return new Date(BEGIN + this.ms);
  }

  /**
   * Runs for this many ms, or until a condition holds.
   * @returns the elapsed ms
   */
  play(ms: number, until: () => boolean = () => false): number {
    const from = this.ms;
    while (this.ms < from + ms && !until()) {
      this.ms += TICK_MS;
      for (const answer of this.#answers.filter(({ at }) => at <= this.ms)) answer.applyOutcome();
      this.#answers = this.#answers.filter(({ at }) => at > this.ms);
      this.#watch();
      for (let n = 0; n < this.#setting.hostileRate; n += 1)
        this.#ask(this.#pick(true), { use: 'on_demand', purpose: 'refresh' });
      for (let n = this.#random(); n < this.#setting.honestRate; n += 1) {
        const use = this.#random() < this.#setting.onDemand ? 'on_demand' : 'scheduled';
        this.#ask(this.#pick(false), { use, purpose: 'refresh' });
      }
      // Hostile accounts that are due.
      this.#ask(this.#pick(true), { use: 'scheduled', purpose: 'refresh' });
    }
    return this.ms - from;
  }

  /** Acts as the limiter's workflow. */
  #watch(): void {
    if (this.ms - this.#last < 500) return;
    this.#last = this.ms;
    this.limiter = conclude(this.limiter, DEFAULT_APP_LIMITS, this.now).limiter;
    const { state, nextProbeAt, probedOrganisation } = this.limiter;
    const suspected = isSuspected(this.limiter);
    if (!suspected && (state === 'closed' || nextProbeAt === null || nextProbeAt > this.now))
      return;
    const without = answeredOrganisations(this.limiter);
    const free = this.accounts.filter(
      ({ busy, organisation, state: own }) =>
        !busy && own === 'active' && !without.includes(organisation),
    );
    const proven = free.filter((one) => one.isProven && one.nextAttemptAt <= this.ms);
    const from = proven.length > 0 || suspected ? proven : free;
    const names = [...new Set(from.map(({ organisation }) => organisation))].toSorted();
    const turn = names.find((name) => name > (probedOrganisation ?? '')) ?? names[0];
    const [account] = from
      .filter(({ organisation }) => organisation === turn)
      .toSorted((a, b) => a.attemptedAt - b.attemptedAt);
    if (account !== undefined) this.#ask(account, { use: 'scheduled', purpose: 'probe' });
  }

  #ask(account: SimulatedAccount | undefined, what: Pick<AcquireRequest, 'use' | 'purpose'>): void {
    if (account === undefined || account.busy || account.state !== 'active') return;
    if (what.use === 'scheduled' && account.nextAttemptAt > this.ms) return;
    const { organisation, isProven } = account;
    const answer = acquire(
      this.limiter,
      { organisation, isProven, ...what },
      DEFAULT_APP_LIMITS,
      this.now,
    );
    const isCounted = !account.isHostile && what.purpose === 'refresh' && account.isProven;
    if ('hold' in answer) {
      if (isCounted) this.granted.refused += 1;
      return;
    }
    if (isCounted) this.granted.honest += 1;
    this.limiter = answer.limiter;
    this.requests += 1;
    if (this.met.length > 0 && !account.isHostile && what.use === 'scheduled') this.meanwhile += 1;
    account.busy = true;
    account.attemptedAt = this.ms;
    const at = this.now;
    const sent = answer.at.getTime() - at.getTime();
    this.#answers.push({
      at: this.ms + sent + 100 + Math.floor(this.#random() * 400),
      applyOutcome: () => this.#applyOutcome(account, at),
    });
  }

  #applyOutcome(account: SimulatedAccount, at: Date): void {
    const { answers } = this.#setting;
    const own = ANSWERS[answers[Math.floor(this.#random() * answers.length)] ?? 'served'];
    const news = this.incident ??
      (account.isHostile ? own : ANSWERS['served']) ?? { kind: 'served' };
    const proving = this.accounts.filter((one) => one.isProven && one.state === 'active');
    const voters = [...new Set(proving.map((one) => one.organisation))].slice(0, VOTERS_MAX);
    const { id: accountId, organisation, isProven, refusedAt } = account;
    const acquired = { accountId, organisation, isProven, refusedAt, at };
    const heard = applyOutcome(this.limiter, acquired, news, {
      rule: DEFAULT_APP_LIMITS,
      voters,
      now: this.now,
    });
    this.limiter = heard.limiter;
    if (this.incident !== null && isProven) this.met.push(this.ms);
    account.busy = false;
    if (news.kind === 'served')
      Object.assign(account, { isProven: true, refusedAt: null, nextAttemptAt: 0 });
    if (news.kind === 'app' || news.kind === 'provider') {
      account.isProven = false;
      if (news.kind === 'provider' || heard.ofAccount === 'backs_off')
        account.nextAttemptAt = this.ms + MINUTE;
      if (news.kind === 'app' && news.failure.code !== 'invalid_client')
        account.refusedAt ??= this.now;
      if (heard.ofAccount === 'grant_refused') account.state = 'needs_reconnect';
    }
  }

  #pick(isHostile: boolean): SimulatedAccount | undefined {
    const of = this.accounts.filter((one) => one.isHostile === isHostile);
    return of[Math.floor(this.#random() * of.length)];
  }

  #random(): number {
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#seed / 2 ** 32;
  }
}

const settings = fc
  .record({
    honest: fc.integer({ min: 1, max: 8 }),
    hostileShare: fc.double({ min: 0, max: 1, noNaN: true }),
    honestAccounts: fc.integer({ min: 2, max: 6 }),
    hostileAccounts: fc.integer({ min: 1, max: 30 }),
    hostileRate: fc.integer({ min: 0, max: 10 }),
    honestRate: fc.constantFrom(0.005, 0.1, 1, 3),
    onDemand: fc.constantFrom(0, 0.3, 1),
    answers: fc.array(fc.constantFrom(...Object.keys(ANSWERS)), { minLength: 1, maxLength: 12 }),
    seed: fc.nat(),
  })
  .map(({ hostileShare, ...setting }) => ({
    ...setting,
    // Fewer than the majority of all organisations; one if there is only one other.
    hostile:
      [8, 7, 6, 5, 4, 3, 2, 1]
        .filter((hostile) => hostile < majorityOf(setting.honest + hostile))
        .filter((hostile) => hostile <= 1 + hostileShare * 8)[0] ?? 1,
  }));

describe('organisations that share one OAuth app', () => {
  it('keep at least 95 % of their requests, and all their accounts, whatever hostile accounts do', () => {
    fc.assert(
      fc.property(settings, (setting) => {
        const simulation = new Simulation(setting);
        simulation.play(5 * MINUTE);
        const { honest, refused } = simulation.granted;
        expect(honest).toBeGreaterThanOrEqual(0.95 * (honest + refused));
        const marked = simulation.accounts.filter(
          (one) => !one.isHostile && one.state !== 'active',
        );
        expect(marked).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  it.each(['invalid_client', 'unauthorized_client', 'down'])(
    'detect a real incident within a minute if all accounts are answered with %s, and no account is marked',
    (code) => {
      fc.assert(
        fc.property(settings, fc.nat({ max: 3 * MINUTE }), (setting, quietMs) => {
          // Fewer than five failing accounts are not an outage: each backs off on its own.
          fc.pre(code !== 'down' || setting.honest * setting.honestAccounts >= 5);
          const simulation = new Simulation(setting, code === 'down' ? setting.honestAccounts : 1);
          simulation.play(quietMs);
          simulation.incident = ANSWERS[code] ?? null;
          simulation.play(3 * MINUTE, () => simulation.limiter.state !== 'closed');
          const { met, ms } = simulation;
          // Too few of them may have been refreshed in this time.
          const since = code === 'down' ? met[4] : met[0];
          expect(ms - (since ?? ms)).toBeLessThanOrEqual(MINUTE);
          expect(simulation.meanwhile).toBeLessThan(200);
          const marked = simulation.accounts.filter(
            (one) => !one.isHostile && one.state !== 'active',
          );
          expect(marked).toEqual([]);
        }),
        { numRuns: 50 },
      );
    },
  );

  it('send few requests and mark no account if all accounts are new and refused', () => {
    fc.assert(
      fc.property(settings, (setting) => {
        const simulation = new Simulation({ ...setting, hostileRate: 0, onDemand: 0 }, 0);
        simulation.incident = ANSWERS['invalid_client'] ?? null;
        simulation.play(2 * MINUTE);
        expect(simulation.limiter.state).toBe('closed');
        // 20 requests per 20 s, for all organisations together.
        expect(simulation.requests).toBeLessThanOrEqual(7 * 20);
        expect(simulation.accounts.filter(({ state }) => state !== 'active')).toEqual([]);
      }),
      { numRuns: 20 },
    );
  });
});
