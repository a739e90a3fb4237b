import * as fc from 'fast-check';
import {
  ACCESS_TOKEN_LIFE_MAX_SECONDS,
  accessTokenExpiry,
  judgeAccessTokenExpiry,
  REFRESH_TOKEN_LIFE_MAX_SECONDS,
  readMoment,
  refreshTokenExpiry,
} from '../../../src/domain/account/token-lifetime';

const SENT = new Date('2026-11-22T12:00:00.000Z');
const SENT_S = SENT.getTime() / 1000;
const DEFAULT = 7200;
const DAY = 24 * 3600;

/** Returns the lifetime in seconds and the number of warnings. */
function access(members: Record<string, unknown>): [number, number] {
  const { expiresAt, warnings } = accessTokenExpiry(members, SENT, DEFAULT);
  return [(expiresAt.getTime() - SENT.getTime()) / 1000, warnings.length];
}

function refresh(members: Record<string, unknown>, life: number | null = null) {
  const { expiresAt, isStated, warnings } = refreshTokenExpiry(members, SENT, life);
  const seconds = expiresAt === null ? null : (expiresAt.getTime() - SENT.getTime()) / 1000;
  return [seconds, isStated, warnings.length];
}

describe('accessTokenExpiry', () => {
  it.each<[string, unknown, number, number]>([
    ['a number of seconds', 3600, 3600, 0],
    ['a number in text', '3600', 3600, 0],
    ['a number in text with surrounding spaces', ' 3600 ', 3600, 0],
    ['a fraction', 90.5, 90.5, 0],
    ['zero, as one second', 0, 1, 0],
    ['400 days', 400 * DAY, 400 * DAY, 0],
    ['a second more than 400 days', 400 * DAY + 1, DEFAULT, 1],
    ['1e20', 1e20, DEFAULT, 1],
    ['Unix seconds', SENT_S + 900, 900, 1],
    ['Unix seconds in text', String(SENT_S + 900), 900, 1],
    ['Unix milliseconds', SENT.getTime() + 3_600_000, 3600, 1],
    ['Unix seconds in the past', SENT_S - 900, DEFAULT, 1],
    ['Unix seconds 401 days ahead', SENT_S + 401 * DAY, DEFAULT, 1],
    ['an ISO date', '2026-11-22T13:00:00Z', 3600, 1],
    ['an ISO date in the past', '2026-11-22T11:00:00Z', DEFAULT, 1],
    ['a negative number', -5, DEFAULT, 1],
    ['a negative number in text', '-5', DEFAULT, 1],
    ['NaN', Number.NaN, DEFAULT, 1],
    ['infinity', Number.POSITIVE_INFINITY, DEFAULT, 1],
    ['a duration of another kind', '1h', DEFAULT, 1],
    ['a boolean', true, DEFAULT, 1],
    ['an array', [3600], DEFAULT, 1],
    ['an object', { valueOf: () => 3600 }, DEFAULT, 1],
    ['nothing', undefined, DEFAULT, 0],
    ['null', null, DEFAULT, 0],
    ['an empty text', '', DEFAULT, 0],
  ])('reads expires_in of %s', (_what, stated, seconds, warnings) => {
    expect(access({ expires_in: stated })).toEqual([seconds, warnings]);
  });

  it.each<[string, Record<string, unknown>, number, number]>([
    ['expires_at in Unix seconds', { expires_at: SENT_S + 600 }, 600, 0],
    ['expires_at in Unix milliseconds', { expires_at: SENT.getTime() + 600_000 }, 600, 0],
    ['expires_at as ISO 8601', { expires_at: '2026-11-22T12:10:00Z' }, 600, 0],
    ['expires_at with an offset', { expires_at: '2026-11-22T13:10:00+01:00' }, 600, 0],
    ['expires_at with an offset of hours', { expires_at: '2026-11-22 14:10:00+02' }, 600, 0],
    ['the time beside a lifetime of 0', { expires_in: 0, expires_at: SENT_S + 600 }, 600, 0],
    ['a time of 0 as not stated', { expires_at: 0 }, DEFAULT, 0],
    ['expires_at without a zone as UTC', { expires_at: '2026-11-22 12:10:00.123456' }, 600.123, 0],
    ['expires_on of Azure', { expires_on: String(SENT_S + 600) }, 600, 0],
    ['expiry of Go', { expiry: '2026-11-22T12:10:00.123456789Z' }, 600.123, 0],
    ['expiry_date of Google’s library', { expiry_date: SENT.getTime() + 600_000 }, 600, 0],
    ['expires as an HTTP date', { expires: 'Sun, 22 Nov 2026 12:10:00 GMT' }, 600, 0],
    ['expires in seconds', { expires: 5_184_000 }, 5_184_000, 0],
    ['TikTok’s time', { access_token_expire_in: SENT_S + 600 }, 600, 0],
    ['a lifetime in place of a time', { expires_at: 3600 }, 3600, 1],
    ['expiresIn in camel case', { expiresIn: 600 }, 600, 0],
    [
      'Zoho’s seconds before its milliseconds',
      { expires_in: 3_600_000, expires_in_sec: 3600 },
      3600,
      0,
    ],
    ['the lifetime before the time', { expires_at: SENT_S + 60, expires_in: 600 }, 600, 0],
    ['the time if the lifetime is invalid', { expires_in: '1h', expires_at: SENT_S + 600 }, 600, 1],
    ['neither of two unreadable members', { expires_in: 'x', expires_at: 'y' }, DEFAULT, 2],
  ])('reads %s', (_what, members, seconds, warnings) => {
    expect(access(members)).toEqual([seconds, warnings]);
  });

  it('names the implausible member and the interpretation in a warning, and quotes no value', () => {
    expect(accessTokenExpiry({ expires_in: SENT_S + 900 }, SENT, DEFAULT).warnings).toEqual([
      'expires_in is not a lifetime in seconds; Evergrant read it as the time of expiry',
    ]);
    expect(accessTokenExpiry({ expires_in: 'secret' }, SENT, DEFAULT).warnings).toEqual([
      'expires_in is neither a plausible lifetime nor a plausible time; Evergrant uses the configured lifetime',
    ]);
  });

  it('returns a time between one second and 400 days after the request, for any input', () => {
    const anything = fc.oneof(
      fc.anything(),
      fc.double(),
      fc.maxSafeInteger(),
      fc.string(),
      fc.date().map((date) => (Number.isNaN(date.getTime()) ? 'x' : date.toISOString())),
    );
    const name = fc.constantFrom('expires_in', 'expires_at', 'expires_on', 'expiry');
    fc.assert(
      fc.property(name, anything, (member, stated) => {
        const [seconds] = access({ [member]: stated });
        expect(seconds).toBeGreaterThan(0);
        expect(seconds).toBeLessThanOrEqual(ACCESS_TOKEN_LIFE_MAX_SECONDS);
      }),
      { numRuns: 5000 },
    );
  });
});

