/** Acquisitions from an OAuth app limiter, and the effects of their outcomes. */
import * as fc from 'fast-check';
import {
  type AcquireRequest,
  type AppLimiter,
  type AppLimits,
  acquire,
  allowedToday,
  DEFAULT_APP_LIMITS,
  forecastPerDay,
  type HoldReason,
  isSuspected,
  NO_EVIDENCE,
  newAppLimiter,
  pace,
  sweepHold,
  today,
} from '../../../src/domain/limits/app-limiter';
import {
  type Acquired,
  type AppOutcome,
  applyOutcome,
  conclude,
  shownFailure,
} from '../../../src/domain/limits/limiter-outcome';
import { refreshFailure } from '../../../src/domain/refresh/refresh-failure';

const NOW = new Date('2026-11-22T12:00:00.000Z');
const after = (ms: number) => new Date(NOW.getTime() + ms);
const SECOND = 1_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const A = { organisation: 'org-a', isProven: true };
const sweep: AcquireRequest = { ...A, use: 'scheduled', purpose: 'refresh' };
const onDemand: AcquireRequest = { ...A, use: 'on_demand', purpose: 'refresh' };
const probe: AcquireRequest = { ...A, use: 'scheduled', purpose: 'probe' };
const validation: AcquireRequest = { ...A, use: 'on_demand', purpose: 'validation' };

const app: AppOutcome = {
  kind: 'app',
  failure: refreshFailure('invalid_client', { detail: 'me@x' }),
};
const down: AppOutcome = { kind: 'provider', failure: refreshFailure('provider_unavailable') };
const served: AppOutcome = { kind: 'served' };

const ruleOf = (rule: Partial<AppLimits> = {}): AppLimits => ({ ...DEFAULT_APP_LIMITS, ...rule });
const RULE = ruleOf();
const limiterOf = (members: Partial<AppLimiter> = {}): AppLimiter => ({
  ...newAppLimiter('ebay', 'production', NOW),
  provenAt: NOW,
  ...members,
});

/** A proven account of the only organisation, acquired now, unless overridden. */
const who = (accountId: string, otherwise: Partial<Acquired> = {}): Acquired => ({
  ...A,
  accountId,
  at: NOW,
  refusedAt: null,
  ...otherwise,
});

/** @param voters number of organisations with proven accounts */
const told = (
  limiter: AppLimiter,
  acquired: Acquired,
  news: AppOutcome,
  voters = 1,
  now = acquired.at,
) => {
  const others = Array.from({ length: Math.min(voters, 9) }, (_, n) => `voter-${n}`);
  const names = [...new Set([acquired.organisation, ...others])].slice(0, Math.min(voters, 9));
  return applyOutcome(limiter, acquired, news, { rule: RULE, voters: names, now });
};

/** Returns the limiter after several accounts reported the same outcome. */
function toldBy(limiter: AppLimiter, news: AppOutcome, accounts: number, at = NOW): AppLimiter {
  let next = limiter;
  for (let n = 0; n < accounts; n += 1) next = told(next, who(`acc_${n}`, { at }), news).limiter;
  return next;
}

function held(
  limiter: AppLimiter,
  request: AcquireRequest,
  at = NOW,
  rule = RULE,
): HoldReason | null {
  const answer = acquire(limiter, request, rule, at);
  return 'hold' in answer ? answer.hold.reason : null;
}

