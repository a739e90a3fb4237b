import { attemptAction, type LogSource } from '../../../src/domain/logs/log-entry';
import {
  type RefreshFailureCode,
  refreshFailure,
} from '../../../src/domain/refresh/refresh-failure';

describe('R0.4 attemptAction', () => {
  it.each<[LogSource, RefreshFailureCode | null, boolean, string]>([
    ['scheduled', null, true, 'token_refreshed'],
    ['admin', null, true, 'token_refreshed'],
    ['api', null, true, 'token_refreshed'],
    ['scheduled', 'invalid_grant', true, 'token_refresh_failed'],
    ['admin', 'invalid_client', true, 'token_refresh_failed'],
    ['scheduled', 'provider_unreachable', false, 'token_refresh_failed'],
    ['scheduled', 'provider_unavailable', true, 'token_refresh_failed'],
    ['scheduled', 'answer_lost', true, 'token_refresh_failed'],
    ['scheduled', 'rate_limited', true, 'token_refresh_failed'],
    ['scheduled', 'row_corrupt', false, 'token_refresh_error'],
    ['scheduled', 'row_not_sealed', false, 'token_refresh_error'],
    ['scheduled', 'ciphertext_not_sent', false, 'token_refresh_error'],
    ['scheduled', 'key_mismatch', false, 'token_refresh_error'],
    ['api', 'key_missing', false, 'token_refresh_error'],
    ['api', 'database_unavailable', false, 'token_refresh_error'],
    ['debug', null, true, 'token_refresh_debug'],
    ['debug', 'invalid_grant', true, 'token_refresh_debug'],
    ['debug', 'key_mismatch', false, 'token_refresh_debug'],
  ])('maps %s, failure %j, sent %j to %s', (source, code, sent, action) => {
    expect(attemptAction(source, code === null ? null : refreshFailure(code), sent)).toBe(action);
  });
});