describe('refreshTokenExpiry', () => {
  const YEARS_5 = 5 * 365 * DAY;

  it.each<[string, Record<string, unknown>, unknown[]]>([
    ['refresh_token_expires_in', { refresh_token_expires_in: 60 }, [60, true, 0]],
    ['refresh_expires_in of Keycloak', { refresh_expires_in: 1800 }, [1800, true, 0]],
    ['x_refresh_token_expires_in', { x_refresh_token_expires_in: 8_726_400 }, [8_726_400, true, 0]],
    ['a lifetime in text', { refresh_token_expires_in: '8726400' }, [8_726_400, true, 0]],
    ['a lifetime of five years', { refresh_token_expires_in: YEARS_5 }, [YEARS_5, true, 0]],
    ['a time', { refresh_token_expires_at: SENT_S + 60 }, [60, true, 0]],
    ['an ISO time', { refresh_token_expires_at: '2026-11-22T12:01:00Z' }, [60, true, 0]],
    ['a time in place of a lifetime', { refresh_expires_in: SENT_S + 60 }, [60, true, 1]],
    ['TikTok’s time', { refresh_token_expire_in: SENT_S + 60 }, [60, true, 0]],
    ['Taobao’s milliseconds', { refresh_token_valid_time: (SENT_S + 60) * 1000 }, [60, true, 0]],
    ['zero as not stated', { refresh_expires_in: 0 }, [null, false, 0]],
    ['zero in text as not stated', { refresh_expires_in: '0' }, [null, false, 0]],
    ['nothing', {}, [null, false, 0]],
    ['null', { refresh_token_expires_in: null }, [null, false, 0]],
    ['a word', { refresh_token_expires_in: 'never' }, [null, false, 1]],
    ['a negative lifetime', { refresh_token_expires_in: -1 }, [null, false, 1]],
    ['a hundred years', { refresh_token_expires_in: 100 * 365 * DAY }, [null, false, 1]],
    ['Number.MAX_VALUE', { refresh_token_expires_in: Number.MAX_VALUE }, [null, false, 1]],
    ['the lifetime of the access token as a different value', { expires_in: 60 }, [null, false, 0]],
  ])('reads %s', (_what, members, expected) => {
    expect(refresh(members)).toEqual(expected);
  });

  it('returns the configured lifetime if nothing is readable', () => {
    expect(refresh({}, 90 * DAY)).toEqual([90 * DAY, false, 0]);
    expect(refresh({ refresh_expires_in: 0 }, 90 * DAY)).toEqual([90 * DAY, false, 0]);
    expect(refresh({ refresh_expires_in: 'never' }, 90 * DAY)).toEqual([90 * DAY, false, 1]);
  });

  it('returns a storable time or null, for any input', () => {
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.double(), fc.string()), (stated) => {
        const [seconds] = refresh({ refresh_token_expires_in: stated });
        if (seconds === null) return;
        expect(seconds).toBeGreaterThan(0);
        expect(seconds).toBeLessThanOrEqual(REFRESH_TOKEN_LIFE_MAX_SECONDS);
      }),
      { numRuns: 5000 },
    );
  });
});

