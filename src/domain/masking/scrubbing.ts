/**
 * Scrubs everything before it is logged: secret members by name, live secrets by value, and tokens by their shape.
 * Members known to be harmless are exempt from the search for token-like text.
 */
import { withoutSecrets } from './masking';
import { secretsIn } from './secret';

const MASKED = '<masked>';
const DEPTH_MAX = 8;

/** Members that are always masked, in any case style and depth: `refreshToken`, `client_secret`, `Set-Cookie`. */
const SECRET_MEMBER =
  /(?:^|_)(?:token|secret|password|passphrase|authorization|cookie|assertion|credentials?|private_key|api_key|encryption_keys?|code_verifier)$/;

/** Members that hold ids and names of Evergrant's own. Only live secrets and known token formats are removed. */
const PLAIN_MEMBERS = new Set([
  'account_id',
  'action',
  'audit_head',
  'activity_type',
  'at',
  'connect_session_id',
  'environment',
  'key_id',
  'level',
  'log_entry_id',
  'name',
  'organisation',
  'outcome',
  'provider',
  'request_id',
  'requested_by',
  'row_id',
  'run_id',
  'schedule_id',
  'sdk_component',
  'source',
  'time',
  'trace_id',
  'workflow_id',
  'workflow_run_id',
  'workflow_type',
]);

export function scrub(value: unknown, member = '', depth = 0): unknown {
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return value;
  const name = snakeCase(member);
  if (SECRET_MEMBER.test(name) || depth > DEPTH_MAX) return MASKED;
  if (typeof value === 'string')
    return PLAIN_MEMBERS.has(name) ? withoutKnown(value) : scrubText(value);
  if (Array.isArray(value)) return value.map((one) => scrub(one, member, depth + 1));
  if (typeof value !== 'object') return MASKED;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [scrubText(key), scrub(one, key, depth + 1)]),
  );
}

export function scrubText(text: string): string {
  const unknown = withoutKnown(text);
  // Most logged texts are a word or a number; this skips the slower search for them.
  const left = BETWEEN.test(unknown)
    ? unknown.replace(PAIR, (_pair, name: string, between: string) => `${name}${between}${MASKED}`)
    : unknown;
  return left.length < RUN_MIN
    ? left
    : left.replace(RUN, (run) => (isHarmless(run) ? run : MASKED));
}

/** Converts `refreshToken` and `Refresh-Token` to `refresh_token`. */
function snakeCase(name: string): string {
  if (/^[a-z0-9_]*$/.test(name)) return name;
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('-', '_')
    .toLowerCase();
}

/** Removes live secrets and text in a known token format. */
function withoutKnown(text: string): string {
  const secrets = secretsIn(text);
  const left = secrets.length === 0 ? text : withoutSecrets(text, secrets);
  return ANY_SHAPE.test(left)
    ? SHAPES.reduce((shown, shape) => shown.replace(shape, MASKED), left)
    : left;
}

/** Token formats of providers, issuers and Evergrant that nothing else matches. */
const SHAPES = [
  /v\^1\.1#[^\s"'\\&,;]{8,}/g, // eBay
  /evg_[0-9a-f]{16}_[\w-]{8,}/g, // our API keys
  // JWTs. Each match stops at the next `eyJ`; otherwise a text made of `eyJ` would take quadratic time.
  /eyJ(?:(?!eyJ)[\w-]){8,}\.[\w-]+(?:\.[\w-]*)?/g,
  /\bya29\.[\w-]{8,}/g, // Google
  /\b1\/\/0[\w-]{8,}/g, // Google
  /\bGOCSPX-[\w-]{8,}/g, // Google
  /\bshp(?:at|rt|ca|pa|ss|ua)_\w{8,}/g, // Shopify
  /\bwhsec_[\w+/=-]{8,}/g, // Standard Webhooks
  /\b(?:Bearer|Basic) +[\w\-.~+/=^#%]{8,}/gi,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?/g,
];
/** One combined search, because almost no text contains any of the formats. */
const ANY_SHAPE = new RegExp(SHAPES.map(({ source }) => source).join('|'), 'i');

/**
 * Matches `refresh_token=…` in a form and `"refresh_token":"…"` in JSON, at any level of quoting. The lookbehind avoids
 * quadratic time, because it allows a match to start only at the beginning of a name.
 */
const PAIR =
  /(?<![\w-])([\w-]*(?:token|secret|password|passphrase|assertion|api_?key|code_verifier))((?:=|\\*["']\s*[:=]\s*\\*["']))(?!<masked>)[^\s"'\\&,;]+/gi;

/** A pair contains one of these. */
const BETWEEN = /[=:]/;

const RUN_MIN = 20;
/** A run of this length without blanks, with letters and digits, is taken for a token. */
const RUN = /[\w\-.~+/=^#%]{20,}/g;
const ID = '(?:(?:acc|dlv|whk)_[0-9a-f]{24}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})';
/** Ids of accounts, runs, log entries and events, and of workflows named after them. */
const OWN_ID = new RegExp(
  `^(?:[a-z-]{1,24}[/_]){0,2}${ID}(?:[/.-](?:\\w{1,12}|(?:validate-)?${ID})|_[a-z_]{1,40}_\\d{13}(?:/${ID})?)?$`,
);
const NAME = '[a-z][a-z0-9]{0,15}(?:-[a-z0-9]{1,16})*';
/** `sweep/ebay-2026-11-29T22`, up to the first colon of its time, which ends a run; `app/ebay/production`. */
const PROVIDER_ID = new RegExp(
  `^(?:sweep|app|apply-policy)/${NAME}(?:-\\d{4}-\\d\\d-\\d\\dT\\d\\d|/${NAME})?$`,
);
const WORDS = /^[a-z]+(?:[-_./=][a-z]+)*$/i;
/** A path, or the rest of a URL after its scheme: short lower-case segments. */
const PATH = /^\.{0,2}\/{1,2}[a-z0-9]{1,16}(?:[/._-]{1,2}[a-z0-9]{1,16})*[/._-]?$/;

function isHarmless(run: string): boolean {
  if (!/\d/.test(run) || !/[A-Za-z]/.test(run)) return !/^\d{20,}$/.test(run);
  return OWN_ID.test(run) || PROVIDER_ID.test(run) || WORDS.test(run) || PATH.test(run);
}
