/**
 * The last look at whatever is logged: members by name, living secrets by value, tokens by their shape. What is known
 * to be harmless passes by name; everything else must not look like a token.
 */
import { withoutSecrets } from './masking';
import { secretsIn } from './secret';

const MASKED = '<masked>';
const DEPTH_MAX = 8;

/** Members that are never shown, in any case and at any depth: `refreshToken`, `client_secret`, `Set-Cookie`. */
const SECRET_MEMBER =
  /(?:^|_)(?:token|secret|password|passphrase|authorization|cookie|assertion|credentials?|private_key|api_key|encryption_keys?|code_verifier)$/;

/** Members whose values are ids, names and places of ours: only what is certainly a secret is taken out of them. */
const PLAIN_MEMBERS = new Set([
  'account_id',
  'action',
  'audit_head',
  'activity_type',
  'at',
  'environment',
  'key_id',
  'level',
  'log_entry_id',
  'name',
  'organisation',
  'outcome',
  'provider',
  'request_id',
  'run_id',
  'schedule_id',
  'sdk_component',
  'source',
  'time',
  'workflow_id',
  'workflow_run_id',
  'workflow_type',
]);

/** A value as it may be logged. */
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

/** Free text as it may be logged. */
export function scrubText(text: string): string {
  const unknown = withoutKnown(text);
  // Most of what is logged is a word or a number: no search where nothing can be found.
  const left = BETWEEN.test(unknown)
    ? unknown.replace(PAIR, (_pair, name: string, between: string) => `${name}${between}${MASKED}`)
    : unknown;
  return left.length < RUN_MIN
    ? left
    : left.replace(RUN, (run) => (isHarmless(run) ? run : MASKED));
}

/** `refreshToken`, `Refresh-Token` → `refresh_token`. */
function snakeCase(name: string): string {
  if (/^[a-z0-9_]*$/.test(name)) return name;
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('-', '_')
    .toLowerCase();
}

/** Without the secrets that are alive, and without what has the form of one. */
function withoutKnown(text: string): string {
  const secrets = secretsIn(text);
  const left = secrets.length === 0 ? text : withoutSecrets(text, secrets);
  return ANY_SHAPE.test(left)
    ? SHAPES.reduce((shown, shape) => shown.replace(shape, MASKED), left)
    : left;
}

/** What providers, issuers and we ourselves make: nothing else looks so. */
const SHAPES = [
  /v\^1\.1#[^\s"'\\&,;]{8,}/g, // eBay
  /evg_[0-9a-f]{16}_[\w-]{8,}/g, // our API keys
  /eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?/g, // JWTs
  /\bya29\.[\w-]{8,}/g, // Google
  /\b1\/\/0[\w-]{8,}/g, // Google
  /\bGOCSPX-[\w-]{8,}/g, // Google
  /\bshp(?:at|rt|ca|pa|ss|ua)_\w{8,}/g, // Shopify
  /\bwhsec_[\w+/=-]{8,}/g, // Standard Webhooks
  /\b(?:Bearer|Basic) +[\w\-.~+/=^#%]{8,}/gi,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?/g,
];
/** One search in place of one for each, which nearly every text has to stand. */
const ANY_SHAPE = new RegExp(SHAPES.map(({ source }) => source).join('|'), 'i');

/** `refresh_token=…` of a form, `"refresh_token":"…"` of JSON, however often it was quoted. */
const PAIR =
  /\b([\w-]*(?:token|secret|password|passphrase|assertion|api_?key|code_verifier))((?:=|\\*["']\s*[:=]\s*\\*["']))(?!<masked>)[^\s"'\\&,;]+/gi;

/** No pair without one of them. */
const BETWEEN = /[=:]/;

const RUN_MIN = 20;
/** So long a run without a blank, with letters and digits, is taken for a token. */
const RUN = /[\w\-.~+/=^#%]{20,}/g;
const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const OWN_ID = new RegExp(
  `^(?:[a-z-]{1,24}[/_])?(?:(?:acc|dlv|whk)_[0-9a-f]{24}|${UUID})(?:[/.-]\\w{1,12})?$`,
);
const WORDS = /^[a-z]+(?:[-_./=][a-z]+)*$/i;
/** A path, or what follows the scheme of a URL: short pieces in small letters. */
const PATH = /^\.{0,2}\/{1,2}[a-z0-9]{1,16}(?:[/._-]{1,2}[a-z0-9]{1,16})*[/._-]?$/;

function isHarmless(run: string): boolean {
  if (!/\d/.test(run) || !/[A-Za-z]/.test(run)) return !/^\d{20,}$/.test(run);
  return OWN_ID.test(run) || WORDS.test(run) || PATH.test(run);
}
