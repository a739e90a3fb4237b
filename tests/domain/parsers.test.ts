/** Parsers of untrusted input. For any input they return a valid result, never throw, and reveal no secret. */
import * as fc from 'fast-check';
import { accessTokenExpiry } from '../../src/domain/account/token-lifetime';
import { decodeCursor, encodeCursor } from '../../src/domain/cursor';
import {
  maskFreeText,
  maskHeaders,
  maskMember,
  prefix,
  storedPrefix,
} from '../../src/domain/masking/masking';
import { scrub, scrubText } from '../../src/domain/masking/scrubbing';
import { Secret } from '../../src/domain/masking/secret';
import { retryAfterMs } from '../../src/domain/refresh/refresh-failure';
import { duration } from '../../src/domain/text/duration';
import { readProvider } from '../../src/providers/config/provider-entry';
import { salvageTokens } from '../../src/providers/exchange/salvage-tokens';
import { cpuTimeMs } from '../support/cpu-time';
import { propertyRuns } from '../support/property-runs';
import { leaks, plantedText, secrets } from './_planted-secrets';

const NOW = new Date('2026-11-22T12:00:00.000Z');
const numRuns = propertyRuns(1_000);
/** Fewer runs for the tests that search long texts for parts of secrets. */
const fewer = propertyRuns(300, 0.1);

const DAY_S = 24 * 3600;
const odd = fc.oneof(
  fc.anything(),
  fc.double(),
  fc.bigInt(),
  fc.constantFrom('3600', '1h', -5, 0, 1e20, Number.NaN, '', ' ', '٣', '1e400', '0x10', null),
);

it('an access token expires at a storable time, for any token response', () => {
  fc.assert(
    fc.property(odd, (stated) => {
      const { expiresAt } = accessTokenExpiry({ expires_in: stated }, NOW, 7200);
      const lifeS = (expiresAt.getTime() - NOW.getTime()) / 1000;
      expect(lifeS).toBeGreaterThan(0);
      expect(lifeS).toBeLessThanOrEqual(400 * DAY_S);
    }),
    { numRuns },
  );
});

it('a wait lasts between one second and one hour, for any Retry-After', () => {
  const header = fc.oneof(
    fc.string(),
    fc.integer().map(String),
    fc.bigInt().map(String),
    fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
    fc.constantFrom('-1', '+5', '1.5', '1e3', 'Sun', 'never', '99999999999999999999', '\u0000'),
    fc.constant(null),
  );
  fc.assert(
    fc.property(header, (value) => {
      const waitMs = retryAfterMs(value, NOW);
      expect(waitMs).toBeGreaterThanOrEqual(1_000);
      expect(waitMs).toBeLessThanOrEqual(3_600_000);
    }),
    { numRuns },
  );
});

it('the tokens found in any answer are non-empty texts', () => {
  const member = fc.constantFrom('access_token', 'refresh_token', 'expires_in', '__proto__', 'x');
  const body = fc.oneof(
    fc.string(),
    fc.json(),
    fc.dictionary(member, odd).map((one) => {
      try {
        return JSON.stringify(one);
      } catch {
        return '{';
      }
    }),
    fc.tuple(fc.json(), fc.nat(200)).map(([text, length]) => text.slice(0, length)),
  );
  fc.assert(
    fc.property(body, (text) => {
      const found = salvageTokens(text);
      const tokens = [found?.accessToken, found?.refreshToken].filter(Boolean);
      expect(tokens.length > 0).toBe(found !== null);
      expect([found?.accessToken, found?.refreshToken]).not.toContain('');
    }),
    { numRuns },
  );
});

it('a complete refresh token is found in an answer that was cut anywhere after it', () => {
  fc.assert(
    fc.property(secrets, fc.nat(60), (token, more) => {
      const head = `{"refresh_token":${JSON.stringify(token)}`;
      const body = `${head},"access_token":"${'a'.repeat(40)}","scope":"b"}`;
      expect(salvageTokens(body.slice(0, head.length + more))?.refreshToken).toBe(token);
    }),
    { numRuns },
  );
});

it('a cursor is decoded only if it is valid', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { maxLength: 4 }), fc.string(), (parts, text) => {
      const cursor = encodeCursor(...parts);
      expect(decodeCursor(cursor, parts.length)).toEqual(parts);
      expect(decodeCursor(cursor, parts.length + 1)).toBeNull();
      const other = decodeCursor(text, 2);
      expect(other === null || other.every((part) => typeof part === 'string')).toBe(true);
    }),
    { numRuns },
  );
});

