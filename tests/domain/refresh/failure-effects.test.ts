import type { SealedGrant } from '../../../src/domain/account/grant';
import { failureEffects } from '../../../src/domain/refresh/failure-effects';
import {
  type RefreshFailureCode,
  refreshFailure,
  refusalOfGrant,
} from '../../../src/domain/refresh/refresh-failure';
import { grantUntil } from '../_grants';

const NOW = new Date('2026-11-22T12:00:00.000Z');
const later = (ms: number) => new Date(NOW.getTime() + ms);

const at = (seconds: number) => later(seconds * 1000).toISOString();

const BACK_OFF = { backOffFirstMs: 10_000, backOffMaxMs: 3_600_000, sweepEveryMs: 60_000 };
const failed = (failedAttempts: number, grant: Partial<SealedGrant> = {}) => ({
  failedAttempts,
  current: { ...grantUntil(later(7_200_000)), obtainedAt: NOW.toISOString(), ...grant },
});

describe('failureEffects', () => {
  it.each<[RefreshFailureCode, boolean, 'needs_reconnect' | null, number | null]>([
    ['invalid_grant', true, 'needs_reconnect', null],
    ['replay_refused', true, 'needs_reconnect', null],
    ['row_corrupt', true, 'needs_reconnect', null],
    ['row_not_sealed', true, 'needs_reconnect', null],
    ['ciphertext_not_sent', true, 'needs_reconnect', null],
    ['refresh_token_missing', true, 'needs_reconnect', null],
    ['invalid_client', false, null, null],
    ['unauthorized_client', false, null, null],
    ['invalid_scope', false, null, null],
    ['invalid_request', false, null, null],
    ['provider_unavailable', true, null, 10_000],
    ['provider_unreachable', true, null, 10_000],
    ['answer_lost', true, null, 10_000],
    ['worker_lost', true, null, 10_000],
    ['invalid_token_response', true, null, 10_000],
    ['request_not_built', true, null, 10_000],
    ['key_mismatch', true, null, 10_000],
    ['key_missing', true, null, 10_000],
    ['database_unavailable', true, null, 10_000],
  ])(
    'maps %s to: counts %j, state %j, next attempt after %j ms',
    (code, counts, state, afterMs) => {
      expect(failureEffects(refreshFailure(code), failed(0), BACK_OFF, NOW)).toEqual({
        countsAgainstAccount: counts,
        state,
        nextAttemptAt: afterMs === null ? null : later(afterMs),
      });
    },
  );

  it('waits as long as the provider asked, and counts no failure', () => {
    const failure = refreshFailure('rate_limited', { retryAfterMs: 90_000 });
    expect(failureEffects(failure, failed(7), BACK_OFF, NOW)).toEqual({
      countsAgainstAccount: false,
      state: null,
      nextAttemptAt: later(90_000),
    });
  });

  it.each([
    [0, 10_000],
    [1, 20_000],
    [4, 160_000],
    [50, 3_600_000],
  ])('pauses an account longer with each failure: after %i', (attempts, waitMs) => {
    const { nextAttemptAt } = failureEffects(
      refreshFailure('provider_unavailable'),
      failed(attempts),
      BACK_OFF,
      NOW,
    );
    expect(nextAttemptAt).toEqual(later(waitMs));
  });

  it('gives an account whose grant is refused with an error about the app the state of a refused grant', () => {
    const refused = refusalOfGrant(refreshFailure('unauthorized_client'));
    const { state } = failureEffects(refused, failed(1), BACK_OFF, NOW, 'inactive');
    expect(state).toBe('inactive');
    const damaged = refreshFailure('row_corrupt');
    expect(failureEffects(damaged, failed(1), BACK_OFF, NOW, 'inactive').state).toBe(
      'needs_reconnect',
    );
  });

  it.each<[string, Partial<SealedGrant>, number]>([
    ['keeps the pause of an account without a known expiry', {}, 3600],
    ['keeps it if the refresh token lives longer', { refreshTokenExpiresAt: at(9000) }, 3600],
    [
      'ends it one sweep before the last possible time',
      { refreshTokenExpiresAt: at(900) },
      900 - 60 - 60,
    ],
    ['keeps it if that time has passed', { refreshTokenExpiresAt: at(60) }, 3600],
  ])('%s', (_what, grant, seconds) => {
    const failure = refreshFailure('provider_unavailable');
    const { nextAttemptAt } = failureEffects(failure, failed(50, grant), BACK_OFF, NOW);
    expect(nextAttemptAt).toEqual(later(seconds * 1000));
  });

  it.each<[string, string, number]>([
    ['the workflow waits for', at(90), 81],
    ['a sweep must not miss', at(7200), 7140 - 60],
  ])(
    'retries an account near its expiry after too_early, at a time that %s',
    (_what, expiresAt, seconds) => {
      const failure = refreshFailure('too_early', { status: 400 });
      expect(failureEffects(failure, failed(3, { expiresAt }), BACK_OFF, NOW)).toEqual({
        countsAgainstAccount: false,
        state: null,
        nextAttemptAt: later(seconds * 1000),
      });
    },
  );

  it('counts too_early as a failure after the access token has expired', () => {
    const failure = refreshFailure('too_early', { status: 400 });
    const expired = failed(3, { expiresAt: at(0), obtainedAt: at(-90) });
    expect(failureEffects(failure, expired, BACK_OFF, NOW)).toEqual({
      countsAgainstAccount: true,
      state: null,
      nextAttemptAt: later(80_000),
    });
  });

  it('R2.5 marks an account only for its own failure', () => {
    for (const code of [
      'invalid_client',
      'provider_unavailable',
      'answer_lost',
      'key_mismatch',
    ] as const)
      expect(failureEffects(refreshFailure(code), failed(1000), BACK_OFF, NOW).state).toBeNull();
  });
});
