/**
 * Checks entered tokens and client credentials before they are encrypted. Text that no server can have issued is
 * rejected. Text that a server may have issued but that looks like a common mistake gives a warning. Messages never
 * repeat the text.
 */

/**
 * Characters that tokens and client credentials cannot contain.
 * @see [RFC 6749 A](https://www.rfc-editor.org/rfc/rfc6749#appendix-A)
 */
const OUTSIDE = /[^\x20-\x7e]/u;

/** Bullets or asterisks, as pages and consoles mask a secret. */
const MASKED = /^[*•●∙·…]+$/u;

/** Texts that programs and databases print for a missing value. */
const NO_VALUES = new Set([
  'null',
  'none',
  'nil',
  'undefined',
  'nan',
  'n/a',
  '#n/a',
  '\\n',
  '(null)',
  '(none)',
  '[object object]',
  'redacted',
  '<redacted>',
  '[redacted]',
  '[filtered]',
]);

/** A variable or template that was not substituted. */
const PLACEHOLDER = /^(?:\$\{.*\}|\$\(.*\)|\{\{.*\}\}|<[^<>]*>)$/;

/** Ciphertext formats that no server issues as a token. */
const FOREIGN_ENVELOPE =
  /^(?:vault:v\d+:|\$ANSIBLE_VAULT;|ENC[([]|-----BEGIN |age-encryption\.org)/;

const QUOTES = ['"', "'", '`'];

/** Common mistakes, in text that may still be a token. */
const SUSPICIONS: readonly [RegExp, string][] = [
  [
    /^gAAAAA[\w-]+={0,2}$/,
    'looks like Fernet ciphertext: if another system encrypted it, decrypt it first',
  ],
  [
    /^(?:U2FsdGVkX1|eyJpdiI6|AQICAH)/,
    'looks like ciphertext of another system (OpenSSL, Laravel or AWS KMS): decrypt it first',
  ],
  [/%[0-9a-f]{2}/i, 'looks URL-encoded: use the decoded text'],
  [/&(?:amp|quot|lt|gt|#x?[0-9a-f]+);/i, 'looks HTML-encoded: use the decoded text'],
  [/\\\//, 'contains escaped slashes, as in JSON: remove the backslashes'],
  [/^["'`]|["'`]$/, 'begins or ends with a quote: check how it was copied'],
  [/\*{4}|x{8}/i, 'looks partly masked: use the whole token'],
  [/ /, 'contains a space: check how it was copied'],
];

/** @returns the reason why the text cannot be a token, as the end of a sentence about it; `null` if it can be one */
export function tokenProblem(text: string): string | null {
  if (text.trim() !== text) return 'begins or ends with white space: remove it';
  if (MASKED.test(text)) return 'is masked: use the original text';
  if (NO_VALUES.has(text.toLowerCase()))
    return `is the word "${text}", which means that there is no value`;
  if (text.length > 1 && QUOTES.some((quote) => text.startsWith(quote) && text.endsWith(quote)))
    return 'is enclosed in quotes: remove them';
  if (PLACEHOLDER.test(text)) return 'is a placeholder that was not replaced';
  if (/^bearer /i.test(text)) return 'begins with "Bearer": use only the token after it';
  if (FOREIGN_ENVELOPE.test(text)) return 'is ciphertext of another system: decrypt it first';
  const outside = OUTSIDE.exec(text);
  if (outside === null) return null;
  const reason =
    outside[0] === '\u0000'
      ? 'the file may be UTF-16: save it as UTF-8'
      : 'no token or credential contains it (RFC 6749): copy the text again from its source';
  return `contains ${codePoint(outside[0])} at character ${outside.index + 1}; ${reason}`;
}

/** @returns likely mistakes in text that may be a token, each as the end of a sentence about it */
export function tokenWarnings(text: string): string[] {
  return SUSPICIONS.filter(([pattern]) => pattern.test(text)).map(([, warning]) => warning);
}

/** Formats a character as `U+200B`. */
export function codePoint(character: string): string {
  const hex = (character.codePointAt(0) ?? 0).toString(16).toUpperCase();
  return `U+${hex.padStart(4, '0')}`;
}
