/** What may be sent for one OAuth app, and what answers make of it. */
import * as fc from 'fast-check';
import {
  allowedToday,
  DEFAULT_LANE_RULE,
  forecastPerDay,
  type HoldReason,
  hear,
  type Lane,
  type LaneNews,
  type LaneRule,
  newLane,
  type PermitRequest,
  pace,
  permit,
  sweepHold,
  today,
} from '../../src/domain/lane';
import { refreshFailure } from '../../src/domain/refresh-failure';

const NOW = new Date('2026-11-22T12:00:00.000Z');
const after = (ms: number) => new Date(NOW.getTime() + ms);
const SECOND = 1_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const sweep: PermitRequest = { use: 'scheduled', purpose: 'refresh' };
const onDemand: PermitRequest = { use: 'on_demand', purpose: 'refresh' };
const probe: PermitRequest = { use: 'scheduled', purpose: 'probe' };
const validation: PermitRequest = { use: 'on_demand', purpose: 'validation' };

const app: LaneNews = {
  kind: 'app',
  failure: refreshFailure('invalid_client', { detail: 'me@x' }),
};
const down: LaneNews = { kind: 'provider', failure: refreshFailure('provider_unavailable') };
const alive: LaneNews = { kind: 'alive' };

const ruleOf = (rule: Partial<LaneRule> = {}): LaneRule => ({ ...DEFAULT_LANE_RULE, ...rule });
const RULE = ruleOf();
const laneOf = (members: Partial<Lane> = {}): Lane => ({
  ...newLane('ebay', 'production', NOW),
  provenAt: NOW,
  ...members,
});

/** The lane after one account after the other has had the same news. */
function told(lane: Lane, news: LaneNews, accounts: number, at = NOW): Lane {
  let next = lane;
  for (let n = 0; n < accounts; n += 1)
    next = hear(next, { accountId: `acc_${n}`, at }, news, RULE, at).lane;
  return next;
}

function held(lane: Lane, request: PermitRequest, at = NOW, rule = RULE): HoldReason | null {
  const answer = permit(lane, request, rule, at);
  return 'hold' in answer ? answer.hold.reason : null;
}

describe('an app incident', () => {
  const parked = told(laneOf(), app, 1);

  it('parks the lane with the first account that meets it, and tells no other account of the first one’s answer', () => {
    const heard = hear(laneOf(), { accountId: 'acc_0', at: NOW }, app, RULE, NOW);
    expect(heard).toMatchObject({ event: 'app_incident', alone: false });
    expect(heard.lane).toMatchObject({
      state: 'parked',
      since: NOW,
      nextProbeAt: after(30 * SECOND),
    });
    expect(heard.lane.failure).toEqual(refreshFailure('invalid_client'));
  });

  it('lets nobody send, and one account ask each half minute, whoever it is', () => {
    for (const request of [sweep, onDemand, probe, validation])
      expect(held(parked, request, after(29 * SECOND))).toBe('app_incident');
    for (const request of [onDemand, probe]) {
      const answer = permit(parked, request, RULE, after(30 * SECOND));
      expect(answer).toMatchObject({ at: after(30 * SECOND) });
      const next = 'lane' in answer ? answer.lane : parked;
      for (const other of [sweep, onDemand, probe])
        expect(held(next, other, after(59 * SECOND))).toBe('app_incident');
    }
  });

  it('is not probed by sweeps, which would all try, nor by validations, which prove nothing', () => {
    expect(held(parked, sweep, after(HOUR))).toBe('app_incident');
    expect(held(parked, validation, after(HOUR))).toBe('app_incident');
  });

  it('is raised once, however many requests were under way', () => {
    const heard = hear(parked, { accountId: 'acc_7', at: NOW }, app, RULE, after(SECOND));
    expect(heard).toMatchObject({ event: null, alone: false });
  });

  it('is over when a probe is served, or refused for its own account’s sake', () => {
    const at = after(30 * SECOND);
    const heard = hear(parked, { accountId: 'acc_9', at }, alive, RULE, at);
    expect(heard).toMatchObject({ event: 'app_recovered', lane: { state: 'open', failure: null } });
  });

  it('is not over because of an answer to what was sent before it', () => {
    const heard = hear(parked, { accountId: 'acc_9', at: after(-1) }, alive, RULE, after(SECOND));
    expect(heard).toMatchObject({ event: null, lane: { state: 'parked' } });
  });

  it('does not begin anew because of an answer to what was sent before it ended', () => {
    const at = after(30 * SECOND);
    const open = hear(parked, { accountId: 'acc_9', at }, alive, RULE, at).lane;
    const late = hear(
      open,
      { accountId: 'acc_3', at: after(29 * SECOND) },
      app,
      RULE,
      after(MINUTE),
    );
    expect(late).toMatchObject({ event: null, lane: { state: 'open' } });
  });

  it('cannot be made by one account over and over: once another was served, the failure is its own', () => {
    const at = after(30 * SECOND);
    const open = hear(parked, { accountId: 'acc_9', at }, alive, RULE, at).lane;
    const again = after(10 * MINUTE);
    const poison = hear(open, { accountId: 'acc_0', at: again }, app, RULE, again);
    expect(poison).toMatchObject({ event: null, alone: true, lane: { state: 'open' } });
    const another = hear(open, { accountId: 'acc_1', at: again }, app, RULE, again);
    expect(another).toMatchObject({ event: 'app_incident', alone: false });
  });
});

