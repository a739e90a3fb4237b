import { type RefreshFailureCode, refreshFailure } from '../../src/domain/refresh-failure';
import { settlementDecision } from '../../src/domain/settlement';

const NOW = new Date('2026-11-22T12:00:00.000Z');
const later = (ms: number) => new Date(NOW.getTime() + ms);

const BACK_OFF = { backOffFirstMs: 10_000, backOffMaxMs: 3_600_000 };

describe('settlementDecision', () => {
  it.each<[RefreshFailureCode, boolean, 'needs_reconnect' | null, number | null]>([
    ['invalid_grant', true, 'needs_reconnect', null],
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
    ['invalid_token_response', true, null, 10_000],
    ['key_mismatch', true, null, 10_000],
    ['key_missing', true, null, 10_000],
    ['database_unavailable', true, null, 10_000],
  ])('of %s: counts %j, state %j, next try after %j ms', (code, counts, state, afterMs) => {
    expect(settlementDecision(refreshFailure(code), 0, BACK_OFF, NOW)).toEqual({
      countsAgainstAccount: counts,
      state,
      nextAttemptAt: afterMs === null ? null : later(afterMs),
    });
  });

  it('waits as long as the provider asked, and counts nothing', () => {
    const failure = refreshFailure('rate_limited', { retryAfterMs: 90_000 });
    expect(settlementDecision(failure, 7, BACK_OFF, NOW)).toEqual({
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
  ])('leaves an account alone the longer, the more often it failed: after %i', (failed, waitMs) => {
    const { nextAttemptAt } = settlementDecision(
      refreshFailure('provider_unavailable'),
      failed,
      BACK_OFF,
      NOW,
    );
    expect(nextAttemptAt).toEqual(later(waitMs));
  });

  it('R2.5 marks no account for anything but its own failure', () => {
    for (const code of [
      'invalid_client',
      'provider_unavailable',
      'answer_lost',
      'key_mismatch',
    ] as const)
      expect(settlementDecision(refreshFailure(code), 1000, BACK_OFF, NOW).state).toBeNull();
  });
});
