import { dueExplanation, type Explained } from '../../../src/domain/account/due-explanation';
import { dueDecision } from '../../../src/domain/account/due-times';
import { type RefreshPolicy } from '../../../src/domain/account/policy';
import { ENDLESS, grantUntil, ruleOf } from '../_grants';

const NOW = new Date('2026-11-22T12:00:00.000Z');
const MINUTE = 60_000;
const fromNow = (minutes: number) => new Date(NOW.getTime() + minutes * MINUTE);
/** eBay's policy (R0.3). */
const POLICY: RefreshPolicy = {
  enabled: true,
  sweepEveryMs: 10 * MINUTE,
  perAccountUpTo: 500,
  batchesAtOnce: 4,
  refreshBeforeMs: 15 * MINUTE,
  notBeforeMs: null,
  refreshAfterAgeMs: 60 * MINUTE,
  jitterMs: 0,
  backOffFirstMs: 10_000,
  backOffMaxMs: 3600_000,
  validateEveryMs: null,
};

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
  'Its access token ends at 2026-11-22 13:30:00 UTC; it is refreshed from 15 min before that, at 2026-11-22 13:15:00 UTC.';
const AGE =
  'It was last refreshed at 2026-11-22 11:30:00 UTC; 1 h later, at 2026-11-22 12:30:00 UTC, it is due whatever its token says.';

const cases: [string, Partial<Explained>, Partial<RefreshPolicy>, string[]][] = [
  ['a young account', {}, {}, ['Not due yet.', EXPIRY, AGE]],
  [
    'an account in quarantine',
    { quarantine: true },
    {},
    [
      'Not due: it is in quarantine. Another system still refreshes it, and it is released by hand.',
    ],
  ],
  [
    'an account whose token does not end',
    { current: ENDLESS },
    {},
    ['Not due: its access token does not end.'],
  ],
  ['a provider without the failsafe', {}, { refreshAfterAgeMs: null }, ['Not due yet.', EXPIRY]],
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
      'Its refresh token expires at 2026-11-22 12:20:00 UTC; a refresh renews it, and is due 10 min before that, at 2026-11-22 12:10:00 UTC.',
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
      'Its refresh token expired at 2026-11-22 11:40:00 UTC; if the provider refuses it, the owner must reconnect the account.',
    ],
  ],
  [
    'an account whose provider refreshes only shortly before the expiry',
    {},
    { notBeforeMs: 5 * MINUTE, refreshAfterAgeMs: null },
    [
      'Not due yet.',
      EXPIRY,
      'Nothing is sent before 2026-11-22 13:25:00 UTC, as notBefore of its provider says.',
    ],
  ],
  [
    'an account whose token ends soon',
    { current: grantUntil(fromNow(10)) },
    { refreshAfterAgeMs: null },
    [
      'Due: the next sweep refreshes it.',
      'Its access token ends at 2026-11-22 12:10:00 UTC; it is refreshed from 15 min before that, at 2026-11-22 11:55:00 UTC.',
    ],
  ],
  [
    'an account whose token has ended',
    { current: grantUntil(fromNow(-10)) },
    { refreshAfterAgeMs: null },
    [
      'Due: the next sweep refreshes it.',
      'Its access token ended at 2026-11-22 11:50:00 UTC; it is refreshed from 15 min before that, at 2026-11-22 11:35:00 UTC.',
    ],
  ],
  [
    'an account that was refreshed long ago',
    { lastRefreshedAt: fromNow(-61) },
    {},
    [
      'Due: the next sweep refreshes it.',
      EXPIRY,
      'It was last refreshed at 2026-11-22 10:59:00 UTC; 1 h later, at 2026-11-22 11:59:00 UTC, it is due whatever its token says.',
    ],
  ],
  [
    'an account of another margin than its provider',
    { policy: { refreshBeforeMs: 30 * MINUTE, refreshAfterAgeMs: null } },
    {},
    [
      'Not due yet.',
      'Its access token ends at 2026-11-22 13:30:00 UTC; it is refreshed from 30 min before that, at 2026-11-22 13:00:00 UTC.',
    ],
  ],
  [
    'an account whose last attempts failed',
    { nextAttemptAt: fromNow(5), failedAttempts: 3 },
    { refreshAfterAgeMs: null },
    [
      'Not due: no attempt before 2026-11-22 12:05:00 UTC.',
      'The last 3 attempts failed, and the pause grows with each.',
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
    'an account that sweeps leave alone',
    { policy: { enabled: false } },
    { refreshAfterAgeMs: null },
    [
      'Not due: sweeps are switched off for this account; it is refreshed by hand and on use only.',
      EXPIRY,
    ],
  ],
  [
    'an account of a provider that sweeps leave alone',
    {},
    { enabled: false, refreshAfterAgeMs: null },
    [
      'Not due: sweeps are switched off for all accounts of its provider; it is refreshed by hand and on use only.',
      EXPIRY,
    ],
  ],
  [
    'a disabled account, with the reason as a sentence',
    { state: 'disabled', stateReason: 'the shop is closed' },
    {},
    ['Not due: it is disabled, and never refreshed.', 'the shop is closed.'],
  ],
  [
    'an account that must be connected again',
    { state: 'needs_reconnect', stateReason: 'The provider refuses the refresh token.' },
    {},
    [
      'Not due: its refresh token no longer works, and trying again would not help.',
      'The provider refuses the refresh token.',
      'It must be connected again.',
    ],
  ],
  [
    'an inactive account',
    { state: 'inactive' },
    {},
    ['Not due: its access token was refused, and it is out of service.'],
  ],
];

describe('dueExplanation', () => {
  it.each(cases)('explains %s', (_name, account, policy, sentences) => {
    const explained = { ...YOUNG, ...account };
    const rule = ruleOf({ ...POLICY, ...policy });
    expect(dueExplanation(explained, rule, NOW)).toEqual(sentences);
    expect(sentences[0]?.startsWith('Due')).toBe(dueDecision(explained, rule, NOW).due);
  });
});
