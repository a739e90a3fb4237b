import { dueExplanation, type Explained } from '../../../src/domain/account/due-explanation';
import { dueDecision } from '../../../src/domain/account/due-times';
import type { RefreshPolicy } from '../../../src/domain/account/policy';
import { ENDLESS, grantUntil, POLICY, ruleOf } from '../_grants';

const NOW = new Date('2026-11-22T12:00:00.000Z');
const MINUTE = 60_000;
const fromNow = (minutes: number) => new Date(NOW.getTime() + minutes * MINUTE);

const YOUNG: Explained = {
  id: 'acc_1',
  state: 'active',
  stateReason: null,
  failedAttempts: 0,
  policy: null,
  refreshTokenWarnedDays: null,
  previous: null,
  validatedAt: null,
  quarantine: false,
  current: grantUntil(fromNow(90)),
  lastRefreshedAt: fromNow(-30),
  nextAttemptAt: null,
};
const EXPIRY =
  'Its access token expires at 2026-11-22 13:30:00 UTC, and the account is due 15 min before that, at 2026-11-22 13:15:00 UTC.';
const AGE =
  'The account was last refreshed at 2026-11-22 11:30:00 UTC. Evergrant refreshes it at least every 1 h, so it is due at 2026-11-22 12:30:00 UTC even if the token lasts longer.';

const cases: [string, Partial<Explained>, Partial<RefreshPolicy>, string[]][] = [
  ['a young account', {}, {}, ['Not due yet.', EXPIRY, AGE]],
  [
    'an account in quarantine',
    { quarantine: true },
    {},
    [
      'Not due: the account is in quarantine, because another system still refreshes it. Release it when that system has stopped.',
    ],
  ],
  [
    'an account whose token does not expire',
    { current: ENDLESS },
    {},
    ['Not due: its access token does not expire.'],
  ],
  [
    'an account of a provider without a maximum age',
    {},
    { refreshAfterAgeMs: null },
    ['Not due yet.', EXPIRY],
  ],
  [
    'an account whose refresh token expires first',
    {
      current: {
        ...grantUntil(fromNow(90)),
        obtainedAt: NOW.toISOString(),
        refreshTokenExpiresAt: fromNow(20).toISOString(),
      },
    },
    { refreshAfterAgeMs: null },
    [
      'Not due yet.',
      EXPIRY,
      'Its refresh token expires at 2026-11-22 12:20:00 UTC, and a refresh renews it 10 min before that, at 2026-11-22 12:10:00 UTC.',
    ],
  ],
  [
    'an account whose refresh token has expired',
    {
      current: {
        ...grantUntil(fromNow(90)),
        obtainedAt: fromNow(-60).toISOString(),
        refreshTokenExpiresAt: fromNow(-20).toISOString(),
      },
    },
    { refreshAfterAgeMs: null },
    [
      'Due: the next sweep refreshes it.',
      EXPIRY,
      'Its refresh token expired at 2026-11-22 11:40:00 UTC. If the provider refuses it, the owner must reconnect the account.',
    ],
  ],
  [
    'an account whose provider refreshes only shortly before the expiry',
    {},
    { notBeforeMs: 5 * MINUTE, refreshAfterAgeMs: null },
    [
      'Not due yet.',
      EXPIRY,
      'Evergrant sends no request before 2026-11-22 13:25:00 UTC (notBefore of its provider).',
    ],
  ],
  [
    'an account whose token expires soon',
    { current: grantUntil(fromNow(10)) },
    { refreshAfterAgeMs: null },
    [
      'Due: the next sweep refreshes it.',
      'Its access token expires at 2026-11-22 12:10:00 UTC, and the account is due 15 min before that, at 2026-11-22 11:55:00 UTC.',
    ],
  ],
  [
    'an account whose token has expired',
    { current: grantUntil(fromNow(-10)) },
    { refreshAfterAgeMs: null },
    [
      'Due: the next sweep refreshes it.',
      'Its access token expired at 2026-11-22 11:50:00 UTC, and the account is due 15 min before that, at 2026-11-22 11:35:00 UTC.',
    ],
  ],
  [
    'an account that was refreshed long ago',
    { lastRefreshedAt: fromNow(-61) },
    {},
    [
      'Due: the next sweep refreshes it.',
      EXPIRY,
      'The account was last refreshed at 2026-11-22 10:59:00 UTC. Evergrant refreshes it at least every 1 h, so it is due at 2026-11-22 11:59:00 UTC even if the token lasts longer.',
    ],
  ],
  [
    'an account with another margin than its provider',
    { policy: { refreshBeforeMs: 30 * MINUTE, refreshAfterAgeMs: null } },
    {},
    [
      'Not due yet.',
      'Its access token expires at 2026-11-22 13:30:00 UTC, and the account is due 30 min before that, at 2026-11-22 13:00:00 UTC.',
    ],
  ],
  [
    'an account whose last attempts failed',
    { nextAttemptAt: fromNow(5), failedAttempts: 3 },
    { refreshAfterAgeMs: null },
    [
      'Not due: no attempt before 2026-11-22 12:05:00 UTC.',
      'The last 3 attempts failed. The pause grows with each failure.',
      EXPIRY,
    ],
  ],
  [
    'an account whose provider is throttling',
    { nextAttemptAt: fromNow(5) },
    { refreshAfterAgeMs: null },
    ['Not due: no attempt before 2026-11-22 12:05:00 UTC.', 'The provider asked to wait.', EXPIRY],
  ],
  [
    'an account that sweeps skip',
    { policy: { enabled: false } },
    { refreshAfterAgeMs: null },
    [
      'Not due: sweeps are disabled for this account. Evergrant refreshes the account only on request and on use.',
      EXPIRY,
    ],
  ],
  [
    'an account of a provider that sweeps skip',
    {},
    { enabled: false, refreshAfterAgeMs: null },
    [
      'Not due: sweeps are disabled for all accounts of its provider. Evergrant refreshes the account only on request and on use.',
      EXPIRY,
    ],
  ],
  [
    'a disabled account, with the reason as a sentence',
    { state: 'disabled', stateReason: 'the shop is closed' },
    {},
    ['Not due: the account is disabled, so Evergrant does not refresh it.', 'the shop is closed.'],
  ],
  [
    'an account that needs a reconnect',
    { state: 'needs_reconnect', stateReason: 'The provider refuses the refresh token.' },
    {},
    [
      'Not due: the account needs a reconnect. Its refresh token no longer works, and a retry would not help.',
      'The provider refuses the refresh token.',
    ],
  ],
  [
    'an inactive account',
    { state: 'inactive' },
    {},
    ['Not due: the provider refused its access token, so the account is inactive.'],
  ],
];

describe('dueExplanation', () => {
  it.each(cases)('dueExplanation explains %s', (_name, account, policy, sentences) => {
    const explained = { ...YOUNG, ...account };
    const rule = ruleOf({ ...POLICY, ...policy });
    expect(dueExplanation(explained, rule, NOW)).toEqual(sentences);
    expect(sentences[0]?.startsWith('Due')).toBe(dueDecision(explained, rule, NOW).due);
  });
});