describe('an app incident', () => {
  const parked = toldBy(limiterOf(), app, 1);

  it('opens the circuit with the first proven account if no other organisation has one, and shows its words to no other account', () => {
    const heard = told(limiterOf(), who('acc_0'), app);
    expect(heard).toMatchObject({ event: 'app_incident', ofAccount: 'none' });
    expect(heard.limiter).toMatchObject({
      state: 'open_credentials',
      since: NOW,
      nextProbeAt: after(30 * SECOND),
    });
    expect(shownFailure(heard.limiter)).toEqual(refreshFailure('invalid_client'));
  });

  it('is probed by one account every 30 s, and no other account sends', () => {
    for (const request of [sweep, onDemand, probe, validation])
      expect(held(parked, request, after(29 * SECOND))).toBe('app_incident');
    const answer = acquire(parked, probe, RULE, after(30 * SECOND));
    expect(answer).toMatchObject({ at: after(30 * SECOND) });
    const next = 'limiter' in answer ? answer.limiter : parked;
    for (const other of [sweep, onDemand, probe])
      expect(held(next, other, after(59 * SECOND))).toBe('app_incident');
  });

  it('is probed by a caller only if no probe was made for a whole interval', () => {
    expect(held(parked, onDemand, after(59 * SECOND))).toBe('app_incident');
    expect(held(parked, onDemand, after(60 * SECOND))).toBeNull();
  });

  it('records the organisation of the last probe', () => {
    const answer = acquire(parked, { ...probe, organisation: 'org-b' }, RULE, after(MINUTE));
    expect(answer).toMatchObject({ limiter: { probedOrganisation: 'org-b' } });
  });

  it('is not probed by sweeps, which would all probe, or by validations, which prove nothing', () => {
    expect(held(parked, sweep, after(HOUR))).toBe('app_incident');
    expect(held(parked, validation, after(HOUR))).toBe('app_incident');
  });

  it('is raised once for any number of requests in flight', () => {
    const heard = told(parked, who('acc_7'), app, 1, after(SECOND));
    expect(heard).toMatchObject({ event: null, ofAccount: 'none' });
  });

  it.each<[string, AppOutcome]>([
    ['served', served],
    ['refused for its own grant', { kind: 'grant_refused' }],
  ])('ends when a probe is %s', (_, news) => {
    const heard = told(parked, who('acc_9', { at: after(30 * SECOND) }), news);
    expect(heard).toMatchObject({
      event: 'app_recovered',
      limiter: { state: 'closed', failure: null },
    });
  });

  it('does not end because the provider refuses a request with unknown words', () => {
    const heard = told(parked, who('acc_9', { at: after(30 * SECOND) }), { kind: 'answered' });
    expect(heard).toMatchObject({ event: null, limiter: { state: 'open_credentials' } });
  });

  it('does not end because of an answer to an earlier request', () => {
    const heard = told(parked, who('acc_9', { at: after(-1) }), served, 1, after(SECOND));
    expect(heard).toMatchObject({ event: null, limiter: { state: 'open_credentials' } });
  });

  it('does not start again because of an answer to a request sent before it ended', () => {
    const open = told(parked, who('acc_9', { at: after(30 * SECOND) }), served).limiter;
    const late = told(open, who('acc_3', { at: after(29 * SECOND) }), app, 1, after(MINUTE));
    expect(late).toMatchObject({ event: null, ofAccount: 'none', limiter: { state: 'closed' } });
  });

  it('cannot be caused repeatedly by one account that is not served in between', () => {
    const open = told(parked, who('acc_9', { at: after(30 * SECOND) }), served).limiter;
    const again = told(open, who('acc_0', { at: after(10 * MINUTE), isProven: false }), app);
    expect(again).toMatchObject({
      event: null,
      ofAccount: 'backs_off',
      limiter: { state: 'closed' },
    });
    const another = told(open, who('acc_1', { at: after(10 * MINUTE) }), app);
    expect(another).toMatchObject({ event: 'app_incident', ofAccount: 'none' });
  });
});

