import type { SealedGrant } from '../../../src/domain/account/grant';
import {
  dueWarningDays,
  isRenewing,
  type RefreshTokenRule,
  refreshTokenWarningAt,
} from '../../../src/domain/account/refresh-token-expiry';
import { grantUntil } from '../_grants';

const END = '2027-01-31T12:00:00.000Z';
const DAY = 86_400_000;
const daysBefore = (days: number) => new Date(Date.parse(END) - days * DAY);

describe('a warning about a refresh token that no refresh renews', () => {
  const clock = (warnedDays: number | null, expiresAt: string | null = END) => ({
    expiresAt,
    warnedDays,
    renewal: null,
  });

  it.each([
    [null, 30],
    [30, 14],
    [14, 7],
    [7, 1],
  ])('is due %i days before the expiry if the last one was at %s days', (warned, next) => {
    expect(refreshTokenWarningAt(clock(warned))).toEqual(daysBefore(next));
    expect(dueWarningDays(clock(warned), daysBefore(next))).toBe(next);
    expect(dueWarningDays(clock(warned), new Date(daysBefore(next).getTime() - 1))).toBeNull();
  });

  it('is not due after the last one, or if the expiry is unknown', () => {
    expect(refreshTokenWarningAt(clock(1))).toBeNull();
    expect(dueWarningDays(clock(1), daysBefore(0))).toBeNull();
    expect(refreshTokenWarningAt(clock(null, null))).toBeNull();
    expect(dueWarningDays(clock(null, null), daysBefore(0))).toBeNull();
  });

  it('is the latest one if several are due at once, and none of them repeats', () => {
    expect(dueWarningDays(clock(null), daysBefore(5))).toBe(7);
    expect(dueWarningDays(clock(null), daysBefore(-3))).toBe(1);
    expect(refreshTokenWarningAt(clock(7))).toEqual(daysBefore(1));
  });
});

describe('a warning about a refresh token that refreshes renew', () => {
  const HOUR = 3_600_000;
  /** A token with this lifetime in days, whose renewal is due this many days before its expiry. */
  const clock = (lifeDays: number, dueDays: number) => ({
    expiresAt: END,
    warnedDays: null,
    renewal: { dueAt: daysBefore(dueDays), lifeMs: lifeDays * DAY },
  });

  it.each([
    ['is never due while a token of 90 days is renewed each hour', 90, 90 - 1 / 24, 30],
    ['is never due in the lifetime of a token of 30 days', 30, 29, 14],
    ['is never due in the lifetime of a token of 10 days', 10, 9, 1],
  ])('%s, and only in the second half of the lifetime', (_what, lifeDays, dueDays, firstDays) => {
    expect(refreshTokenWarningAt(clock(lifeDays, dueDays))).toEqual(daysBefore(firstDays));
  });

  it('is never due for a token of one day, which is renewed often', () => {
    expect(refreshTokenWarningAt(clock(1, 0.9))).toBeNull();
    for (const days of [1, 0.5, 0.01, 0])
      expect(dueWarningDays(clock(1, 0.9), daysBefore(days))).toBeNull();
  });

  it('waits until the renewal is an hour overdue', () => {
    const late = clock(90, 10);
    const overdueAt = daysBefore(10).getTime() + HOUR;
    expect(refreshTokenWarningAt(late)).toEqual(new Date(overdueAt));
    expect(dueWarningDays(late, new Date(overdueAt - 1))).toBeNull();
    expect(dueWarningDays(late, new Date(overdueAt))).toBe(14);
  });
});

describe('isRenewing', () => {
  const OBTAINED = Date.parse('2026-11-22T12:00:00.000Z');
  const iso = (seconds: number) => new Date(OBTAINED + seconds * 1000).toISOString();
  /** Times in seconds from the first of two grants. */
  const grant = (
    obtained: number,
    refreshExpires: number | null,
    more: Partial<SealedGrant> = {},
  ): SealedGrant => ({
    ...grantUntil(new Date(OBTAINED + 3600_000)),
    obtainedAt: iso(obtained),
    refreshTokenExpiresAt: refreshExpires === null ? null : iso(refreshExpires),
    attemptId: 'a refresh',
    ...more,
  });
  const unknown: RefreshTokenRule = {
    refreshTokenLifeSeconds: null,
    replayRule: { kind: 'never' },
  };
  const kept: RefreshTokenRule = { refreshTokenLifeSeconds: null, replayRule: { kind: 'safe' } };
  const DAYS = 24 * 3600;

  it.each<[string, SealedGrant | null, SealedGrant, boolean]>([
    ['the expiry moves with the time', grant(0, 180), grant(90, 270), true],
    ['the expiry moves by a second less than the time', grant(0, 180), grant(90, 269), true],
    ['the expiry stays, as at eBay', grant(0, 500 * DAYS), grant(3600, 500 * DAYS), false],
    [
      'the token rotates and the expiry stays',
      grant(0, DAYS),
      grant(3600, DAYS, { refreshTokenFingerprint: 'new' }),
      false,
    ],
    ['the expiry stays except for rounding', grant(0, DAYS), grant(60, DAYS + 1), false],
    ['the expiry moves closer', grant(0, DAYS), grant(3600, DAYS - 10), false],
    ['the expiry jumps ahead', grant(0, 7200), grant(3600, 90 * DAYS), true],
    ['the two are too close to be compared', grant(0, 180), grant(3, 181), true],
    ['the expiry is the same although the two are close', grant(0, 180), grant(3, 180), false],
    [
      'a token that rotates has an expiry for the first time',
      grant(0, null),
      grant(9, 180, { refreshTokenFingerprint: 'new' }),
      true,
    ],
    [
      'a token that stays has an expiry for the first time, which may slide',
      grant(0, null),
      grant(9, 180),
      true,
    ],
    ['a token that stays has no expiry any more', grant(0, 180), grant(9, null), false],
  ])('is classified as renewing or not if %s', (_what, previous, current, expected) => {
    for (const rule of [unknown, kept])
      expect(isRenewing({ current, previous }, rule)).toBe(expected);
  });

  it('is false before the first refresh if the lifetime is that of the consent, as at eBay', () => {
    const current = grant(0, 500 * DAYS, { attemptId: null });
    const rule = { ...kept, refreshTokenLifeSeconds: 547 * DAYS };
    expect(isRenewing({ current, previous: null }, rule)).toBe(true);
    const ofConsent = { ...rule, consentLifeSeconds: 547 * DAYS };
    expect(isRenewing({ current, previous: null }, ofConsent)).toBe(false);
  });

  it.each<[string, RefreshTokenRule, boolean]>([
    ['without a configured rule', unknown, true],
    ['whose refresh tokens stay', kept, false],
    [
      'whose refresh tokens stay usable, and are new each time',
      { ...kept, refreshTokenLifeSeconds: 90 * DAYS },
      true,
    ],
  ])(
    'of a grant that a person entered is classified by the provider: one %s',
    (_what, rule, expected) => {
      const current = grant(0, 180, { attemptId: null });
      expect(isRenewing({ current, previous: grant(-60, 180) }, rule)).toBe(expected);
    },
  );
});
