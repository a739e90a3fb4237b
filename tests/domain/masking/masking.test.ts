import * as fc from 'fast-check';
import {
  maskFreeText,
  maskHeaders,
  maskMember,
  maskName,
  prefix,
  storedPrefix,
} from '../../../src/domain/masking/masking';
import { propertyRuns } from '../../support/property-runs';
import {
  leaks,
  type Planted,
  plantedText,
  secrets as secretOf,
  UNPRINTABLE,
} from '../_planted-secrets';

const SECRET = 'v^1.1#i^1#I^3#p^3#r^1#f^0#t^Ul4xMF8xOjQ2RTc4RkI5MDNC';

describe('prefix', () => {
  it.each([
    [SECRET, `v^1.1#… (${SECRET.length} characters)`],
    ['ENC:v1:k1:AAAAAAAAAAAAAAAA', 'ENC:v1… (26 characters)'],
    ['a'.repeat(20), 'aaaaaa… (20 characters)'],
    ['a'.repeat(19), '… (19 characters)'],
    ['', '… (0 characters)'],
    [`\u001b]0;x${'a'.repeat(20)}`, `\\u001b]0;xa… (25 characters)`],
  ])('R1.7 shortens %j to %j', (secret, shown) => {
    expect(prefix(secret)).toBe(shown);
  });

  it('shows at most six characters of anything', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 100 }), (secret) => {
        const [shown = ''] = prefix(secret).split('… (');
        expect(shown.length).toBeLessThanOrEqual(secret.length < 20 ? 0 : 6);
      }),
    );
  });
});

describe('storedPrefix', () => {
  it.each([
    ['ENC:v1:k1:O49QaAadSUK0p38Ium8cJcq31m4D', 'ENC:v1:k1:…'],
    ['ENC:v2:2025-06.b:O49QaAadSUK0p38Ium8', 'ENC:v2:2025-06.b:…'],
    ['ENC:O49QaAadSUK0p38Ium8cJcq31m4D', 'ENC:O4… (32 characters)'],
    [SECRET, `v^1.1#… (${SECRET.length} characters)`],
  ])('R1.7 shows the envelope of %j and nothing in it', (stored, shown) => {
    expect(storedPrefix(stored)).toBe(shown);
  });
});

describe('maskMember', () => {
  it.each([
    ['grant_type', 'refresh_token', 'refresh_token'],
    ['token_type', 'Bearer', 'Bearer'],
    ['expires_in', 7200, 7200],
    ['expires_in', '7200', '7200'],
    ['error', 'invalid_grant', 'invalid_grant'],
    ['error_description', 'the token is not valid', 'the token is not valid'],
    ['refresh_token', SECRET, `v^1.1#… (${SECRET.length} characters)`],
    ['access_token', 'short', '… (5 characters)'],
    ['a_member_of_tomorrow', 'a'.repeat(40), 'aaaaaa… (40 characters)'],
    ['refresh_token', null, null],
    ['ok', false, false],
    ['data', { access_token: SECRET }, '<masked>'],
    ['data', [SECRET], '<masked>'],
    ['data', undefined, '<masked>'],
  ])('%s: %j is shown as %j', (name, value, shown) => {
    expect(maskMember(name, value, [SECRET])).toEqual(shown);
  });
});

