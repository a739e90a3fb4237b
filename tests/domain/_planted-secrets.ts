/** Generates texts that contain a secret, in whole or in part, plain or encoded, and finds leaks of it. */
import * as fc from 'fast-check';

export interface Planted {
  secret: string;
  text: string;
}

/** Number of consecutive characters that counts as a leak. */
const TOO_MANY = 8;

/** Controls, line separators and bidirectional characters. */
export const UNPRINTABLE =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

const alphabet = (characters: string) => fc.constantFrom(...characters.split(''));
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** The formats of tokens and client secrets. */
export const secrets: fc.Arbitrary<string> = fc.oneof(
  fc
    .string({ unit: alphabet(`${LETTERS}0123456789+/=`), minLength: 20, maxLength: 120 })
    .map((text) => `v^1.1#i^1#I^3#p^3#r^1#f^0#t^${text}`),
  fc.string({ unit: alphabet(`${LETTERS}0123456789-._~`), minLength: 10, maxLength: 80 }),
  fc.string({ unit: alphabet('0123456789abcdef'), minLength: 32, maxLength: 64 }),
  fc.string({ unit: alphabet(LETTERS), minLength: 8, maxLength: 40 }),
  fc.string({ unit: alphabet(`${LETTERS}0123456789 !'()*&=?"\\/`), minLength: 12, maxLength: 40 }),
);

const forms: ((secret: string) => string)[] = [
  (secret) => secret,
  encodeURIComponent,
  (secret) => encodeURIComponent(secret).replace(/%\w\w/g, (hex) => hex.toLowerCase()),
  (secret) => new URLSearchParams({ s: secret }).toString().slice(2),
];

export const plantedText: fc.Arbitrary<Planted> = secrets.chain((secret) => {
  const quoted = fc
    .tuple(fc.constantFrom(...forms), fc.nat(secret.length), fc.nat(secret.length))
    .map(([form, one, other]) => form(secret.slice(Math.min(one, other), Math.max(one, other))));
  const whole = fc.constantFrom(...forms).map((form) => form(secret));
  const words = fc.constantFrom(
    ' ',
    ': ',
    '"',
    'token=',
    '\n',
    '\u001b[31m',
    '\u202e',
    ' is bad. ',
    '',
  );
  const piece = fc.oneof(quoted, whole, words, fc.string({ maxLength: 12 }));
  return fc.array(piece, { maxLength: 12 }).map((pieces) => ({ secret, text: pieces.join('') }));
});

/** The escape that replaces an unprintable character. Its backslash is not a character of the secret. */
const ESCAPE = /\\u[0-9a-f]{4}/gi;

/** Returns the parts of a secret, in any encoding, that appear in `shown` and are long enough to count as a leak. */
export function leaks(shown: string, secret: string): string[] {
  const texts = shown.split(ESCAPE);
  const found: string[] = [];
  for (const form of new Set(forms.map((one) => one(secret)))) {
    for (let at = 0; at + TOO_MANY <= form.length; at += 1) {
      const part = form.slice(at, at + TOO_MANY);
      if (texts.some((text) => text.includes(part))) found.push(part);
    }
  }
  return found;
}