describe('evidence of an incident', () => {
  const of = (organisation: string, otherwise: Partial<Acquired> = {}) =>
    who(`acc_${organisation}`, { organisation, ...otherwise });

  it('is not given by any number of accounts that were never served', () => {
    let limiter = limiterOf();
    for (let n = 0; n < 1_000; n += 1) {
      const heard = told(limiter, of(`org-${n}`, { isProven: false }), n % 2 === 0 ? app : down, 9);
      expect(heard.event).toBeNull();
      limiter = heard.limiter;
    }
    expect(limiter).toEqual(limiterOf());
  });

  it('is requested from other organisations if only one organisation is refused', () => {
    let limiter = limiterOf();
    for (let n = 0; n < 50; n += 1) ({ limiter } = told(limiter, who(`acc_${n}`), app, 2));
    expect(limiter.state).toBe('closed');
    expect(isSuspected(limiter)).toBe(true);
    expect(held(limiter, { ...sweep, organisation: 'org-b' })).toBeNull();
  });

  it('causes probes of other accounts at most every 4 s, however often it is given', () => {
    let { limiter } = told(limiterOf(), of('org-a'), app, 9);
    let probes = 0;
    for (let ms = 0; ms < 24 * SECOND; ms += 100) {
      ({ limiter } = told(
        limiter,
        of('org-b', { at: after(ms) }),
        ms % 200 === 0 ? app : served,
        2,
      ));
      const answer = acquire(limiter, probe, RULE, after(ms));
      if ('hold' in answer) continue;
      ({ limiter } = answer);
      probes += 1;
    }
    expect(probes).toBe(6);
  });

  it('is refuted by another organisation that is served', () => {
    const suspected = told(limiterOf(), of('org-a'), app, 2).limiter;
    const { limiter } = told(suspected, of('org-b', { at: after(SECOND) }), served, 2);
    expect(limiter).toMatchObject({
      state: 'closed',
      evidence: NO_EVIDENCE,
      failure: null,
      words: null,
    });
  });

  it('is not refuted by an answer to an earlier request', () => {
    const suspected = told(limiterOf(), of('org-a'), app, 2).limiter;
    const { limiter } = told(suspected, of('org-b', { at: after(-1) }), served, 2, after(SECOND));
    expect(isSuspected(limiter)).toBe(true);
  });

  it('is confirmed by another organisation that is refused', () => {
    const suspected = told(limiterOf(), of('org-a'), app, 2).limiter;
    expect(told(suspected, of('org-b'), app, 2)).toMatchObject({
      event: 'app_incident',
      limiter: { state: 'open_credentials', evidence: NO_EVIDENCE },
    });
  });

  it.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [5, 3],
    [9, 5],
    [1_000, 5],
  ])('from %i organisations decides with %i votes', (voters, needed) => {
    let limiter = limiterOf();
    for (let n = 0; n < needed; n += 1) {
      expect(limiter.state).toBe('closed');
      ({ limiter } = told(limiter, of(`voter-${n}`), app, voters));
    }
    expect(limiter.state).toBe('open_credentials');
  });

  it('counts after 30 s without contradiction, and is dropped if an organisation contradicts it', () => {
    const suspected = told(limiterOf(), of('org-a'), app, 9).limiter;
    expect(conclude(suspected, RULE, after(29 * SECOND)).event).toBeNull();
    expect(conclude(suspected, RULE, after(30 * SECOND))).toMatchObject({
      event: 'app_incident',
      limiter: { state: 'open_credentials' },
    });
    const doubted = told(suspected, of('org-b'), served, 9).limiter;
    expect(conclude(doubted, RULE, after(30 * SECOND))).toMatchObject({
      event: null,
      limiter: { state: 'closed', evidence: NO_EVIDENCE },
    });
  });

  it('lets sweeps send only a few requests until an account is served', () => {
    let { limiter } = told(limiterOf(), of('org-a'), app, 9);
    let sent = 0;
    for (let n = 0; n < 100; n += 1) {
      const answer = acquire(limiter, sweep, RULE, after(SECOND));
      if ('hold' in answer) continue;
      ({ limiter } = answer);
      sent += 1;
    }
    expect(sent).toBe(5);
    const { limiter: next } = told(limiter, of('org-b', { at: after(SECOND) }), served, 9);
    expect(held(next, sweep, after(SECOND))).toBeNull();
  });

  it('never stores more organisations than the deciding votes', () => {
    const news = fc.record({
      organisation: fc.integer({ min: 0, max: 99 }),
      kind: fc.constantFrom<AppOutcome>(app, down, served, { kind: 'rate', waitMs: 1e9 }),
      voters: fc.integer({ min: 0, max: 1_000 }),
    });
    fc.assert(
      fc.property(fc.array(news, { maxLength: 300 }), (all) => {
        let limiter = limiterOf();
        for (const [index, { organisation, kind, voters }] of all.entries()) {
          const at = after(index);
          ({ limiter } = told(limiter, of(`org-${organisation}`, { at }), kind, voters));
          for (const evidence of [limiter.evidence.app, limiter.evidence.outage])
            expect((evidence?.failed ?? []).length + (evidence?.served ?? []).length).toBeLessThan(
              10,
            );
          expect(limiter.throttles.length).toBeLessThanOrEqual(20);
        }
      }),
    );
  });
});

