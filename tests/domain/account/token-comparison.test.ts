import { compareTokens, type PresentedToken } from '../../../src/domain/account/token-comparison';

/** Builds entries e0, e1, … from `acc:fingerprint`, one per minute. */
function attempts(...given: string[]): PresentedToken[] {
  return given.map((one, index) => {
    const [accountId = '', fingerprint = ''] = one.split(':');
    const at = new Date(Date.UTC(2026, 0, 1, 0, index)).toISOString();
    return { entryId: `e${index}`, accountId, at, fingerprint };
  });
}

const compared = (given: PresentedToken[]) => Object.fromEntries(compareTokens(given));

describe('compareTokens', () => {
  it.each([
    ['nothing for a first attempt', ['a:1'], {}],
    ['the token of the previous attempt', ['a:1', 'a:1', 'a:1'], { e1: 'same', e2: 'same' }],
    ['a new token', ['a:1', 'a:2', 'a:3'], { e1: 'changed', e2: 'changed' }],
    ['an old token after a newer one', ['a:1', 'a:2', 'a:1'], { e1: 'changed', e2: 'reused' }],
    [
      'a token that is used again after it returned',
      ['a:1', 'a:2', 'a:1', 'a:1', 'a:3'],
      { e1: 'changed', e2: 'reused', e3: 'same', e4: 'changed' },
    ],
    [
      'tokens of different accounts separately',
      ['a:1', 'b:2', 'a:2', 'b:2'],
      { e2: 'changed', e3: 'same' },
    ],
  ])('R1.7 recognises %s', (_, given, expected) => {
    expect(compared(attempts(...given))).toEqual(expected);
  });

  it('accepts attempts in any order, and sorts those of one instant by id', () => {
    const given = attempts('a:1', 'a:2', 'a:1', 'a:3');
    expect(compared(given.toReversed())).toEqual(compared(given));
    const atOnce = given.map((one) => ({ ...one, at: '2026-01-01T00:00:00.000Z' }));
    expect(compared(atOnce.toReversed())).toEqual(compared(given));
  });
});