describe('an outage', () => {
  it('breaks the lane when five accounts fail in a row, and not before', () => {
    expect(told(laneOf(), down, 4).state).toBe('open');
    expect(told(laneOf(), down, 5)).toMatchObject({ state: 'broken', nextProbeAt: after(30_000) });
  });

  it('is not one account that fails again and again', () => {
    let lane = laneOf();
    for (let n = 0; n < 50; n += 1)
      lane = hear(lane, { accountId: 'poison', at: NOW }, down, RULE, NOW).lane;
    expect(lane.state).toBe('open');
  });

  it('is not a row with a success in it', () => {
    const four = told(laneOf(), down, 4);
    const { lane } = hear(four, { accountId: 'acc_8', at: NOW }, alive, RULE, NOW);
    expect(told(lane, down, 4).state).toBe('open');
  });

  it('costs ten requests at most before it is known, where the provider was not heard of for a minute', () => {
    let lane = laneOf({ provenAt: after(-2 * MINUTE) });
    let sent = 0;
    for (let n = 0; n < 1_000; n += 1) {
      const answer = permit(lane, sweep, RULE, NOW);
      if ('hold' in answer) continue;
      ({ lane } = answer);
      sent += 1;
    }
    expect(sent).toBe(5);
    expect(held(told(lane, down, sent), sweep)).toBe('provider_outage');
  });

  it('of two hours costs 240 requests at most', () => {
    let lane = told(laneOf(), down, 5);
    let probes = 0;
    for (let ms = 0; ms <= 2 * HOUR; ms += 500) {
      const at = after(ms);
      const answer = permit(lane, probe, RULE, at);
      if ('hold' in answer) continue;
      probes += 1;
      lane = hear(answer.lane, { accountId: `acc_${probes}`, at }, down, RULE, at).lane;
    }
    expect(probes).toBeGreaterThan(100);
    expect(probes).toBeLessThanOrEqual(230);
  });

  it('ends without a herd: few at first, twice as many every five seconds, until there is no need to count', () => {
    const at = after(MINUTE);
    let lane = hear(told(laneOf(), down, 5), { accountId: 'acc_9', at }, alive, RULE, at).lane;
    const sent: number[] = [];
    for (let ms = 0; ms < 30_000; ms += 10) {
      const now = new Date(at.getTime() + ms);
      lane = { ...lane, provenAt: now };
      const answer = permit(lane, sweep, RULE, now);
      if ('hold' in answer) continue;
      ({ lane } = answer);
      sent.push(answer.at.getTime() - at.getTime());
    }
    const before = (ms: number) => sent.filter((one) => one < ms).length;
    expect(before(1_000)).toBeLessThanOrEqual(3);
    expect(before(5_000)).toBeLessThanOrEqual(20);
    expect(before(10_000)).toBeLessThanOrEqual(60);
    expect(before(25_000)).toBeGreaterThan(100);
    expect(pace(lane, RULE, new Date(at.getTime() + MINUTE))).toBeNull();
  });
});

