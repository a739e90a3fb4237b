import { asConfigured, duration } from '../../../src/domain/text/time-text';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('duration', () => {
  it.each([
    [0, '0 ms'],
    [340.4, '340 ms'],
    [999.6, '1 s'],
    [1_249, '1.2 s'],
    [9_960, '10 s'],
    [15_000, '15 s'],
    [59_700, '1 min'],
    [90_000, '1 min 30 s'],
    [10 * MINUTE, '10 min'],
    [59 * MINUTE + 59_700, '1 h'],
    [HOUR + 59 * MINUTE + 40_000, '2 h'],
    [HOUR + 59 * MINUTE + 20_000, '1 h 59 min'],
    [23 * HOUR + 59 * MINUTE + 31_000, '1 d'],
    [30 * DAY, '30 d'],
    [2 * DAY + 3 * HOUR + 31 * MINUTE, '2 d 4 h'],
  ])('formats %d ms as %s, with two rounded units', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });
});

describe('asConfigured', () => {
  it.each([
    [250, '250ms'],
    [15_000, '15s'],
    [90_000, '90s'],
    [10 * MINUTE, '10m'],
    [90 * MINUTE, '90m'],
    [30 * DAY, '30d'],
  ])('formats %d ms exactly as %s', (ms, text) => {
    expect(asConfigured(ms)).toBe(text);
  });
});