describe('maskHeaders', () => {
  it('shows allow-listed headers, the scheme of an authorization, and the length of all others', () => {
    const shown = maskHeaders(
      [
        ['Authorization', 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=='],
        ['Content-Type', 'application/json'],
        ['Set-Cookie', 'session=1234567890'],
        ['Retry-After', '60'],
      ],
      [],
    );
    expect(shown).toEqual({
      authorization: 'Basic <masked>',
      'content-type': 'application/json',
      'set-cookie': '<masked> (18 characters)',
      'retry-after': '60',
    });
  });

  it('R1.7 shows no part of an authorization without a known scheme', () => {
    expect(maskHeaders([['authorization', SECRET]], [SECRET])).toEqual({
      authorization: '<masked>',
    });
    for (const secret of [`${SECRET} x`, "oJRhSks 7'AfTlON/"])
      expect(maskHeaders([['authorization', secret]], [])).toEqual({ authorization: '<masked>' });
  });
});

describe('maskName', () => {
  it.each([
    ['harbour@example.com', 'ha…@example.com'],
    ['a@example.com', '…@example.com'],
    ['copper_kettle', 'co…'],
    ['x', '…'],
    ['', '…'],
    ['🦊🦊🦊🦊', '🦊🦊…'],
    ['ab\u202e@example.com', 'a…@example.com'],
    [`a@${'b'.repeat(200)}`, `…@${'b'.repeat(99)}`],
  ])('shows of %j only %j', (name, shown) => {
    expect(maskName(name)).toBe(shown);
  });
});

describe('maskFreeText', () => {
  it.each([
    ['the whole secret', `token ${SECRET} is bad`, 'token <masked> is bad'],
    ['its form in a URL', `token=${encodeURIComponent(SECRET)}!`, 'token=<masked>!'],
    ['its beginning', `token ${SECRET.slice(0, 18)} is bad`, 'token <masked> is bad'],
    ['eight characters of it', `near "${SECRET.slice(20, 28)}"`, 'near "<masked>"'],
    ['a token of another account', 'got eyJhbGciOiJIUzI1NiIsInR5cCI6', 'got <masked>'],
  ])('removes %s', (_what, text, shown) => {
    expect(maskFreeText(text, [SECRET])).toBe(shown);
  });

  it.each([
    'The provided refresh token is invalid, expired or revoked.',
    'invalid_grant: Token has been expired or revoked.',
    'see https://developer.example.com/api-docs/static/oauth-refresh-token-request.html',
    'Käse, 名前 und 🔑',
  ])('leaves harmless text unchanged: %s', (text) => {
    expect(maskFreeText(text, [SECRET])).toBe(text);
  });

  it('masks a short secret at every place', () => {
    expect(maskFreeText('pin 1234 of 1234', ['1234'])).toBe('pin <masked> of <masked>');
  });

  it('cuts at 200 characters', () => {
    expect(maskFreeText('la '.repeat(100), [])).toBe(`${'la '.repeat(100).slice(0, 200)}…`);
  });

  it('finds a part of a secret that a line break completes', () => {
    expect(maskFreeText('\nxRlpN*P', ['3ojORf// xRlpN*P("zhHwhrT"bR'])).toBe('<masked>');
  });

  it('finds a secret that contains invisible characters', () => {
    const broken = SECRET.split('').join('\u200b');
    expect(maskFreeText(broken, [SECRET])).not.toContain('\u200b');
    const once = `${SECRET.slice(0, 4)}\u0007${SECRET.slice(4)}`;
    expect(leaks(maskFreeText(once, [SECRET]), SECRET)).toEqual([]);
  });

  it.each([
    '\n{"level":60}',
    '\u001b]0;owned\u0007',
    '\u009b2J',
    '\u202egnp',
    'a\u2028b',
    '\u061cx',
  ])('R1.2 leaves no control, line break or bidirectional character in %j', (text) => {
    expect(maskFreeText(text, [])).not.toMatch(UNPRINTABLE);
  });
});

/** Expects no part of the secret in the masked text, for many texts that quote it. */
function expectNothingShown(show: (planted: Planted) => string, numRuns: number): void {
  fc.assert(
    fc.property(plantedText, (planted) => {
      const shown = show(planted);
      // An escape sequence does not come from the quoted text, and no secret has the character in its place.
      const quoted = shown.replaceAll(/\\u[0-9a-f]{4}/g, '¦');
      expect(leaks(quoted, planted.secret)).toEqual([]);
      expect(shown).not.toMatch(UNPRINTABLE);
    }),
    { numRuns },
  );
}

describe('a text that quotes a secret in any form', () => {
  it('shows at most seven consecutive characters of it as free text, and at most 201 characters in total', () => {
    expectNothingShown(({ text, secret }) => {
      const shown = maskFreeText(text, [secret]);
      expect(shown.length).toBeLessThanOrEqual(201);
      return shown;
    }, propertyRuns(2_000));
  });

  // eslint-disable-next-line jest/expect-expect -- in expectNothingShown
  it.each(['error_description', 'scope', 'error', 'access_token', 'unheard_of'])(
    'shows at most seven consecutive characters of it as the member %s',
    (name) => {
      expectNothingShown(
        ({ text, secret }) => String(maskMember(name, text, [secret])),
        propertyRuns(400),
      );
    },
  );

  // eslint-disable-next-line jest/expect-expect -- in expectNothingShown
  it.each(['authorization', 'content-type', 'x-request-id', 'set-cookie', 'location'])(
    'shows at most seven consecutive characters of it as the header %s',
    (name) => {
      expectNothingShown(
        ({ text, secret }) => maskHeaders([[name, text]], [secret])[name] ?? '',
        propertyRuns(400),
      );
    },
  );

  it('never causes an exception', () => {
    const anyText = fc.string({ unit: 'binary', maxLength: 500 });
    fc.assert(
      fc.property(anyText, fc.array(fc.oneof(anyText, secretOf), { maxLength: 4 }), (text, all) => {
        expect(maskFreeText(text, all).length).toBeLessThanOrEqual(201);
        expect(maskFreeText('\ud800', ['\ud800'])).toBe('<masked>');
      }),
    );
  });
});