describe('limits', () => {
  it('never let more than so many go in any second, even if each is late by up to 100 ms', () => {
    const requests = fc.array(
      fc.record({ waitMs: fc.nat({ max: 400 }), late: fc.nat({ max: 100 }), urgent: fc.boolean() }),
      { minLength: 50, maxLength: 300 },
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), requests, (perSecond, wanted) => {
        const rule = ruleOf({ perSecond });
        let lane = laneOf();
        let now = NOW.getTime();
        const sent: number[] = [];
        for (const { waitMs, late, urgent } of wanted) {
          now += waitMs;
          lane = { ...lane, provenAt: new Date(now) };
          const answer = permit(lane, urgent ? onDemand : sweep, rule, new Date(now));
          if ('hold' in answer) continue;
          ({ lane } = answer);
          sent.push(answer.at.getTime() + late);
        }
        sent.sort((a, b) => a - b);
        const apart = sent.slice(perSecond).map((at, index) => at - (sent[index] ?? 0));
        expect(Math.min(...apart, Infinity)).toBeGreaterThanOrEqual(1_000);
      }),
      { numRuns: 200 },
    );
  });

  it('of a day: sweeps stop before the reserve, those who ask for a token go on, and tomorrow all begin anew', () => {
    const rule = ruleOf({ perDay: 100 });
    const lane = laneOf({ used: 90 });
    expect(allowedToday(rule, 'scheduled')).toBe(90);
    expect(held(lane, sweep, NOW, rule)).toBe('quota_spent');
    expect(sweepHold(lane, rule, NOW)).toEqual({
      reason: 'quota_spent',
      until: new Date('2026-11-23T00:00:00.000Z'),
    });
    expect(held(lane, onDemand, NOW, rule)).toBeNull();
    expect(held({ ...lane, used: 100 }, onDemand, NOW, rule)).toBe('quota_spent');
    expect(held({ ...lane, provenAt: after(13 * HOUR) }, sweep, after(13 * HOUR), rule)).toBeNull();
  });

  it('of a day are never exceeded, whatever is asked for in which order', () => {
    const requests = fc.array(fc.constantFrom(sweep, onDemand, validation, probe), {
      maxLength: 80,
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.double({ min: 0, max: 0.9, noNaN: true }),
        requests,
        (perDay, reserve, wanted) => {
          const rule = ruleOf({ perDay, reserve });
          let lane = laneOf();
          const granted = { scheduled: 0, on_demand: 0 };
          for (const request of wanted) {
            const answer = permit(lane, request, rule, NOW);
            if ('hold' in answer) continue;
            ({ lane } = answer);
            granted[request.use] += 1;
          }
          expect(granted.scheduled + granted.on_demand).toBeLessThanOrEqual(perDay);
          expect(granted.scheduled).toBeLessThanOrEqual(allowedToday(rule, 'scheduled'));
        },
      ),
    );
  });

  it('of a day are not given once more by a clock that lags', () => {
    const lane = today(laneOf({ used: 5 }), after(13 * HOUR));
    expect(lane).toMatchObject({ day: '2026-11-23', used: 0 });
    expect(today({ ...lane, used: 7 }, NOW)).toMatchObject({ day: '2026-11-23', used: 7 });
  });

  it('that the provider sets with 429 are the whole lane’s, and the longest holds', () => {
    const wait = (waitMs: number): LaneNews => ({ kind: 'rate', waitMs });
    let { lane } = hear(laneOf(), { accountId: 'a', at: NOW }, wait(5_000), RULE, NOW);
    ({ lane } = hear(lane, { accountId: 'b', at: NOW }, wait(1_000), RULE, NOW));
    for (const request of [sweep, onDemand, validation])
      expect(held(lane, request, after(4_999))).toBe('throttled');
    expect(held(lane, onDemand, after(5_000))).toBeNull();
  });
});

it('nothing that answers bring, in any order, opens a closed lane but an answer, or leaves it closed without a next probe', () => {
  const news = fc.record({
    account: fc.integer({ min: 0, max: 8 }),
    kind: fc.constantFrom<LaneNews>(app, down, alive, { kind: 'rate', waitMs: 1_000 }),
    passMs: fc.nat({ max: 40_000 }),
  });
  fc.assert(
    fc.property(fc.array(news, { maxLength: 60 }), (all) => {
      let lane = laneOf();
      let now = NOW.getTime();
      for (const { account, kind, passMs } of all) {
        now += passMs;
        const at = new Date(now);
        const { lane: next, event } = hear(lane, { accountId: `a${account}`, at }, kind, RULE, at);
        const opens = lane.state !== 'open' && next.state === 'open';
        expect(opens && kind !== alive).toBe(false);
        expect(next.state !== 'open').toBe(next.nextProbeAt !== null);
        expect(next.state !== lane.state).toBe(event !== null);
        expect(next.failing.length).toBeLessThanOrEqual(20);
        lane = next;
      }
    }),
  );
});

it('the forecast follows from how often each account is refreshed and validated', () => {
  const hourly = { refreshEveryMs: HOUR, validateEveryMs: null };
  expect(forecastPerDay(1_000, hourly)).toBe(24_000);
  expect(forecastPerDay(10, { refreshEveryMs: HOUR, validateEveryMs: 30 * MINUTE })).toBe(720);
});
