import * as fc from 'fast-check';
import {
  accountDueTimes,
  dueDecision,
  dueMoments,
  lostPauseMs,
  retryPauseMs,
  sweepBackOffMs,
  type WithDueTimes,
} from '../../../src/domain/account/due-times';
import { type RefreshPolicy } from '../../../src/domain/account/policy';
import { ENDLESS, grantUntil, POLICY, ruleOf } from '../_grants';

const NOW = new Date('2026-11-22T12:00:00.000Z');
const MINUTE = 60_000;
const fromNow = (ms: number) => new Date(NOW.getTime() + ms);

function decide(account: {
  expiresInMs: number;
  refreshedAgoMs: number;
  state?: 'active' | 'needs_reconnect' | 'inactive' | 'disabled';
  quarantine?: boolean;
  backOffMs?: number;
  policy?: RefreshPolicy;
}) {
  return dueDecision(
    {
      id: 'acc_1',
      state: account.state ?? 'active',
      policy: null,
      refreshTokenWarnedDays: null,
      previous: null,
      validatedAt: null,
      quarantine: account.quarantine ?? false,
      current: grantUntil(fromNow(account.expiresInMs)),
      lastRefreshedAt: fromNow(-account.refreshedAgoMs),
      nextAttemptAt: account.backOffMs === undefined ? null : fromNow(account.backOffMs),
    },
    ruleOf(account.policy ?? POLICY),
    NOW,
  );
}

const YOUNG = { expiresInMs: 90 * MINUTE, refreshedAgoMs: 30 * MINUTE };

describe('dueDecision', () => {
  it('are never due for an access token that does not expire, however old it is', () => {
    const account = {
      id: 'acc_1',
      state: 'active' as const,
      quarantine: false,
      current: ENDLESS,
      nextAttemptAt: null,
      policy: null,
      refreshTokenWarnedDays: null,
      previous: null,
      validatedAt: null,
    };
    const rule = ruleOf(POLICY);
    for (const lastRefreshedAt of [NOW, new Date(0)]) {
      expect(accountDueTimes({ ...account, lastRefreshedAt }, rule)).toMatchObject({
        dueAt: null,
        expiringSoonAt: null,
      });
      expect(dueDecision({ ...account, lastRefreshedAt }, rule, NOW)).toEqual({
        due: false,
        reason: 'does_not_expire',
      });
    }
  });
});

describe('R0.3 dueDecision', () => {
  it('never takes an account in quarantine, whatever its due times', () => {
    const ended = { expiresInMs: -MINUTE, refreshedAgoMs: 1e9, quarantine: true };
    expect(decide(ended)).toEqual({ due: false, reason: 'quarantined' });
  });

  it.each([
    ['with exactly 15 minutes left', 15 * MINUTE, 0, true, 'access_token_expires'],
    ['with 15 minutes and a millisecond left', 15 * MINUTE + 1, 0, false, 'fresh'],
    ['with 14 minutes left', 14 * MINUTE, 0, true, 'access_token_expires'],
    ['expiring this moment', 0, 0, true, 'access_token_expires'],
    ['expired long ago', -1000 * MINUTE, 0, true, 'access_token_expires'],
    ['refreshed exactly 60 minutes ago', 90 * MINUTE, 60 * MINUTE, true, 'refreshed_long_ago'],
    ['refreshed a millisecond less ago', 90 * MINUTE, 60 * MINUTE - 1, false, 'fresh'],
    [
      'with a far wrong expiry, refreshed 61 minutes ago',
      1e12,
      61 * MINUTE,
      true,
      'refreshed_long_ago',
    ],
    ['due for both reasons', MINUTE, 90 * MINUTE, true, 'access_token_expires'],
    ['just refreshed', 120 * MINUTE, 0, false, 'fresh'],
    ['refreshed in the future (a clock was set back)', 120 * MINUTE, -MINUTE, false, 'fresh'],
  ])('decides about an account %s', (_which, expiresInMs, refreshedAgoMs, due, reason) => {
    expect(decide({ expiresInMs, refreshedAgoMs })).toEqual({ due, reason });
  });

  it.each(['needs_reconnect', 'inactive', 'disabled'] as const)(
    'never takes an account that is %s, however expired',
    (state) => {
      expect(decide({ expiresInMs: -MINUTE, refreshedAgoMs: 90 * MINUTE, state })).toEqual({
        due: false,
        reason: state,
      });
    },
  );

  it.each([
    ['still pending', 1, { due: false, reason: 'backing_off' }],
    ['over this moment', 0, { due: true, reason: 'access_token_expires' }],
    ['over', -1, { due: true, reason: 'access_token_expires' }],
  ])('decides about an expired account whose back-off is %s', (_when, backOffMs, decision) => {
    expect(decide({ expiresInMs: -MINUTE, refreshedAgoMs: 90 * MINUTE, backOffMs })).toEqual(
      decision,
    );
  });

  it('ignores age if the provider sets no maximum', () => {
    const policy = { ...POLICY, refreshAfterAgeMs: null };
    expect(decide({ ...YOUNG, refreshedAgoMs: 1e10, policy })).toEqual({
      due: false,
      reason: 'fresh',
    });
  });
});

