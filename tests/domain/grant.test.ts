import * as fc from 'fast-check';
import { expiresAt } from '../../src/domain/grant';

const SENT = new Date('2026-11-22T12:00:00.000Z');
const DEFAULT = 7200;
const DAYS_400 = 400 * 24 * 3600;

const life = (stated: unknown) =>
  (expiresAt(SENT, stated, DEFAULT).getTime() - SENT.getTime()) / 1000;

describe('expiresAt', () => {
  it.each([
    ['a number of seconds', 3600, 3600],
    ['a number in a string', '3600', 3600],
    ['a fraction', 90.5, 90.5],
    ['zero: at least a second', 0, 1],
    ['a second', 1, 1],
    ['1e20: at most 400 days', 1e20, DAYS_400],
    ['"1e20": at most 400 days', '1e20', DAYS_400],
    ['nothing', undefined, DEFAULT],
    ['null', null, DEFAULT],
    ['less than nothing', -5, DEFAULT],
    ['less than nothing in a string', '-5', DEFAULT],
    ['NaN', Number.NaN, DEFAULT],
    ['infinity', Number.POSITIVE_INFINITY, DEFAULT],
    ['infinity in a string', 'Infinity', DEFAULT],
    ['a duration of another kind', '1h', DEFAULT],
    ['an empty string', '', DEFAULT],
    ['a blank string', '  ', DEFAULT],
    ['a boolean', true, DEFAULT],
    ['an array', [3600], DEFAULT],
    ['an object', { valueOf: () => 3600 }, DEFAULT],
  ])('of %s', (_what, stated, seconds) => {
    expect(life(stated)).toBe(seconds);
  });

  it('is a moment between a second and 400 days after the sending, whatever was stated', () => {
    const anything = fc.oneof(fc.anything(), fc.double(), fc.maxSafeInteger(), fc.string());
    fc.assert(
      fc.property(anything, (stated) => {
        const seconds = life(stated);
        expect(Number.isFinite(seconds)).toBe(true);
        expect(seconds).toBeGreaterThanOrEqual(1);
        expect(seconds).toBeLessThanOrEqual(DAYS_400);
      }),
      { numRuns: 5000 },
    );
  });

  it('never lengthens what was stated, but for the half minute', () => {
    fc.assert(
      fc.property(fc.double({ min: 1, noNaN: true }), (stated) => {
        expect(life(stated)).toBeLessThanOrEqual(stated);
      }),
    );
  });
});
