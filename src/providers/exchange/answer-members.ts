/**
 * Parses a response body into members, in all formats that token endpoints use: JSON, a form, JSON within a member or
 * an array, and what remains of a truncated body. It does not judge the content.
 */

export type Members = Readonly<Record<string, unknown>>;

export interface Level {
  /** Names of the enclosing members, joined by dots. Empty for the outermost object. */
  path: string;
  members: Members;
}

export interface AnswerMembers {
  /** `fragments`: no complete object, only single members. */
  form: 'json' | 'form' | 'fragments';
  isArray: boolean;
  /** The outermost object first, then the objects in its members. */
  levels: Level[];
}

/** @param isCut whether the end of the body is missing, so that its last member may be incomplete */
export function readAnswer(text: string, isCut = false): AnswerMembers {
  const body = jsonOf(text);
  const isArray = Array.isArray(body);
  const top = objectIn(body);
  if (top !== null)
    return { form: 'json', isArray, levels: [{ path: '', members: top }, ...within(top)] };
  const elements = isArray ? body.flatMap((one, at) => levelAt(String(at), one)) : [];
  if (elements.length > 0) return { form: 'json', isArray, levels: elements };
  const form = formMembers(text, isCut);
  const members = form ?? scanTokens(text);
  return {
    form: form === null ? 'fragments' : 'form',
    isArray: false,
    levels: [{ path: '', members }],
  };
}

/** Returns the object at a path such as `data` or `data.token`, or `null` if there is none. */
export function levelAtPath({ levels }: Pick<AnswerMembers, 'levels'>, path: string): Level | null {
  let members: Members | null = levels.find((level) => level.path === '')?.members ?? null;
  for (const name of path.split('.'))
    members = members !== null && Object.hasOwn(members, name) ? objectIn(members[name]) : null;
  return members === null ? null : { path, members };
}

/** Returns the value at member names joined by dots. */
export function valueAt(members: Members, path: string): unknown {
  const names = path.split('.');
  const last = names.pop() ?? '';
  const level =
    names.length === 0
      ? members
      : levelAtPath({ levels: [{ path: '', members }] }, names.join('.'))?.members;
  return level !== undefined && Object.hasOwn(level, last) ? level[last] : undefined;
}

/** Parses a body as a JSON object, or returns `null`. */
export function parseObject(text: string): Record<string, unknown> | null {
  const body = jsonOf(text);
  return isObject(body) ? { ...body } : null;
}

function within(top: Members): Level[] {
  // No server uses `__proto__` as a member.
  const named = Object.entries(top).filter(([name]) => name !== '__proto__');
  return named.flatMap(([name, value]) => levelAt(name, value));
}

function levelAt(path: string, value: unknown): Level[] {
  const members = objectIn(value);
  return members === null ? [] : [{ path, members }];
}

/** Reads an object, also as the only element of an array or as JSON in text. */
function objectIn(value: unknown): Members | null {
  if (Array.isArray(value)) return value.length === 1 && isObject(value[0]) ? value[0] : null;
  if (typeof value === 'string') return /^\s*\{/.test(value) ? parseObject(value) : null;
  return isObject(value) ? value : null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    return undefined;
  }
}

/** Name and value pairs only. A form would encode other characters, such as the blanks of an HTML page. */
const PAIR = String.raw`[\w.~[\]-]{1,100}=[^\s<>"{}&]*`;
const FORM = new RegExp(String.raw`^\s*${PAIR}(?:&(?:${PAIR})?)*\s*$`);

function formMembers(text: string, isCut: boolean): Record<string, unknown> | null {
  if (!FORM.test(text)) return null;
  const pairs = text.trim().split('&');
  // A truncated token must never replace a complete one.
  if (isCut) pairs.pop();
  return Object.fromEntries(new URLSearchParams(pairs.join('&')));
}

/**
 * Finds complete string members with tokens in a body that is not valid JSON. The refresh token must be in the same
 * object as the access token, because tokens of another object belong to another grant.
 */
function scanTokens(text: string): Record<string, unknown> {
  const [access] = stringMembers(text, 'access_token');
  const candidates = stringMembers(text, 'refresh_token').slice(0, CANDIDATES_MAX);
  const refresh = candidates.find((one) => access === undefined || isSameObject(text, access, one));
  return {
    ...(access === undefined ? {} : { access_token: access.value }),
    ...(refresh === undefined ? {} : { refresh_token: refresh.value }),
  };
}

/** Maximum number of refresh tokens tried in a malformed body. Each one scans the text in between. */
const CANDIDATES_MAX = 20;

interface Found {
  from: number;
  to: number;
  value: unknown;
}

function stringMembers(text: string, name: string): Found[] {
  const pattern = new RegExp(`"${name}"\\s*:\\s*("(?:[^"\\\\]|\\\\.)*")`, 'g');
  return [...text.matchAll(pattern)].flatMap((match) => {
    const value = jsonOf(match[1] ?? '');
    if (typeof value !== 'string') return [];
    return [{ from: match.index, to: match.index + match[0].length, value }];
  });
}

/** Whether the braces between two members are balanced. */
function isSameObject(text: string, one: Found, other: Found): boolean {
  const [first, last] = one.from < other.from ? [one, other] : [other, one];
  const between = text.slice(first.to, last.from).replace(/"(?:[^"\\]|\\.)*"/g, '');
  let depth = 0;
  for (const character of between) {
    if (character === '{') depth += 1;
    if (character === '}') depth -= 1;
    if (depth < 0) return false;
  }
  return depth === 0;
}
