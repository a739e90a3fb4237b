import * as fc from 'fast-check';
import { readScopes } from '../../../src/domain/account/scopes';

describe('readScopes', () => {
  it.each<[string, unknown, ' ' | ',', string[] | null]>([
    ['text with spaces', ' a  b\tc ', ' ', ['a', 'b', 'c']],
    ['text with commas', 'repo, user:email', ',', ['repo', 'user:email']],
    ['scopes with commas, separated by spaces', 'a,b c', ' ', ['a,b', 'c']],
    ['an array', ['a', 'b'], ' ', ['a', 'b']],
    ['JSON in text', '["a","b"]', ',', ['a', 'b']],
    ['an array of PostgreSQL', '{a,b}', ' ', ['a', 'b']],
    ['an array of PostgreSQL with quotes', '{"a b",c,"d\\"e"}', ' ', ['a b', 'c', 'd"e']],
    ['an empty array of PostgreSQL', '{}', ' ', []],
    ['an empty text', '', ' ', []],
    ['a scope named twice', 'a b a', ' ', ['a', 'b']],
    ['brackets that are not JSON', '[a b]', ' ', ['[a', 'b]']],
    ['an array of numbers', [1, 2], ' ', null],
    ['an object', { a: 1 }, ' ', null],
    ['nothing', undefined, ' ', null],
    ['null', null, ' ', null],
  ])('reads %s', (_what, value, separator, expected) => {
    expect(readScopes(value, separator)).toEqual(expected);
  });

  it('reads any scopes back from each form', () => {
    const scope = fc.stringMatching(/^[a-z][a-z0-9:./_-]{0,20}$/);
    fc.assert(
      fc.property(fc.uniqueArray(scope), (scopes) => {
        expect(readScopes(scopes.join(' '), ' ')).toEqual(scopes);
        expect(readScopes(scopes.join(','), ',')).toEqual(scopes);
        expect(readScopes(`{${scopes.join(',')}}`)).toEqual(scopes);
        expect(readScopes(JSON.stringify(scopes))).toEqual(scopes);
      }),
    );
  });

  it('never throws, and returns scopes without surrounding white space', () => {
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.string()), fc.constantFrom(' ', ','), (value, by) => {
        for (const scope of readScopes(value, by) ?? []) expect(scope).toBe(scope.trim());
      }),
      { numRuns: 5000 },
    );
  });
});
