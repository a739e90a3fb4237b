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
    if (key === 'authorization') shown[key] = `${value.split(' ', 1)[0] ?? ''} <masked>`;
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
  let shown = text;
  for (const secret of secrets) {
    if (secret.length === 0) continue;
    for (const form of new Set([secret, encodeURIComponent(secret)]))
      shown = shown.split(form).join('<masked>');
  }
  shown = shown.replace(/[\w\-.~+/=^#%]{24,}/g, (run) => (looksLikeToken(run) ? '<masked>' : run));
  shown = printable(shown);
  return shown.length > FREE_TEXT_MAX ? `${shown.slice(0, FREE_TEXT_MAX)}…` : shown;
}

function looksLikeToken(run: string): boolean {
  return (
    /\d/.test(run) &&
    /[A-Za-z]/.test(run) &&
    !/^https?:/.test(run) &&
    !/^[a-z]+([-_./][a-z]+)+$/.test(run)
  );
}

function printable(text: string): string {
  // C0 and C1 controls and bidirectional overrides could rewrite a terminal or forge a log line.
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, ' ');
}