describe('a refusal of the app', () => {
  const dead: AppOutcome = {
    kind: 'app',
    failure: refreshFailure('unauthorized_client', { detail: 'refresh_token is invalid' }),
  };
  const refused = (otherwise: Partial<Acquired> = {}) =>
    who('acc_dead', { isProven: false, at: after(6 * MINUTE), ...otherwise });
  const well = limiterOf({ provenAt: after(MINUTE) });

  it('concerns the grant if the account was refused for minutes and another was served in between', () => {
    expect(told(well, refused({ refusedAt: NOW }), dead).ofAccount).toBe('grant_refused');
  });

  it.each<[string, AppLimiter, Acquired, AppOutcome]>([
    ['the account was not refused before', well, refused(), dead],
    [
      'the first refusal was less than five minutes ago',
      well,
      refused({ refusedAt: NOW, at: after(5 * MINUTE - 1) }),
      dead,
    ],
    ['no account was served since', limiterOf(), refused({ refusedAt: NOW }), dead],
    [
      'the other was served at nearly the same moment',
      limiterOf({ provenAt: after(5 * SECOND) }),
      refused({ refusedAt: NOW }),
      dead,
    ],
    [
      'no account was ever served',
      limiterOf({ provenAt: null }),
      refused({ refusedAt: NOW }),
      dead,
    ],
    [
      'an incident has just ended',
      { ...well, since: after(340 * SECOND), recoveredAt: after(340 * SECOND) },
      refused({ refusedAt: NOW }),
      dead,
    ],
    ['the refusal concerns the credentials', well, refused({ refusedAt: NOW }), app],
    [
      'another organisation is refused as well',
      told(well, who('acc_b', { organisation: 'org-b' }), dead, 9).limiter,
      refused({ refusedAt: NOW }),
      dead,
    ],
  ])('only makes the account back off if %s', (_, limiter, acquired, news) => {
    expect(told(limiter, acquired, news, 9).ofAccount).toBe('backs_off');
  });

  it('says nothing about any account while the circuit is open', () => {
    const parked = toldBy(well, dead, 1);
    expect(told(parked, refused({ refusedAt: NOW }), dead).ofAccount).toBe('none');
  });
});

describe('the provider’s own words', () => {
  const saying = (detail: string): AppOutcome => ({
    kind: 'app',
    failure: refreshFailure('invalid_client', { detail }),
  });
  const words = (voters: number, ...told3: [string, string, string][]) => {
    let limiter = limiterOf();
    for (const [accountId, organisation, detail] of told3)
      ({ limiter } = told(limiter, who(accountId, { organisation }), saying(detail), voters));
    // Concludes an incident that is not confirmed yet.
    if (limiter.state === 'closed') limiter = conclude(limiter, RULE, after(MINUTE)).limiter;
    return shownFailure(limiter)?.detail;
  };

  it('are shown if two accounts received the same words', () => {
    expect(words(1, ['a', 'org-a', 'app is disabled'], ['b', 'org-a', 'app is disabled'])).toBe(
      'app is disabled',
    );
  });

  it('are not shown if they may concern one account', () => {
    expect(words(1, ['a', 'org-a', 'shop a.example is frozen'])).toBeUndefined();
    expect(
      words(1, ['a', 'org-a', 'no a.example'], ['b', 'org-a', 'no b.example']),
    ).toBeUndefined();
    expect(
      words(1, ['a', 'org-a', 'no a.example'], ['a', 'org-a', 'no a.example']),
    ).toBeUndefined();
  });

  it('require two organisations if several have proven accounts', () => {
    const ofOne: [string, string, string][] = [
      ['a', 'org-a', 'call 555'],
      ['b', 'org-a', 'call 555'],
    ];
    expect(words(2, ...ofOne)).toBeUndefined();
    expect(words(2, ...ofOne, ['c', 'org-b', 'call 555'])).toBe('call 555');
  });

  it('count if the second request was in flight when the first opened the circuit', () => {
    const parked = told(limiterOf(), who('a'), saying('app is disabled')).limiter;
    const late = who('b', { at: after(-1) });
    const { limiter } = told(parked, late, saying('app is disabled'), 1, after(SECOND));
    expect(shownFailure(limiter)?.detail).toBe('app is disabled');
  });

  it('of an account that was never served are not shown', () => {
    const parked = toldBy(limiterOf(), saying('one'), 1);
    let { limiter } = told(parked, who('x', { isProven: false }), saying('two'));
    ({ limiter } = told(limiter, who('y', { isProven: false }), saying('two')));
    expect(shownFailure(limiter)?.detail).toBeUndefined();
  });
});

