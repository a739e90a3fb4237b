/**
 * Reads the meaning of a refusal from its text if the error code is misleading or unknown. Servers refuse a dead
 * refresh token as `unauthorized_client` or `invalid_request`, and a wrong secret as `unauthorized_client`.
 *
 * Text that may be about the OAuth app is never read as a dead grant. Otherwise one wrong setting would make every
 * account need a reconnect.
 */
import type { RefreshFailureCode } from './refresh-failure';

export type RefusalReading = Extract<
  RefreshFailureCode,
  'invalid_grant' | 'invalid_client' | 'too_early' | 'rate_limited'
>;

/** @returns `null` if the text does not change the meaning of the error code */
export function readRefusalText(text: string): RefusalReading | null {
  const plain = plainWords(text);
  if (TOO_EARLY.test(plain)) return 'too_early';
  if (THROTTLED.test(plain)) return 'rate_limited';
  // "Invalid client or refresh token" names two possible causes, so the error code decides.
  if (WRONG_CLIENT.test(plain)) return NAMES_REFRESH_TOKEN.test(plain) ? null : 'invalid_client';
  if (ABOUT_THE_CLIENT.test(plain)) return null;
  return DEAD_GRANT.test(plain) ? 'invalid_grant' : null;
}

/**
 * Converts `BAD_REFRESH_TOKEN`, `InvalidRefreshToken` and `refresh_token is invalid.` to lower-case words between
 * single blanks. A `|` separates sentences, so that the patterns do not combine a subject and a fault of different
 * sentences.
 */
function plainWords(text: string): string {
  return text
    .slice(0, TEXT_MAX)
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .replace(/n['’]t\b/g, ' not')
    .replace(/[.;!?]\s+(?=\S)/g, '|')
    .replace(/[^a-z\d|]+/g, ' ')
    .replaceAll('|', ' | ')
    .replace(/ {2,}/g, ' ')
    .trim();
}

/** Maximum length, in characters, that is read. Longer texts are HTML pages, not messages. */
const TEXT_MAX = 1_000;

/** Exact Online: "Rate limit exceeded: access_token not expired". */
const TOO_EARLY =
  /\baccess token (?:is |has |was )?(?:still (?:valid|active|alive)|not (?:yet |been )?expired)\b|\btoo early to refresh\b/;

/** Microsoft sends AADSTS50196 (a request loop) as `invalid_grant`, but the grant still works. */
const THROTTLED =
  /\bclient request loop\b|\bencountered a loop\b|\btoo many (?:\w+ )?requests?\b|\b(?:rate|request|call) ?limit(?:s|ed|ing)?\b|\bquota (?:has been |was |is )?exceeded\b|\bthrottl(?:ed|ing)\b|\bslow down\b/;

const WRONG_CLIENT =
  /\b(?:invalid|bad|wrong|incorrect|unknown) (?:oauth2? )?client(?: (?:credentials?|secret|id|identifier|authentication))?\b(?! (?:request|scope|session))|\bclient (?:credentials?|secret|id|identifier|authentication|assertion)(?: \w+){0,4} (?:invalid|incorrect|wrong|failed|mismatch|expired|not (?:match|valid|found))\b|\bclient was not identified\b/;

const NAMES_REFRESH_TOKEN = /\brefresh ?tokens?\b/;

/** A token of another client may also mean a wrong client id, so the error code decides. */
const ABOUT_THE_CLIENT =
  /\bfor (?:this|the|your) (?:client|app|application)\b|\bclient (?:credentials?|secret|id|identifier|authentication)\b/;

const FAULT_BEFORE =
  'invalid|not valid|bad|expired|revoked|unknown|incorrect|wrong|stale|inactive|malformed|no such|reused|(?:already|previously) used|unrecogni[sz]ed|no valid|requires? an? (?:active|valid)';
const FILLING =
  '(?: (?:or|and|missing|the|a|an|your|provided|supplied|given|presented|oauth2?|user|offline|expired|revoked|inactive))*';
const FAULT_AFTER =
  'invalid|not valid|no longer valid|expired|revoked|inactive|not active|no longer active|incorrect|unknown|malformed|not (?:been )?found|could not be found|not exist|already (?:been )?used|been used|consumed|stale|not recogni[sz]ed|blacklisted|deleted|terminated|not have required client';
/** Words allowed between a subject and its fault. None of them begins another clause. */
const BETWEEN =
  '(?: (?:is|was|has|have|had|does|do|did|can|could|be|been|passed|provided|supplied|given|you|the|your|either|or|and|in|this|request|now|already|longer|no))*?';
/** Nouns that a subject may qualify. The fault then concerns the request or the app. */
const NOUNS =
  'grants?|flows?|types?|parameters?|fields?|rotation|scopes?|requests?|endpoint|urls?|uri|headers?|body|format|method|client|policy|calls?';
/** Words before a subject that make another noun the subject, as in "signature of the refresh token". */
const OF_ANOTHER = ['type', 'parameter', 'of', 'for', 'with', 'to', 'by', 'using'].flatMap((word) =>
  ['', ' the', ' a', ' an', ' your', ' this'].map((article) => `(?<!\\b${word}${article} )`),
);
const REFRESH_TOKEN = `refresh ?token(?! (?:${NOUNS})\\b)s?(?! (?:${NOUNS})\\b)`;
const SESSION = '(?:user |offline |client |sso |auth )*session(?! (?:key|cookie|token))';
const GRANT = `(?<!\\b(?:token|consent|permission|admin|tenant|app|application|resource) )(?:authori[sz]ation )?(?<!\\btoken authori[sz]ation )grant(?! (?:${NOUNS})\\b)`;
const SUBJECT = `(?:${REFRESH_TOKEN}|${SESSION}|${GRANT})`;

const DEAD_GRANT = new RegExp(
  `\\b(?:${FAULT_BEFORE})${FILLING} ${SUBJECT}\\b|\\b${OF_ANOTHER.join('')}${SUBJECT}${BETWEEN} (?:${FAULT_AFTER})\\b`,
);