describe('the due times of an account', () => {
  const LIFE = 120 * MINUTE;
  const account = (
    input: Partial<WithDueTimes> & { lifeMs?: number; id?: string },
  ): WithDueTimes => {
    const { lifeMs = LIFE, ...rest } = input;
    return {
      id: 'acc_1',
      current: {
        ...grantUntil(fromNow(lifeMs)),
        obtainedAt: NOW.toISOString(),
        attemptId: 'a refresh',
      },
      lastRefreshedAt: NOW,
      nextAttemptAt: null,
      policy: null,
      refreshTokenWarnedDays: null,
      previous: null,
      validatedAt: null,
      ...rest,
    };
  };
  const dueTimes = (input: Parameters<typeof account>[0], policy: Partial<RefreshPolicy> = {}) =>
    accountDueTimes(account(input), ruleOf({ ...POLICY, ...policy }));

  it('contain the first due time, never before a back-off ends', () => {
    expect(dueTimes({}).dueAt).toEqual(fromNow(60 * MINUTE));
    expect(dueTimes({}, { refreshAfterAgeMs: null }).dueAt).toEqual(fromNow(105 * MINUTE));
    const nextAttemptAt = fromNow(70 * MINUTE);
    expect(dueTimes({ nextAttemptAt }).dueAt).toEqual(nextAttemptAt);
  });

  it('leave a 5-minute token half its lifetime for any margin, so that it is not refreshed in a loop', () => {
    const of = dueTimes({ lifeMs: 5 * MINUTE });
    expect(of.dueAt).toEqual(fromNow(2.5 * MINUTE));
    expect(of.expiringSoonAt).toEqual(fromNow(2.5 * MINUTE));
  });

  it('use the whole margin for a token that a person entered, which may be partly used up', () => {
    const current = { ...grantUntil(fromNow(5 * MINUTE)), obtainedAt: NOW.toISOString() };
    expect(dueTimes({ current: { ...current, attemptId: null } }).dueAt).toEqual(
      fromNow(-10 * MINUTE),
    );
  });

  it('are moved earlier by the jitter, deterministically per account', () => {
    const policy = { jitterMs: 5 * MINUTE };
    const ids = Array.from({ length: 1000 }, (_, index) => `acc_${index}`);
    const early = ids.map(
      (id) => 60 * MINUTE - (Number(dueTimes({ id }, policy).dueAt) - NOW.getTime()),
    );
    expect(
      ids.map((id) => 60 * MINUTE - (Number(dueTimes({ id }, policy).dueAt) - NOW.getTime())),
    ).toEqual(early);
    for (const ms of early) {
      expect(ms).toBeGreaterThanOrEqual(0);
      expect(ms).toBeLessThan(5 * MINUTE);
    }
    // Each fifth of the jitter must have about a fifth of the accounts.
    for (let fifth = 0; fifth < 5; fifth += 1) {
      const within = early.filter((ms) => Math.floor(ms / MINUTE) === fifth).length;
      expect(within).toBeGreaterThan(100);
      expect(within).toBeLessThan(300);
    }
  });

  it('R0.3 have no jitter for a grant that a person entered', () => {
    const current = { ...account({}).current, attemptId: null };
    expect(dueTimes({ id: 'acc_77', current }, { jitterMs: 5 * MINUTE }).dueAt).toEqual(
      fromNow(60 * MINUTE),
    );
  });

  it("follow the account's own policy before its provider's", () => {
    expect(
      dueTimes({ policy: { refreshAfterAgeMs: null, refreshBeforeMs: 30 * MINUTE } }).dueAt,
    ).toEqual(fromNow(90 * MINUTE));
    expect(dueTimes({ policy: { enabled: false } }).dueAt).toBeNull();
    expect(dueTimes({ policy: { enabled: true } }, { enabled: false }).dueAt).toBeNull();
  });

  it('count the validation interval from the last validation, whatever was refreshed since', () => {
    const policy = { validateEveryMs: 30 * MINUTE };
    expect(dueTimes({ validatedAt: null }, policy).validationDueAt).toEqual(new Date(0));
    expect(dueTimes({ validatedAt: fromNow(-20 * MINUTE) }, policy).validationDueAt).toEqual(
      fromNow(10 * MINUTE),
    );
    expect(dueTimes({ validatedAt: NOW }, { validateEveryMs: 0 }).validationDueAt).toEqual(NOW);
    expect(dueTimes({ validatedAt: NOW }).validationDueAt).toBeNull();
  });

  describe('the due times of an account whose refresh token expires first', () => {
    /**
     * Access tokens live 10 minutes. The refresh token expires 180 s from now; the previous one was obtained a minute
     * ago.
     */
    const short = (more: Partial<WithDueTimes> = {}, { endsAfterMs = 3 * MINUTE } = {}) => {
      const { current } = account({ lifeMs: 10 * MINUTE });
      return account({
        current: { ...current, refreshTokenExpiresAt: fromNow(endsAfterMs).toISOString() },
        previous: {
          ...current,
          obtainedAt: fromNow(-MINUTE).toISOString(),
          refreshTokenExpiresAt: fromNow(2 * MINUTE).toISOString(),
        },
        ...more,
      });
    };
    const of = (one: WithDueTimes, policy: Partial<RefreshPolicy> = {}) =>
      accountDueTimes(one, ruleOf({ ...POLICY, refreshAfterAgeMs: null, ...policy }));

    it('are halfway through its lifetime', () => {
      expect(of(short())).toMatchObject({
        dueAt: fromNow(1.5 * MINUTE),
        expiringSoonAt: fromNow(1.5 * MINUTE),
        firstExpiryAt: fromNow(3 * MINUTE),
      });
    });

    it('follow the margin of the policy if it is shorter, and are earlier by the jitter', () => {
      expect(of(short(), { refreshBeforeMs: MINUTE }).dueAt).toEqual(fromNow(2 * MINUTE));
      const { dueAt } = of(short({ id: 'acc_7' }), { jitterMs: 10 * MINUTE });
      expect(Number(dueAt)).toBeLessThan(Number(fromNow(1.5 * MINUTE)));
      expect(Number(dueAt)).toBeGreaterThanOrEqual(Number(fromNow(1.2 * MINUTE)));
    });

    it('are those of the access token if no refresh moves the expiry', () => {
      const stays = short({}, { endsAfterMs: 2 * MINUTE });
      expect(of(stays)).toMatchObject({
        dueAt: fromNow(5 * MINUTE),
        expiringSoonAt: fromNow(2 * MINUTE),
        firstExpiryAt: fromNow(10 * MINUTE),
      });
    });

    it('are those of the access token if the last refresh stated no expiry', () => {
      const { current, previous } = short();
      const unknown = short({ current: { ...current, refreshTokenExpiresAt: null }, previous });
      expect(of(unknown).dueAt).toEqual(fromNow(5 * MINUTE));
    });

    it('come before the notBefore of the provider, which is about access tokens', () => {
      expect(of(short(), { notBeforeMs: 30_000, sweepEveryMs: MINUTE }).dueAt).toEqual(
        fromNow(1.5 * MINUTE),
      );
    });

    it('make the status expiring_soon after the refresh token has expired', () => {
      expect(of(short({}, { endsAfterMs: -MINUTE })).expiringSoonAt).toEqual(fromNow(-MINUTE));
    });

    it('give the reason to the decision', () => {
      const one = { ...short(), state: 'active' as const, quarantine: false };
      const rule = ruleOf({ ...POLICY, refreshAfterAgeMs: null });
      expect(dueDecision(one, rule, fromNow(1.5 * MINUTE - 1))).toEqual({
        due: false,
        reason: 'fresh',
      });
      expect(dueDecision(one, rule, fromNow(1.5 * MINUTE))).toEqual({
        due: true,
        reason: 'refresh_token_expires',
      });
    });
  });

  describe('the due times for a provider that refreshes only shortly before the expiry', () => {
    const policy = { notBeforeMs: 30_000, sweepEveryMs: 10_000, refreshAfterAgeMs: MINUTE };
    const moments = (input: Parameters<typeof account>[0]) =>
      dueMoments(account(input), ruleOf({ ...POLICY, ...policy }));

    it('are one sweep before that time, for any margin, age and jitter', () => {
      for (const more of [{}, { jitterMs: 10 * MINUTE }, { refreshAfterAgeMs: null }]) {
        expect(dueTimes({ lifeMs: 90_000, id: 'acc_7' }, { ...policy, ...more })).toMatchObject({
          dueAt: fromNow(50_000),
          expiringSoonAt: fromNow(60_000),
        });
      }
      expect(moments({ lifeMs: 90_000 }).notBefore).toEqual(fromNow(60_000));
    });

    it('follow the policy if it is later', () => {
      const later = { ...policy, refreshBeforeMs: 10_000, refreshAfterAgeMs: null };
      expect(dueTimes({ lifeMs: 90_000 }, later).dueAt).toEqual(fromNow(80_000));
    });

    it('give the reason to the decision', () => {
      const one = { ...account({ lifeMs: 90_000 }), state: 'active' as const, quarantine: false };
      const decideAt = (ms: number) =>
        dueDecision(one, ruleOf({ ...POLICY, ...policy }), fromNow(ms));
      expect(decideAt(49_999)).toEqual({ due: false, reason: 'not_before' });
      expect(decideAt(50_000)).toEqual({ due: true, reason: 'access_token_expires' });
    });
  });

  it('decide as dueDecision does, at every moment', () => {
    fc.assert(
      fc.property(
        fc.record({
          lifeMs: fc.integer({ min: 1000, max: 10 * 3600_000 }),
          id: fc.string(),
          nextAttemptAt: fc.option(fc.integer({ min: -1e7, max: 1e7 }).map(fromNow)),
          policy: fc.option(fc.record({ refreshBeforeMs: fc.integer({ min: 1, max: 1e7 }) })),
        }),
        fc.integer({ min: 0, max: 2e7 }),
        fc.record({
          jitterMs: fc.integer({ min: 0, max: 1e7 }),
          notBeforeMs: fc.option(fc.integer({ min: 1, max: 1e7 })),
          sweepEveryMs: fc.integer({ min: 1, max: 1e6 }),
        }),
        fc.option(fc.integer({ min: 1, max: 1e7 })),
        (input, laterMs, policy, refreshLifeMs) => {
          const rule = ruleOf({ ...POLICY, ...policy });
          const { current, ...rest } = account(input);
          const refreshTokenExpiresAt =
            refreshLifeMs === null ? null : fromNow(refreshLifeMs).toISOString();
          const one = { ...rest, current: { ...current, refreshTokenExpiresAt } };
          const at = fromNow(laterMs);
          const { dueAt } = accountDueTimes(one, rule);
          const { due } = dueDecision({ ...one, state: 'active', quarantine: false }, rule, at);
          expect(due).toBe(dueAt !== null && dueAt <= at);
        },
      ),
    );
  });
});

