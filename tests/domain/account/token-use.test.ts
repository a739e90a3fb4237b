import { type Account, AccountState } from '../../../src/domain/account/account';
import type { RefreshPolicy } from '../../../src/domain/account/policy';
import { useDecision } from '../../../src/domain/account/token-use';
import { refreshFailure } from '../../../src/domain/refresh/refresh-failure';
import { ruleOf } from '../_grants';

const NOW = new Date('2026-11-22T12:00:00Z');
const inSeconds = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);

const POLICY: RefreshPolicy = {
  enabled: true,
  sweepEveryMs: 600_000,
  perAccountUpTo: 500,
  batchesAtOnce: 4,
  refreshBeforeMs: 900_000,
  notBeforeMs: null,
  refreshAfterAgeMs: 3600_000,
  jitterMs: 0,
  backOffFirstMs: 10_000,
  backOffMaxMs: 3600_000,
  validateEveryMs: null,
};
const RULE = ruleOf(POLICY);

type Used = Parameters<typeof useDecision>[0];

/** An account whose token was obtained `agoSeconds` ago and has a lifetime of `lifeSeconds`. */
function account(
  { agoSeconds = 60, lifeSeconds = 7200, entered = false, refreshLifeSeconds = 0 } = {},
  members: Partial<Account> = {},
): Used {
  return {
    id: 'acc_1',
    previous: null,
    policy: null,
    lastRefreshedAt: inSeconds(-agoSeconds),
    refreshTokenWarnedDays: null,
    validatedAt: null,
    state: AccountState.active,
    quarantine: false,
    nextAttemptAt: null,
    lastAttempt: null,
    lastError: null,
    failedAttempts: 0,
    ...members,
    current: {
      accessToken: '',
      refreshToken: '',
      accessTokenFingerprint: '',
      refreshTokenFingerprint: '',
      expiresAt: inSeconds(lifeSeconds - agoSeconds).toISOString(),
      refreshTokenExpiresAt:
        refreshLifeSeconds === 0 ? null : inSeconds(refreshLifeSeconds - agoSeconds).toISOString(),
      scopes: [],
      obtainedAt: inSeconds(-agoSeconds).toISOString(),
      attemptId: entered ? null : 'run-1',
      generation: 1,
    },
  };
}

/** The last attempt failed `agoSeconds` ago. `told`: the provider itself asked to wait. */
function failed(agoSeconds: number, { waitsSeconds = 3600, told = false } = {}): Partial<Account> {
  const at = inSeconds(-agoSeconds);
  return {
    lastAttempt: { attemptId: 'run-2', outcome: 'failed', source: 'scheduled', finishedAt: at },
    lastError: told ? null : { ...refreshFailure('provider_unavailable'), at },
    nextAttemptAt: inSeconds(waitsSeconds),
  };
}

const fresh = { due: false, reason: 'fresh' };
const due = { due: true, reason: 'access_token_expires' };
const quarantined = { due: false, reason: 'quarantined' };
const backingOff = { due: false, reason: 'backing_off' };