describe('an outage', () => {
  it('opens the circuit when five accounts fail in a row, and not before', () => {
    expect(toldBy(limiterOf(), down, 4).state).toBe('closed');
    expect(toldBy(limiterOf(), down, 5)).toMatchObject({
      state: 'open_outage',
      nextProbeAt: after(30_000),
    });
  });

  it('does not follow from one account that fails repeatedly', () => {
    let limiter = told(limiterOf(), who('poison'), down).limiter;
    for (let n = 0; n < 50; n += 1)
      ({ limiter } = told(limiter, who('poison', { isProven: false }), down));
    expect(limiter.state).toBe('closed');
  });

  it('does not follow from failures with a success in between', () => {
    const { limiter } = told(toldBy(limiterOf(), down, 4), who('acc_8'), served);
    expect(toldBy(limiter, down, 4).state).toBe('closed');
  });

  it('does not follow from failures of one organisation while another one is served', () => {
    let limiter = limiterOf();
    for (let n = 0; n < 50; n += 1) ({ limiter } = told(limiter, who(`acc_${n}`), down, 2));
    expect(limiter.state).toBe('closed');
    expect(isSuspected(limiter)).toBe(true);
    ({ limiter } = told(limiter, who('acc_b', { organisation: 'org-b' }), served, 2));
    expect(limiter.evidence).toEqual(NO_EVIDENCE);
  });

  it('ends, and is refuted, by any answer of the authorization server', () => {
    const answered: AppOutcome = { kind: 'answered' };
    expect(told(toldBy(limiterOf(), down, 4), who('acc_8'), answered).limiter.evidence).toEqual(
      NO_EVIDENCE,
    );
    const broken = toldBy(limiterOf(), down, 5);
    expect(told(broken, who('acc_8', { at: after(MINUTE) }), answered).event).toBe(
      'provider_recovered',
    );
  });

  it('costs at most ten requests before it is detected if the provider has not answered for a minute', () => {
    let limiter = limiterOf({ provenAt: after(-2 * MINUTE) });
    let sent = 0;
    for (let n = 0; n < 1_000; n += 1) {
      const answer = acquire(limiter, sweep, RULE, NOW);
      if ('hold' in answer) continue;
      ({ limiter } = answer);
      sent += 1;
    }
    expect(sent).toBe(5);
    expect(held(toldBy(limiter, down, sent), sweep)).toBe('provider_outage');
  });

  it('of two hours costs at most 240 requests', () => {
    let limiter = toldBy(limiterOf(), down, 5);
    let probes = 0;
    for (let ms = 0; ms <= 2 * HOUR; ms += 500) {
      const at = after(ms);
      const answer = acquire(limiter, probe, RULE, at);
      if ('hold' in answer) continue;
      probes += 1;
      limiter = told(answer.limiter, who(`acc_${probes}`, { at }), down).limiter;
    }
    expect(probes).toBeGreaterThan(100);
    expect(probes).toBeLessThanOrEqual(230);
  });

  it('ends with a ramp: the rate doubles every five seconds until it is unlimited', () => {
    const at = after(MINUTE);
    let { limiter } = told(toldBy(limiterOf(), down, 5), who('acc_9', { at }), served);
    const sent: number[] = [];
    for (let ms = 0; ms < 30_000; ms += 10) {
      const now = new Date(at.getTime() + ms);
      limiter = { ...limiter, provenAt: now };
      const answer = acquire(limiter, sweep, RULE, now);
      if ('hold' in answer) continue;
      ({ limiter } = answer);
      sent.push(answer.at.getTime() - at.getTime());
    }
    const before = (ms: number) => sent.filter((one) => one < ms).length;
    expect(before(1_000)).toBeLessThanOrEqual(3);
    expect(before(5_000)).toBeLessThanOrEqual(20);
    expect(before(10_000)).toBeLessThanOrEqual(60);
    expect(before(25_000)).toBeGreaterThan(100);
    expect(pace(limiter, RULE, new Date(at.getTime() + MINUTE))).toBeNull();
  });
});

