/** Texts that can be a token, texts that cannot, and texts that look like a mistake. */
import * as fc from 'fast-check';
import { tokenProblem, tokenWarnings } from '../../../src/domain/account/token-text';

/** Tokens in the formats of their providers. None is real. */
const GENUINE = [
  'v^1.1#i^1#p^3#r^1#I^3#f^0#t^Ul4xMF8wOkZGMDEyMzQ1Njc4OQ==',
  '1//0gX-0123456789abcdef_ghij',
  '12345678.jKBPLnOiYt7vpWlsny_lDKqINn4Ny_jwH89hA4IZgggyzqmV_bmQHGJ3HOHH2DmZxOJn5V1qQFnVP9bCn9jnrggCRz',
  'shprt_0123456789abcdef0123456789abcdef',
  'xoxe-1-My0xLTEyMzQ1Njc4OTAtMTIzNDU2Nzg5MC0xMjM0NTY3ODkw',
  '0.AAAAm_BxT3y0vkOSZdX4F5xQ2.AgABAwEAAADnfolhJpSnRYB1SVj-Hgd8',
  'M.C555_BAY.0.U.-CkZ!abc*def$',
  'ghr_0123456789ABCDEFabcdef0123456789ABCDEF',
  'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl',
  'AQCx-0123456789_abcdef',
  'def50200a1b2c3d4e5f60718293a4b5c6d7e8f90',
  '5Aep861TSESvWeug_xvFHRBTTbf_YrTWgEyjBJrLYqGpVt0kD6R.W8RyyWrPkbQ3eI==',
  'a b',
];

describe('tokenProblem', () => {
  it.each(GENUINE)('accepts %j', (text) => {
    expect(tokenProblem(text)).toBeNull();
  });

  it.each([
    [' rt', /white space/],
    ['rt\r', /white space/],
    ['•••', /masked/],
    ['***', /masked/],
    ['…', /masked/],
    ['NULL', /the word "NULL"/],
    ['\\N', /the word "\\N"/],
    ['#N/A', /the word "#N\/A"/],
    ['[object Object]', /the word/],
    ['<redacted>', /the word/],
    ['""', /quotes/],
    ['`rt`', /quotes/],
    ['${TOKEN}', /placeholder/],
    ['{{ token }}', /placeholder/],
    ['<your refresh token>', /placeholder/],
    ['bearer rt', /Bearer/],
    ['vault:v1:8SDd3WHDOjf7mq69CyCqYjBXAiQQAVZRkFM13ok481zoCmHnSeDX9vyf7w==', /ciphertext/],
    ['$ANSIBLE_VAULT;1.1;AES256', /ciphertext/],
    ['ENC(G6N718UuyPE5bHyWKyuLQSm02auQPUtm)', /ciphertext/],
    ['rt\u0000', /U\+0000 at character 3; the file may be UTF-16/],
    ['rt-é', /U\+00E9 at character 4/],
    ['rt\u{1F331}', /U\+1F331/],
    ['\uFEFFrt', /white space/],
    ['r\tt', /U\+0009/],
  ])('refuses %j', (text, problem) => {
    expect(tokenProblem(text)).toMatch(problem);
  });

  it('accepts only printable ASCII', () => {
    const outside = fc
      .integer({ min: 0x7f, max: 0xffff })
      .filter((code) => code < 0xd800 || code > 0xdfff);
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9]{8,40}$/), outside, fc.nat(), (text, code, place) => {
        const at = place % text.length;
        const character = String.fromCodePoint(code);
        expect(tokenProblem(text)).toBeNull();
        expect(tokenProblem(text.slice(0, at) + character + text.slice(at))).not.toBeNull();
      }),
    );
  });

  it('never repeats the text, which may be a token', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 20 }), (text) => {
        const said = [tokenProblem(text), ...tokenWarnings(text)].join(' ');
        expect(said).not.toContain(text.trim().length < 20 ? '\u0000' : text.trim());
      }),
    );
  });
});

describe('tokenWarnings', () => {
  it.each(GENUINE.slice(0, -1))('gives no warning for %j', (text) => {
    expect(tokenWarnings(text)).toEqual([]);
  });

  it.each([
    ['gAAAAABlZ0example0123456789==', /Fernet/],
    ['U2FsdGVkX1+0123456789', /OpenSSL/],
    ['eyJpdiI6IjEyMzQ1Njc4', /Laravel/],
    ['a%2Fb', /URL-encoded/],
    ['a&amp;b', /HTML-encoded/],
    ['a\\/b', /escaped slashes/],
    ["rt'", /quote/],
    ['abcd****efgh', /partly masked/],
    ['a b', /space/],
  ])('warns of a likely mistake in %j', (text, warning) => {
    expect(tokenWarnings(text)).toEqual([expect.stringMatching(warning)]);
  });
});