const cases: [string, Used, number, object][] = [
  ['lives long enough', account(), 60, fresh],
  ['lives exactly as long as requested', account({ agoSeconds: 7140 }), 60, fresh],
  ['expires a second too early', account({ agoSeconds: 7141 }), 60, due],
  ['has expired, and no lifetime is requested', account({ agoSeconds: 7200 }), 0, due],
  ['lives one more second, and no lifetime is requested', account({ agoSeconds: 7199 }), 0, fresh],
  [
    'never lives as long as requested, in its first half',
    account({ agoSeconds: 59, lifeSeconds: 120 }),
    300,
    fresh,
  ],
  [
    'never lives as long as requested, in its second half',
    account({ agoSeconds: 61, lifeSeconds: 120 }),
    300,
    due,
  ],
  [
    'is requested for nearly its whole lifetime',
    account({ agoSeconds: 60, lifeSeconds: 120 }),
    119,
    fresh,
  ],
  [
    'was entered by a person late in its lifetime',
    account({ agoSeconds: 1, lifeSeconds: 100, entered: true }),
    300,
    due,
  ],
  ['just failed to refresh', account({ agoSeconds: 7300 }, failed(9)), 60, backingOff],
  ['has expired, and failed a while ago', account({ agoSeconds: 7300 }, failed(11)), 60, due],
  [
    'has expired, and failed for the fourth time a minute ago',
    account({ agoSeconds: 7300 }, { ...failed(61), failedAttempts: 4 }),
    60,
    backingOff,
  ],
  [
    'has expired, and failed for the hundredth time five minutes ago',
    account({ agoSeconds: 7300 }, { ...failed(301), failedAttempts: 100 }),
    60,
    due,
  ],
  [
    'has expired, and the provider asked to wait',
    account({ agoSeconds: 7300 }, failed(11, { told: true })),
    60,
    backingOff,
  ],
  [
    'has expired, and the wait for the provider is over',
    account({ agoSeconds: 7300 }, failed(11, { told: true, waitsSeconds: -1 })),
    60,
    due,
  ],
  [
    'has not expired, and its account is backing off',
    account({ agoSeconds: 7190 }, failed(60)),
    60,
    backingOff,
  ],
  ['lives long enough, in quarantine', account({}, { quarantine: true }), 60, fresh],
  [
    'expires too early, in quarantine',
    account({ agoSeconds: 7199 }, { quarantine: true }),
    60,
    quarantined,
  ],
  [
    'has expired, in quarantine',
    account({ agoSeconds: 9000 }, { quarantine: true }),
    0,
    quarantined,
  ],
  [
    'was obtained after the failure',
    account({ agoSeconds: 5, lifeSeconds: 5 }, failed(9)),
    60,
    due,
  ],
];

describe('a refresh token that expires before the access token', () => {
  const short = (agoSeconds: number, members: Partial<Account> = {}) =>
    account({ agoSeconds, lifeSeconds: 600, refreshLifeSeconds: 180 }, members);
  const renewal = { due: true, reason: 'refresh_token_expires' };

  it.each([
    ['is not refreshed while it lives long enough', short(119), 60, fresh],
    ['is renewed by a request that needs it longer', short(121), 60, renewal],
    [
      'is renewed at half its lifetime by a request for more than its lifetime',
      short(91),
      300,
      renewal,
    ],
    ['is not refreshed before half its lifetime', short(89), 300, fresh],
    ['is used once more after it has expired', short(200), 60, renewal],
    ['is not refreshed in quarantine', short(170, { quarantine: true }), 60, fresh],
    ['is not retried while the account backs off', short(150, failed(60)), 60, backingOff],
  ])('%s', (_what, used, minValidSeconds, decision) => {
    expect(useDecision(used, RULE, minValidSeconds, NOW)).toEqual(decision);
  });

  it('is not refreshed if no refresh renews it', () => {
    const kept = ruleOf(POLICY, { replayRule: { kind: 'safe' } });
    expect(useDecision(short(170), kept, 60, NOW)).toEqual(fresh);
  });
});

it.each([
  [571, 60, { due: false, reason: 'fresh' }, 7200],
  [541, 60, { due: false, reason: 'not_before' }, 600],
  [569, 60, { due: false, reason: 'not_before' }, 600],
  [571, 60, due, 600],
  [601, 60, due, 600],
])(
  'a token requested after %i s, for %i s, waits for notBefore of its provider',
  (agoSeconds, minValidSeconds, decision, lifeSeconds) => {
    const rule = ruleOf({ ...POLICY, notBeforeMs: 30_000 });
    const used = account({ agoSeconds, lifeSeconds });
    expect(useDecision(used, rule, minValidSeconds, NOW)).toEqual(decision);
  },
);

it.each(cases)('R3.1 a token that %s', (_what, used, minValidSeconds, decision) => {
  expect(useDecision(used, RULE, minValidSeconds, NOW)).toEqual(decision);
});

it.each(['needs_reconnect', 'inactive', 'disabled'] as const)(
  'R3.1 never refreshes an account that is %s',
  (state) => {
    const ended = account({ agoSeconds: 9000 }, { state });
    expect(useDecision(ended, RULE, 60, NOW)).toEqual({ due: false, reason: state });
  },
);