describe('the first requests of a sweep', () => {
  const sentOf = (organisations: readonly string[], isProven: boolean, each = 50) => {
    let limiter = limiterOf({ provenAt: null });
    const sent = new Map<string, number>();
    for (const organisation of organisations)
      for (let n = 0; n < each; n += 1) {
        const answer = acquire(limiter, { ...sweep, organisation, isProven }, RULE, NOW);
        if ('hold' in answer) continue;
        ({ limiter } = answer);
        sent.set(organisation, (sent.get(organisation) ?? 0) + 1);
      }
    return { limiter, sent };
  };

  it('are five per 20 s for an installation with only new accounts, until one is served', () => {
    const { limiter, sent } = sentOf(['org-a'], false);
    expect(sent.get('org-a')).toBe(5);
    const fresh = { ...sweep, isProven: false };
    expect(held(limiter, fresh, after(19 * SECOND))).toBe('first_answer_awaited');
    expect(held(limiter, fresh, after(20 * SECOND))).toBeNull();
  });

  it('are shared between organisations, and bounded in total', () => {
    const { sent } = sentOf(['org-a', 'org-b', 'org-c', 'org-d', 'org-e', 'org-f'], true);
    expect([...sent.values()]).toEqual([5, 5, 5, 5]);
  });

  it('of new accounts do not block accounts that were served before', () => {
    const { limiter } = sentOf(['bad-1', 'bad-2', 'bad-3', 'bad-4'], false);
    expect(held(limiter, { ...sweep, isProven: false })).toBe('first_answer_awaited');
    expect(held(limiter, sweep)).toBeNull();
  });
});

describe('limits', () => {
  it('never allow more requests per second than configured, even if each is up to 100 ms late', () => {
    const requests = fc.array(
      fc.record({ waitMs: fc.nat({ max: 400 }), late: fc.nat({ max: 100 }), urgent: fc.boolean() }),
      { minLength: 50, maxLength: 300 },
    );
    let compared = 0;
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), requests, (perSecond, wanted) => {
        const rule = ruleOf({ perSecond });
        let limiter = limiterOf();
        let now = NOW.getTime();
        const sent: number[] = [];
        for (const { waitMs, late, urgent } of wanted) {
          now += waitMs;
          limiter = { ...limiter, provenAt: new Date(now) };
          const answer = acquire(limiter, urgent ? onDemand : sweep, rule, new Date(now));
          if ('hold' in answer) continue;
          ({ limiter } = answer);
          sent.push(answer.at.getTime() + late);
        }
        sent.sort((a, b) => a - b);
        const apart = sent.slice(perSecond).map((at, index) => at - (sent[index] ?? 0));
        compared += apart.length;
        expect(Math.min(...apart, Infinity)).toBeGreaterThanOrEqual(1_000);
      }),
      { numRuns: 200 },
    );
    expect(compared).toBeGreaterThan(200);
  });

  it('of a day stop sweeps before the reserve, let token requests continue, and start again the next day', () => {
    const rule = ruleOf({ perDay: 100 });
    const limiter = limiterOf({ used: 90 });
    expect(allowedToday(rule, 'scheduled')).toBe(90);
    expect(held(limiter, sweep, NOW, rule)).toBe('quota_exhausted');
    expect(sweepHold(limiter, rule, NOW)).toEqual({
      reason: 'quota_exhausted',
      until: new Date('2026-11-23T00:00:00.000Z'),
    });
    expect(held(limiter, onDemand, NOW, rule)).toBeNull();
    expect(held({ ...limiter, used: 100 }, onDemand, NOW, rule)).toBe('quota_exhausted');
    expect(
      held({ ...limiter, provenAt: after(13 * HOUR) }, sweep, after(13 * HOUR), rule),
    ).toBeNull();
  });

  it('of a day are never exceeded by requests of any kind and order', () => {
    const requests = fc.array(fc.constantFrom(sweep, onDemand, validation, probe), {
      maxLength: 80,
    });
    let spent = 0;
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.double({ min: 0, max: 0.9, noNaN: true }),
        requests,
        (perDay, reserve, wanted) => {
          const rule = ruleOf({ perDay, reserve });
          let limiter = limiterOf();
          const granted = { scheduled: 0, on_demand: 0 };
          for (const request of wanted) {
            const answer = acquire(limiter, request, rule, NOW);
            if ('hold' in answer) continue;
            ({ limiter } = answer);
            granted[request.use] += 1;
          }
          expect(granted.scheduled + granted.on_demand).toBeLessThanOrEqual(perDay);
          expect(granted.scheduled).toBeLessThanOrEqual(allowedToday(rule, 'scheduled'));
          if (granted.scheduled + granted.on_demand === perDay) spent += 1;
        },
      ),
    );
    expect(spent).toBeGreaterThan(0);
  });

  it('of a day are not restored by a clock that lags', () => {
    const limiter = today(limiterOf({ used: 5 }), after(13 * HOUR));
    expect(limiter).toMatchObject({ day: '2026-11-23', used: 0 });
    expect(today({ ...limiter, used: 7 }, NOW)).toMatchObject({ day: '2026-11-23', used: 7 });
  });

  const wait = (waitMs: number): AppOutcome => ({ kind: 'rate', waitMs });

  it('that the provider sets with 429 for one organisation do not hold back the others', () => {
    const { limiter } = told(limiterOf(), who('a'), wait(1e9), 2);
    expect(held(limiter, sweep)).toBe('organisation_throttled');
    expect(held(limiter, { ...sweep, organisation: 'org-b' })).toBeNull();
    const both = told(limiter, who('b', { organisation: 'org-b' }), wait(5_000), 2).limiter;
    expect(held(both, { ...sweep, organisation: 'org-c' }, after(4_999))).toBe('throttled');
    expect(held(both, { ...sweep, organisation: 'org-c' }, after(5_000))).toBeNull();
  });

  it('that the provider sets with 429 for new accounts hold back only their organisation', () => {
    const { limiter } = told(limiterOf(), who('a', { isProven: false }), wait(1e9));
    expect(held(limiter, sweep)).toBe('organisation_throttled');
    expect(held(limiter, { ...sweep, organisation: 'org-b' })).toBeNull();
  });

  it('that the provider sets with 429 are counted for any number of new accounts', () => {
    let limiter = limiterOf();
    const tell = (organisation: string, isProven: boolean) => {
      ({ limiter } = told(limiter, who(organisation, { organisation, isProven }), wait(60_000), 5));
    };
    tell('org-1', true);
    tell('org-2', true);
    for (let index = 0; index < 40; index += 1) tell(`new-${index}`, false);
    expect(held(limiter, { ...sweep, organisation: 'org-z' })).toBeNull();
    tell('org-3', true);
    expect(held(limiter, { ...sweep, organisation: 'org-z' })).toBe('throttled');
  });

  it('that the provider sets with 429 hold back the whole app if it has one organisation, and the longest counts', () => {
    let { limiter } = told(limiterOf(), who('a'), wait(5_000));
    ({ limiter } = told(limiter, who('b'), wait(1_000)));
    for (const request of [sweep, onDemand, validation])
      expect(held(limiter, request, after(4_999))).toBe('throttled');
    expect(held(limiter, onDemand, after(5_000))).toBeNull();
  });
});

