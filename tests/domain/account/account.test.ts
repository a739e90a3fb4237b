import { ACCOUNT_STATUSES, AccountState, accountStatus } from '../../src/domain/account';
import { grantUntil } from './_grants';

const NOW = new Date('2026-11-22T12:00:00.000Z');
const MINUTE = 60_000;
const fromNow = (ms: number) => new Date(NOW.getTime() + ms);

/** Soon, to its provider: 15 minutes. */
const accountWith = (state: AccountState, remainingMs: number) => ({
  state,
  current: grantUntil(fromNow(remainingMs)),
  clocks: {
    dueAt: null,
    expiringSoonAt: fromNow(remainingMs - 15 * MINUTE),
    refreshTokenWarningAt: null,
    validationDueAt: null,
  },
});

describe('R1.9 accountStatus', () => {
  it.each([
    ['two hours left', 120 * MINUTE, 'ok'],
    ['a millisecond over 15 minutes left', 15 * MINUTE + 1, 'ok'],
    ['exactly 15 minutes left', 15 * MINUTE, 'expiring_soon'],
    ['a millisecond left', 1, 'expiring_soon'],
    ['nothing left', 0, 'expired'],
    ['ended long ago', -1e10, 'expired'],
  ])('of an active account with %s', (_clock, remainingMs, status) => {
    expect(accountStatus(accountWith(AccountState.active, remainingMs), NOW)).toBe(status);
  });

  it.each([AccountState.needsReconnect, AccountState.inactive, AccountState.disabled])(
    'of an account that is %s does not depend on any clock',
    (state) => {
      for (const remainingMs of [-MINUTE, MINUTE, 120 * MINUTE])
        expect(accountStatus(accountWith(state, remainingMs), NOW)).toBe(state);
    },
  );

  it('knows the six statuses and no other', () => {
    expect(ACCOUNT_STATUSES).toEqual([
      'ok',
      'expiring_soon',
      'expired',
      'needs_reconnect',
      'inactive',
      'disabled',
    ]);
  });
});