describe('the pauses between attempts', () => {
  it.each([
    [0, 10],
    [1, 10],
    [2, 20],
    [3, 40],
    [5, 160],
    [6, 300],
    [100, 300],
    [5000, 300],
  ])('last, inside a workflow and after %i failures, %i seconds', (failures, seconds) => {
    expect(retryPauseMs(failures)).toBe(seconds * 1000);
  });

  it.each([
    [0, 10],
    [1, 10],
    [2, 20],
    [9, 2560],
    [10, 3600],
    [100, 3600],
    [5000, 3600],
  ])('last, between sweeps and after %i failures, %i seconds', (failures, seconds) => {
    expect(sweepBackOffMs(failures, POLICY)).toBe(seconds * 1000);
  });
});

describe('an account that always fails', () => {
  const DAY_MS = 24 * 3_600_000;

  /** Counts the attempts in a day if each follows as soon as its pause ends. */
  function triesInADay(pauseMs: (failures: number) => number): number {
    let tries = 0;
    for (let at = 0; at < DAY_MS; at += pauseMs(tries)) tries += 1;
    return tries;
  }

  it('costs at most 300 requests a day by its workflow, by token requests and by lost workers', () => {
    expect(triesInADay(retryPauseMs)).toBeLessThanOrEqual(300);
    // The first lost worker is replaced at once.
    expect(triesInADay((lost) => Math.max(1, lostPauseMs(lost)))).toBeLessThanOrEqual(300);
  });

  it('costs as many requests by sweeps as the longest back-off allows, and a few at the start', () => {
    const policies = fc.record({
      backOffFirstMs: fc.integer({ min: 1_000, max: 600_000 }),
      backOffMaxMs: fc.integer({ min: 600_000, max: DAY_MS }),
    });
    fc.assert(
      fc.property(policies, (policy) => {
        const growing = Math.ceil(Math.log2(policy.backOffMaxMs / policy.backOffFirstMs)) + 1;
        const tries = triesInADay((failures) => sweepBackOffMs(failures, policy));
        expect(tries).toBeLessThanOrEqual(DAY_MS / policy.backOffMaxMs + growing + 1);
      }),
    );
  });
});