it('a circuit closes only after an answer, and an open one always has a next probe, for outcomes in any order', () => {
  const news = fc.record({
    account: fc.integer({ min: 0, max: 8 }),
    isProven: fc.boolean(),
    kind: fc.constantFrom<AppOutcome>(app, down, served, { kind: 'rate', waitMs: 1_000 }),
    passMs: fc.nat({ max: 40_000 }),
  });
  fc.assert(
    fc.property(
      fc.array(news, { maxLength: 60 }),
      fc.integer({ min: 1, max: 4 }),
      (all, voters) => {
        let limiter = limiterOf();
        let now = NOW.getTime();
        for (const { account, isProven, kind, passMs } of all) {
          now += passMs;
          const at = new Date(now);
          const organisation = `org-${account % voters}`;
          const acquired = who(`a${account}`, { at, isProven, organisation });
          const { limiter: next, event } = told(limiter, acquired, kind, voters);
          const opens = limiter.state !== 'closed' && next.state === 'closed';
          expect(opens && kind !== served).toBe(false);
          expect(next.state !== 'closed').toBe(next.nextProbeAt !== null);
          expect(next.state !== limiter.state).toBe(event !== null);
          limiter = next;
        }
      },
    ),
  );
});

it('the forecast is derived from the refresh and validation intervals of the accounts', () => {
  const hourly = { refreshEveryMs: HOUR, validateEveryMs: null };
  expect(forecastPerDay(1_000, hourly)).toBe(24_000);
  expect(forecastPerDay(10, { refreshEveryMs: HOUR, validateEveryMs: 30 * MINUTE })).toBe(720);
});
