import * as fc from 'fast-check';
import {
  type FailureClass,
  knownProviderErrorCode,
  type RefreshFailureCode,
  refreshFailure,
  retryAfterMs,
} from '../../../src/domain/refresh/refresh-failure';

const NOW = new Date('2026-11-22T12:00:00.000Z');
const HOUR = 3_600_000;

const CLASSES: Record<FailureClass, RefreshFailureCode[]> = {
  account: [
    'invalid_grant',
    'replay_refused',
    'refresh_token_missing',
    'row_corrupt',
    'row_not_sealed',
    'ciphertext_not_sent',
  ],
  app: [
    'invalid_client',
    'unauthorized_client',
    'invalid_scope',
    'unsupported_grant_type',
    'invalid_request',
  ],
  rate: ['rate_limited', 'too_early'],
  provider: [
    'unrecognized_error',
    'provider_unavailable',
    'provider_unreachable',
    'answer_lost',
    'worker_lost',
    'invalid_token_response',
  ],
  ours: [
    'attempt_interrupted',
    'request_not_built',
    'validation_not_allowed',
    'key_mismatch',
    'key_missing',
    'provider_not_configured',
    'database_unavailable',
  ],
};
const codes = Object.entries(CLASSES).flatMap(([name, all]) =>
  all.map((code): [RefreshFailureCode, FailureClass] => [code, name as FailureClass]),
);

describe('refreshFailure', () => {
  it.each(codes)('assigns %s to the class %s', (code, expected) => {
    expect(refreshFailure(code)).toMatchObject({ class: expected, code });
  });

  it('has a message of complete sentences without placeholders', () => {
    for (const [code] of codes) expect(refreshFailure(code).message).toMatch(/^[A-Z][^${}]+\.$/);
  });

  it.each([
    'key_mismatch',
    'key_missing',
    'database_unavailable',
    'provider_not_configured',
  ] as const)('R0.6 says of %s that nothing was sent', (code) => {
    expect(refreshFailure(code).message).toMatch(/nothing was sent/i);
  });

  it.each(CLASSES.app)('says of %s that no account was changed', (code) => {
    expect(refreshFailure(code).message).toMatch(/No account was changed/);
  });

  it('R1.8 asks the owner to reconnect if only the owner can help', () => {
    for (const code of CLASSES.account)
      expect(refreshFailure(code).message).toMatch(/owner must reconnect/);
  });

  it('keeps status, detail and wait', () => {
    const extra = { status: 429, detail: 'slow down', retryAfterMs: 5000 };
    expect(refreshFailure('rate_limited', extra)).toMatchObject(extra);
  });
});

describe('knownProviderErrorCode', () => {
  it.each(['invalid_grant', ...CLASSES.app])('keeps the RFC 6749 code %s', (code) => {
    expect(knownProviderErrorCode(code)).toBe(code);
  });

  it.each(['server_error', 'temporarily_unavailable'])(
    'maps %s to provider_unavailable',
    (word) => {
      expect(knownProviderErrorCode(word)).toBe('provider_unavailable');
    },
  );

  it('recognises no other code, not even Evergrant’s own', () => {
    const ourWords = codes
      .map(([code]) => code)
      .filter((code) => !/^(invalid_|unauthorized|unsupported)/.test(code));
    for (const word of [...ourWords, '', '__proto__', 'constructor', 'toString'])
      expect([word, knownProviderErrorCode(word)]).toEqual([word, undefined]);
  });
});

describe('retryAfterMs', () => {
  it.each([
    ['a minute of seconds', '60', 60_000],
    ['one second', '1', 1000],
    ['zero seconds, as one second', '0', 1000],
    ['seconds with surrounding spaces', ' 120 ', 120_000],
    ['ten years of seconds, as one hour', '315360000', HOUR],
    ['more digits than a number has, as one hour', '9'.repeat(400), HOUR],
    ['a date in ten minutes', 'Sun, 22 Nov 2026 12:10:00 GMT', 600_000],
    ['a date in the obsolete form', 'Sunday, 22-Nov-26 12:10:00 GMT', 600_000],
    ['a date in the past, as one second', 'Sun, 22 Nov 2020 12:00:00 GMT', 1000],
    ['a date in ten years, as one hour', 'Sun, 22 Nov 2036 12:00:00 GMT', HOUR],
    ['a missing header, as one minute', null, 60_000],
    ['an empty value, as one minute', '', 60_000],
    ['a negative number, which Date.parse reads as a date, as one minute', '-1', 60_000],
    ['a large negative number, as one minute', '-315360000', 60_000],
    ['a fraction, as one minute', '1.5', 60_000],
    ['a word, as one minute', 'soon', 60_000],
    ['an unreadable date, as one minute', 'Sun, 32 Foo 2026', 60_000],
  ])('reads %s', (_what, header, expected) => {
    expect(retryAfterMs(header, NOW)).toBe(expected);
  });

  it('returns between one second and one hour, for any header', () => {
    const header = fc.oneof(
      fc.string(),
      fc.integer().map(String),
      fc.double().map(String),
      fc.date().map(String),
      fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
    );
    fc.assert(
      fc.property(header, (value) => {
        const waitMs = retryAfterMs(value, NOW);
        expect(waitMs).toBeGreaterThanOrEqual(1000);
        expect(waitMs).toBeLessThanOrEqual(HOUR);
      }),
      { numRuns: 5000 },
    );
  });

  it('never returns less than the header states, up to one hour', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3600 }), (seconds) => {
        expect(retryAfterMs(String(seconds), NOW)).toBe(seconds * 1000);
        const date = new Date(NOW.getTime() + seconds * 1000).toUTCString();
        expect(retryAfterMs(date, NOW)).toBe(seconds * 1000);
      }),
    );
  });
});
