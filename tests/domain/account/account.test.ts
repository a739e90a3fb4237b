import {
  ACCOUNT_STATUSES,
  AccountState,
  accountStatus,
  hasOnlyExpired,
  statusReason,
} from '../../../src/domain/account/account';
import { refreshFailure } from '../../../src/domain/refresh/refresh-failure';
import { grantUntil } from '../_grants';

const NOW = new Date('2026-11-22T12:00:00.000Z');
const MINUTE = 60_000;
const fromNow = (ms: number) => new Date(NOW.getTime() + ms);

/** An account that is `expiring_soon` 15 minutes before its expiry. */
const accountWith = (state: AccountState, remainingMs: number) => ({
  state,
  current: grantUntil(fromNow(remainingMs)),
  dueTimes: {
    dueAt: null,
    expiringSoonAt: fromNow(remainingMs - 15 * MINUTE),
    firstExpiryAt: null,
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
    ['expired long ago', -1e10, 'expired'],
  ])('derives the status of an active account with %s', (_clock, remainingMs, status) => {
    expect(accountStatus(accountWith(AccountState.active, remainingMs), NOW)).toBe(status);
  });

  it.each(Object.values(AccountState).filter((state) => state !== AccountState.active))(
    'ignores expiry for an account that is %s',
    (state) => {
      for (const remainingMs of [-MINUTE, MINUTE, 120 * MINUTE])
        expect(accountStatus(accountWith(state, remainingMs), NOW)).toBe(state);
    },
  );

  it('returns one of the seven statuses', () => {
    expect(ACCOUNT_STATUSES).toEqual([
      'ok',
      'expiring_soon',
      'expired',
      'needs_reconnect',
      'inactive',
      'disabled',
      'disconnected',
    ]);
  });
});

describe('an account whose refresh token has expired', () => {
  const current = (refreshMs: number) => ({
    ...grantUntil(fromNow(MINUTE)),
    refreshTokenExpiresAt: fromNow(refreshMs).toISOString(),
  });

  it('has the expiry as its status reason only after the expiry and while it is active', () => {
    const active = { state: AccountState.active, stateReason: null };
    expect(statusReason({ ...active, current: current(1) }, NOW)).toBeNull();
    expect(statusReason({ ...active, current: current(0) }, NOW)).toBe(
      'The refresh token expired at 2026-11-22 12:00:00 UTC, so the account works only until its access token expires. The owner must reconnect the account.',
    );
    const refused = { state: AccountState.needsReconnect, stateReason: 'It was refused.' };
    expect(statusReason({ ...refused, current: current(0) }, NOW)).toBe('It was refused.');
  });

  it.each([
    ['refused after the expiry', 'needs_reconnect', 'invalid_grant', 0, true],
    ['refused before the expiry', 'needs_reconnect', 'invalid_grant', 1, false],
    ['refused as a replay', 'needs_reconnect', 'replay_refused', 0, false],
    ['taken out of service', 'inactive', 'invalid_grant', 0, false],
    ['not refused', 'active', 'invalid_grant', 0, false],
  ] as const)(
    'keeps serving its access token only if it was %s',
    (_what, state, code, refreshMs, expected) => {
      const lastError = { ...refreshFailure(code), at: NOW };
      const account = { state, stateAt: NOW, lastError, current: current(refreshMs) };
      expect(hasOnlyExpired(account)).toBe(expected);
    },
  );
});
