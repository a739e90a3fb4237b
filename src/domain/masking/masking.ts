/** What may be shown of a secret: a short prefix, or a placeholder. Applied when an entry is written, never later. */

/** At most this many characters of a secret are ever shown: enough to tell `v^1.1#` from `ENC:`, too few to use. */
const PREFIX_MAX = 6;
/** A secret shorter than this is not shown at all: six characters would be too large a part of it. */
const SECRET_MIN_FOR_PREFIX = 20;

/** `v^1.1#… (1834 characters)`; what is stored, decrypted or sent can be told apart by it, and no more (R1.7). */
export function prefix(secret: string): string {
  const shown = secret.length >= SECRET_MIN_FOR_PREFIX ? secret.slice(0, PREFIX_MAX) : '';
  return `${printable(shown)}… (${secret.length} characters)`;
}

/** The prefix of a stored value: its envelope names version and key id, which are no secrets. */
export function storedPrefix(stored: string): string {
  const envelope = /^ENC:v\d+:[\w.-]{1,32}:/.exec(stored);
  return envelope ? `${envelope[0]}…` : prefix(stored);
}

/** Members of a token request or answer that may be shown as they are: an allow-list, so that a new one is masked. */
const PLAIN_MEMBERS = new Set([
  'grant_type',
  'scope',
  'token_type',
  'expires_in',
  'refresh_token_expires_in',
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
/** Free text of a provider: shown, cut, and without anything that was in the request or looks like a token. */
const FREE_TEXT_MAX = 200;

/** One member of a form or JSON body, as it may be shown. `secrets` are the live values that must not come through. */
export function maskMember(name: string, value: unknown, secrets: readonly string[]): unknown {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return value;
  if (typeof value !== 'string') return '<masked>';
  if (PLAIN_MEMBERS.has(name) || name === 'error_description') return maskFreeText(value, secrets);
  return prefix(value);
}

/** Headers as they may be shown. */
export function maskHeaders(
  headers: Iterable<readonly [string, string]>,
  secrets: readonly string[],
): Record<string, string> {
  const shown: Record<string, string> = {};
  for (const [name, value] of headers) {
    const key = name.toLowerCase();
    // A scheme is shown if it is known for one: any other word may be the beginning of the secret itself.
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
 * A provider's own words, fit to be stored and shown: live secrets and token-like runs taken out, control characters
 * (line breaks and terminal escapes among them) replaced, cut at 200 characters.
 */
export function maskFreeText(text: string, secrets: readonly string[]): string {
  // Unprintable characters go first: one in the midst of a secret must not hide it from the search.
  let shown = withoutSecrets(printable(text), secrets);
  shown = shown.replace(/[\w\-.~+/=^#%]{24,}/g, (run) => (looksLikeToken(run) ? '<masked>' : run));
  return shown.length > FREE_TEXT_MAX ? `${shown.slice(0, FREE_TEXT_MAX)}…` : shown;
}

/** So many characters in a row are never shown of a secret, however much of it was quoted. */
const SECRET_PART = 8;

/** Takes out whatever a text has in common with a secret or with the forms a secret has in a URL. */
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

/** As it is, as a URL and as a form write it, with capital and with small hex digits. */
function formsOf(secret: string): string[] {
  // Half a surrogate pair has no form in a URL.
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

export function printable(text: string): string {
  // C0 and C1 controls, line separators, bidirectional and invisible characters could rewrite a terminal, forge a
  // log line or break up a secret unseen.
  const unprintable =
    // eslint-disable-next-line no-control-regex
    /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
  return text.replace(unprintable, ' ');
}
