/** An account with credentials is refreshed ahead only while callers ask for its token. */
import { type Account, accountStatus } from '../../../src/domain/account/account';
import { dueExplanation } from '../../../src/domain/account/due-explanation';
import { accountDueTimes, dueDecision } from '../../../src/domain/account/due-times';
import type { GrantType } from '../../../src/domain/account/grant-type';
import { grantUntil, POLICY, ruleOf } from '../_grants';

const MINUTE = 60_000;
const OBTAINED = Date.parse('2026-11-22T10:00:00.000Z');
const after = (minutes: number) => new Date(OBTAINED + minutes * MINUTE);
/** Two hours; with a margin of 15 min and no limit by age, the account is due after 105 min. */
const RULE = ruleOf({ ...POLICY, refreshAfterAgeMs: null });

function account(
  askedAt: Date | null,
  grantType: GrantType = 'client_credentials',
  nextAttemptAt: Date | null = null,
) {
  const one = {
    id: 'acc_1',
    state: 'active' as const,
    stateReason: null,
    quarantine: false,
    grantType,
    askedAt,
    current: { ...grantUntil(after(120)), attemptId: 'attempt-1' },
    previous: null,
    lastRefreshedAt: after(0),
    nextAttemptAt,
    policy: null,
    refreshTokenWarnedDays: null,
    validatedAt: null,
    failedAttempts: 0,
  };
  return { ...one, dueTimes: accountDueTimes(one, RULE) };
}

it.each<[string, number | null, number | null]>([
  ['is not due if no caller ever asked', null, null],
  ['is not due if the last caller asked more than a lifetime before', -16, null],
  ['is due if a caller asked a lifetime before', -15, 105],
  ['is due if a caller asked for the current token', 60, 105],
])('an account with credentials %s', (_title, askedAfter, dueAfter) => {
  const one = account(askedAfter === null ? null : after(askedAfter));
  expect(one.dueTimes.dueAt).toEqual(dueAfter === null ? null : after(dueAfter));
  for (const [minutes, due] of [
    [104, false],
    [106, dueAfter !== null],
    [500, dueAfter !== null],
  ] as const)
    expect(dueDecision(one, RULE, after(minutes)).due).toBe(due);
});

it('an account whose token no caller asked for stays ok when the token expires, and says why it is not due', () => {
  const idle = account(null);
  expect(accountStatus(idle as Pick<Account, 'state' | 'current' | 'dueTimes'>, after(500))).toBe(
    'ok',
  );
  expect(dueDecision(idle, RULE, after(500)).reason).toBe('not_asked_for');
  expect(dueExplanation(idle, RULE, after(500)).join(' ')).toContain('The next caller gets a new');
});

it('an account whose token is asked for expires like any other if it is not refreshed', () => {
  const asked = account(after(60));
  expect(accountStatus(asked, after(110))).toBe('expiring_soon');
  expect(accountStatus(asked, after(121))).toBe('expired');
});

it('an account with a refresh token is due whether or not callers ask', () => {
  expect(account(null, 'refresh_token').dueTimes.dueAt).toEqual(after(105));
});

it.each<[string, GrantType, number, number | null]>([
  ['retries while a caller asked a lifetime before the retry', 'client_credentials', 180, 180],
  ['stops its retries when no caller asked for so long', 'client_credentials', 181, null],
  ['retries for an account with a refresh token', 'refresh_token', 181, 181],
])('after a failure, Evergrant %s', (_title, grantType, nextAfter, dueAfter) => {
  const one = account(after(60), grantType, after(nextAfter));
  expect(one.dueTimes.dueAt).toEqual(dueAfter === null ? null : after(dueAfter));
  for (const minutes of [170, 500])
    expect(dueDecision(one, RULE, after(minutes))).toMatchObject(
      dueAfter === null ? { due: false, reason: 'not_asked_for' } : { due: minutes >= dueAfter },
    );
});