it('a duration is a positive number of milliseconds, or is refused', () => {
  const text = fc.oneof(
    fc.string(),
    fc
      .tuple(fc.double(), fc.constantFrom('ms', 's', 'm', 'h', 'd', 'y', ''))
      .map((all) => all.join('')),
    fc.tuple(fc.nat(), fc.constantFrom('ms', 's', 'm', 'h', 'd')).map((all) => all.join('')),
  );
  fc.assert(
    fc.property(text, (given) => {
      const { data, success } = duration.safeParse(given);
      expect(!success || (data > 0 && Number.isFinite(data))).toBe(true);
    }),
    { numRuns },
  );
});

it('an entry of providers.yaml is a provider, or is refused with a reason that shows no secret', () => {
  const SECRET = 'PLANTED-0a1b2c3d4e5f6a7b8c9d';
  const members =
    'adapter clientId clientSecret privateKey clientAuthentication issuer tokenEndpoint sweepEvery refreshBefore refreshAfterAge jitter backOff validateEvery replay accessTokenLife errorCodes environments parameters scopes enabled unknownMember __proto__';
  const names = fc.constantFrom(...members.split(' '));
  const values = fc.oneof(
    fc.anything(),
    fc.constantFrom(
      'ebay',
      'oauth2',
      '10m',
      '1h',
      'never',
      'safe',
      'none',
      true,
      'private_key_jwt',
    ),
    fc.constantFrom('https://a.example/t', 'http://a.example/t', 'https://u:p@a.example', ' '),
  );
  const id = fc.constantFrom('ebay', 'crm', 'etsy', 'Bad Id', '__proto__');
  const entry = fc.dictionary(names, values, { maxKeys: 8 });
  fc.assert(
    fc.property(id, fc.oneof(entry, odd), (name, given) => {
      const raw = typeof given === 'object' && given !== null ? { ...given } : given;
      const planted = ['clientSecret', 'privateKey'];
      if (typeof raw === 'object' && raw !== null)
        for (const member of planted) if (member in raw) Object.assign(raw, { [member]: SECRET });
      const problems: string[] = [];
      const provider = readProvider(name, raw, null, problems);
      expect(provider === null).toBe(problems.length > 0);
      expect(problems.join('\n')).not.toContain(SECRET);
      expect(JSON.stringify(provider)).not.toContain(SECRET);
    }),
    { numRuns },
  );
});

/**
 * Checks each text separately, because JSON's quote or comma next to a part could equal the secret's next character.
 */
function texts(shown: unknown): string[] {
  if (typeof shown === 'string') return [shown];
  if (typeof shown !== 'object' || shown === null) return [];
  return Object.entries(shown).flatMap(([name, value]) => [name, ...texts(value)]);
}

describe('a text that contains a secret', () => {
  const bounded = { numRuns: fewer };

  it('shows at most seven consecutive characters of it as free text, member or header', () => {
    fc.assert(
      fc.property(plantedText, ({ secret, text }) => {
        const all = [
          maskFreeText(text, [secret]),
          maskMember('error_description', text, [secret]),
          maskMember('access_token', text, [secret]),
          maskMember('x', { [text]: text }, [secret]),
          maskHeaders(
            [
              ['Authorization', text],
              ['X-A', text],
              ['Date', text],
            ],
            [secret],
          ),
          prefix(secret),
          storedPrefix(secret),
        ];
        for (const shown of texts(all)) expect(leaks(shown, secret)).toEqual([]);
      }),
      bounded,
    );
  });

  it('shows at most seven consecutive characters of it in the log while it is alive', () => {
    fc.assert(
      fc.property(secrets, fc.string(), fc.string(), (secret, before, after) => {
        const alive = new Secret(secret);
        const text = `${before}${secret}${after}`;
        const all = [scrubText(text), scrub({ a: [{ [text]: text }], msg: text })];
        for (const shown of texts(all)) expect(leaks(shown, secret)).toEqual([]);
        expect(alive.reveal()).toBe(secret);
      }),
      bounded,
    );
  });

  // Each of these took 14 to 29 s when a search began at each letter.
  it.each(['eyJaaaaaaaa', 'a-', 'token', 'eyJ', 'Bearer '])(
    'is searched in linear time if it consists of %j',
    (piece) => {
      const text = piece.repeat(Math.ceil(240_000 / piece.length));
      const beganAt = cpuTimeMs();
      scrubText(`${text}=`);
      expect(cpuTimeMs() - beganAt).toBeLessThan(5_000);
    },
  );

  it('keeps its structure in the log', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(() => JSON.stringify(scrub(value))).not.toThrow();
      }),
      { numRuns },
    );
  });
});
