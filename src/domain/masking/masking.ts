/** Masks secrets to a short prefix or a placeholder. Applied when an entry is written, never when it is read. */
import { visible } from '../text/visible-text';

/** Maximum number of characters shown of a secret: enough to distinguish `v^1.1#` from `ENC:`, too few to use. */
const PREFIX_MAX = 6;
/** A secret shorter than this, in characters, is not shown at all, because six characters would be too much of it. */
const SECRET_MIN_FOR_PREFIX = 20;

/** Formats a secret as `v^1.1#… (1834 characters)`: enough to distinguish stored, decrypted and sent values. */
export function prefix(secret: string): string {
  const shown = secret.length >= SECRET_MIN_FOR_PREFIX ? secret.slice(0, PREFIX_MAX) : '';
  return `${visible(shown)}… (${secret.length} characters)`;
}

/** Returns the prefix of a stored value. Its envelope contains the version and the key id, which are not secret. */
export function storedPrefix(stored: string): string {
  const envelope = /^ENC:v\d+:[\w.-]{1,32}:/.exec(stored);
  return envelope ? `${envelope[0]}…` : prefix(stored);
}

/** Members of a token request or response that are shown unmasked. An allow-list, so unknown members are masked. */
const PLAIN_MEMBERS = new Set([
  'grant_type',
  'scope',
  'token_type',
  'expires_in',
  'expires_at',
  'expires_on',
  'refresh_token_expires_in',
  'refresh_expires_in',
  'x_refresh_token_expires_in',
  'error',
  'error_uri',
  'client_id',
]);
const PLAIN_HEADERS = new Set([
  'accept',
  'accept-encoding',
  'cache-control',
  'content-encoding',
  'content-length',
  'content-type',
  'date',
  'retry-after',
  'user-agent',
  'x-ebay-c-request-id',
  'x-request-id',
  'rlogid',
]);
/** Maximum length of a provider's free text, in characters; longer text is cut. */
const FREE_TEXT_MAX = 200;

/**
 * Masks one member of a form or JSON body.
 * @param secrets live values that must not appear in the result
 */
export function maskMember(name: string, value: unknown, secrets: readonly string[]): unknown {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return value;
  if (typeof value !== 'string') return '<masked>';
  if (PLAIN_MEMBERS.has(name) || name === 'error_description') return maskFreeText(value, secrets);
  return prefix(value);
}

export function maskHeaders(
  headers: Iterable<readonly [string, string]>,
  secrets: readonly string[],
): Record<string, string> {
  const shown: Record<string, string> = {};
  for (const [name, value] of headers) {
    const key = name.toLowerCase();
    // Only known schemes are shown: another first word may be part of the secret.
    if (key === 'authorization')
      shown[key] = `${/^(?:Basic|Bearer|DPoP)(?= )/i.exec(value)?.[0] ?? ''} <masked>`.trimStart();
    else
      shown[key] = PLAIN_HEADERS.has(key)
        ? maskFreeText(value, secrets)
        : `<masked> (${value.length} characters)`;
  }
  return shown;
}

/**
 * Makes a provider's free text safe to store and show: removes live secrets and token-like runs, replaces line breaks
 * with blanks, escapes invisible characters (such as terminal escapes), and cuts at 200 characters.
 */
export function maskFreeText(text: string, secrets: readonly string[]): string {
  let shown = withoutSecrets(text, secrets).replace(/[\t\n\v\f\r]+/g, ' ');
  // Searches again, because a blank in place of a line break can complete a part of a secret that contains a blank.
  shown = withoutSecrets(shown, secrets);
  shown = shown.replace(/[\w\-.~+/=^#%]{24,}/g, (run) => (looksLikeToken(run) ? '<masked>' : run));
  // Must come last, because escape sequences would hide the beginning of a secret from the search.
  shown = visible(shown);
  return shown.length > FREE_TEXT_MAX ? `${shown.slice(0, FREE_TEXT_MAX)}…` : shown;
}

/** Longest part of a name that is shown, in characters. */
const NAME_PART_MAX = 2;
/** Maximum length of an e-mail domain that is shown, in characters. */
const DOMAIN_MAX = 100;

/**
 * Masks the name of a person or shop: `ha…@example.com`, `ha…`. An administrator can recognise the name, and a reader of
 * the stored text does not learn it.
 */
export function maskName(name: string): string {
  const at = name.lastIndexOf('@');
  const domain = at === -1 ? '' : name.slice(at, at + DOMAIN_MAX);
  const local = Array.from(at === -1 ? name : name.slice(0, at));
  const shown = local.slice(0, Math.min(NAME_PART_MAX, Math.floor(local.length / 2))).join('');
  return visible(`${shown}…${domain}`);
}

/** A text that shares this many consecutive characters with a secret is masked there. */
const SECRET_PART = 8;

/** Removes every part that a text shares with a secret, in plain or URL-encoded form. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  const parts = new Set<string>();
  let left = text;
  for (const form of secrets.flatMap(formsOf)) {
    if (form.length > 0 && form.length < SECRET_PART) left = left.split(form).join('<masked>');
    for (let at = 0; at + SECRET_PART <= form.length; at += 1)
      parts.add(form.slice(at, at + SECRET_PART));
  }
  const isPart = (at: number) => parts.has(left.slice(at, at + SECRET_PART));
  let shown = '';
  for (let at = 0; at < left.length; ) {
    if (!isPart(at)) {
      shown += left[at];
      at += 1;
      continue;
    }
    let end = at + SECRET_PART;
    for (let next = at + 1; next <= end; next += 1) if (isPart(next)) end = next + SECRET_PART;
    shown += '<masked>';
    at = end;
  }
  return shown;
}

/** Returns the secret in plain, URL-encoded and form-encoded form, with upper-case and lower-case hex digits. */
function formsOf(secret: string): string[] {
  // `encodeURIComponent` throws on an unpaired surrogate.
  const inUrl = encodeURIComponent(secret.replace(/\p{Surrogate}/gu, '\ufffd'));
  const inForm = new URLSearchParams({ secret }).toString().slice('secret='.length);
  const small = [inUrl, inForm].map((form) =>
    form.replace(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase()),
  );
  return [...new Set([secret, inUrl, inForm, ...small])];
}

function looksLikeToken(run: string): boolean {
  return (
    /\d/.test(run) &&
    /[A-Za-z]/.test(run) &&
    !/^https?:/.test(run) &&
    !/^[a-z]+([-_./][a-z]+)+$/.test(run)
  );
}
