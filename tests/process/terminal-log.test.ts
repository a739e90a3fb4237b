import { stripVTControlCharacters } from 'node:util';
import { shortLine } from '../../src/process/terminal-log';

/** The line without its time, which is in the time zone of the machine. */
function shown(line: object, message: string): string {
  const text = stripVTControlCharacters(
    shortLine({ time: '2026-11-30T12:31:24.123Z', ...line, msg: message }, 'msg'),
  );
  expect(text).toMatch(/^\d\d:\d1:24 /);
  return text.slice('00:00:00 '.length);
}

it('shows the provider and the account of an attempt before its message', () => {
  const line = { level: 'info', outcome: 'ok', provider: 'ebay', account_label: 'Harbour Books' };
  expect(shown(line, 'Refreshed.')).toBe('✓ ebay · Harbour Books: Refreshed.');
});

it('shows the provider’s words after the message of a failed attempt', () => {
  const line = {
    level: 'warn',
    outcome: 'rejected',
    provider: 'etsy',
    account_label: 'Rowan Candles',
    detail: 'invalid_grant: revoked',
  };
  expect(shown(line, 'The provider no longer accepts the refresh token.')).toBe(
    '! etsy · Rowan Candles: The provider no longer accepts the refresh token. (invalid_grant: revoked)',
  );
});

it('shows the summary of a sweep, which names the provider', () => {
  const line = { level: 'info', provider: 'ebay', summary: 'ebay: refreshed 7/10, failed 3' };
  expect(shown(line, 'sweep finished')).toBe('  sweep finished · ebay: refreshed 7/10, failed 3');
});

it('names the error of a line, and nothing of its text', () => {
  const line = { level: 'error', err: { name: 'MongoNetworkError', at: ['at x'] } };
  expect(shown(line, 'a request failed')).toBe('✗ a request failed (MongoNetworkError)');
});

it('shows only the message of any other line', () => {
  expect(shown({ level: 'info', rewritten: 3 }, 'ready')).toBe('  ready');
});
