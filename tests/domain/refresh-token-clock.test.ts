import { dueWarningDays, refreshTokenWarningAt } from '../../src/domain/refresh-token-clock';

const END = '2027-01-31T12:00:00.000Z';
const daysBefore = (days: number) => new Date(Date.parse(END) - days * 86_400_000);

describe("the refresh token's own clock", () => {
  it.each([
    [null, 30],
    [30, 14],
    [14, 7],
    [7, 1],
  ])('after the warning of %s days, the next is due %i days ahead', (warned, next) => {
    expect(refreshTokenWarningAt(END, warned)).toEqual(daysBefore(next));
    expect(dueWarningDays(END, warned, daysBefore(next))).toBe(next);
    expect(dueWarningDays(END, warned, new Date(daysBefore(next).getTime() - 1))).toBeNull();
  });

  it('is silent after the last warning, and where the end is not known', () => {
    expect(refreshTokenWarningAt(END, 1)).toBeNull();
    expect(dueWarningDays(END, 1, daysBefore(0))).toBeNull();
    expect(refreshTokenWarningAt(null, null)).toBeNull();
    expect(dueWarningDays(null, null, daysBefore(0))).toBeNull();
  });

  it('says the closest one where several fell due at once, and none of them again', () => {
    expect(dueWarningDays(END, null, daysBefore(5))).toBe(7);
    expect(dueWarningDays(END, null, daysBefore(-3))).toBe(1);
    expect(refreshTokenWarningAt(END, 7)).toEqual(daysBefore(1));
  });
});