describe('judgeAccessTokenExpiry', () => {
  it.each<[string, string, string]>([
    ['in an hour', '2026-11-22T13:00:00Z', 'plausible'],
    ['in 400 days', '2027-12-27T12:00:00Z', 'plausible'],
    ['in 400 days and one second', '2027-12-27T12:00:01Z', 'too_far'],
    ['at the end of time', '9999-12-31T23:59:59Z', 'too_far'],
    ['a second ago', '2026-11-22T11:59:59Z', 'passed'],
    ['in 1970', '1970-01-01T00:00:00Z', 'passed'],
    ['that is an invalid date', 'never', 'too_far'],
  ])('judges an expiry %s', (_what, text, expected) => {
    expect(judgeAccessTokenExpiry(new Date(text), SENT)).toBe(expected);
  });
});

describe('readMoment', () => {
  it.each<[unknown, string | null]>([
    [SENT_S, '2026-11-22T12:00:00.000Z'],
    [SENT.getTime(), '2026-11-22T12:00:00.000Z'],
    [String(SENT_S), '2026-11-22T12:00:00.000Z'],
    ['2026-11-22', '2026-11-22T00:00:00.000Z'],
    ['2026-11-22T12:00Z', '2026-11-22T12:00:00.000Z'],
    ['2026-11-22 12:00:00 UTC', '2026-11-22T12:00:00.000Z'],
    ['2026-11-22T12:00:00+0530', '2026-11-22T06:30:00.000Z'],
    ['2026-13-45', null],
    ['tomorrow', null],
    ['', null],
    [null, null],
    [Number.MAX_VALUE, null],
  ])('reads %j as %j', (value, expected) => {
    expect(readMoment(value)?.toISOString() ?? null).toBe(expected);
  });
});
