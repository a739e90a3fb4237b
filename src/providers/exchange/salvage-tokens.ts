/** Finds the tokens in any 2xx response, however malformed: it may hold the only copy of a rotated refresh token. */
import {
  type AnswerMembers,
  type Level,
  levelAtPath,
  type Members,
  readAnswer,
} from './answer-members';

export interface SalvagedTokens {
  accessToken: string | null;
  refreshToken: string | null;
  /** All members of the object with the tokens. The tokens have their RFC 6749 names. */
  members: Members;
  /** The end of the response is missing, and with it possibly a token. */
  isIncomplete: boolean;
  /** Warnings about the response. They contain names of members, never values. */
  warnings: string[];
}

/** The names under which a response may have its tokens. */
export const TOKEN_NAMES = {
  access_token: ['access_token', 'accessToken'],
  refresh_token: ['refresh_token', 'refreshToken'],
} as const;

/** A warning names a member only if its name consists of a few words. */
const NAME = /^[a-z]+(?:_?[a-z]+){0,3}$/i;

/**
 * Finds the tokens: in the outermost object, as RFC 6749 defines, otherwise one level down, preferably in an object
 * with both tokens. Never combines tokens of two objects, because they may be two grants.
 * @param tokenPath the configured place of the tokens
 * @param isCut whether the end of the body is missing
 * @returns `null` if the response has no token
 */
export function salvageTokens(
  text: string,
  tokenPath: string | null = null,
  isCut = false,
): SalvagedTokens | null {
  const answer = readAnswer(text, isCut);
  const configured = tokenPath === null ? null : levelAtPath(answer, tokenPath);
  const expected = configured !== null && hasToken(configured) ? configured : null;
  const level = expected ?? bestLevel(answer);
  if (level === null) return null;
  const accessToken = tokenOf(level, 'access_token');
  const refreshToken = tokenOf(level, 'refresh_token');
  const { form } = answer;
  return {
    accessToken,
    refreshToken,
    isIncomplete: isCut || (form === 'fragments' && isUnclosed(text)),
    members: {
      ...level.members,
      ...(accessToken === null ? {} : { access_token: accessToken }),
      ...(refreshToken === null ? {} : { refresh_token: refreshToken }),
    },
    warnings: [
      ...(form === 'form' ? ['the answer is a form, not JSON'] : []),
      ...(answer.isArray ? ['the answer is an array, not an object'] : []),
      ...(form === 'fragments'
        ? ['the answer is not complete JSON; Evergrant could read only its tokens']
        : []),
      ...(tokenPath !== null && expected === null
        ? [`the answer has no tokens at the configured tokenPath; the tokens are ${place(level)}`]
        : []),
      ...(tokenPath === null && level.path !== '' ? [`the tokens are ${place(level)}`] : []),
      ...(hasProperNames(level) ? [] : ['the tokens are not named access_token and refresh_token']),
      ...(expected === null && answer.levels.filter(hasToken).length > 1
        ? [
            'several objects of the answer contain tokens; if Evergrant took the wrong one, set tokenPath',
          ]
        : []),
    ],
  };
}

/** Whether more objects begin than end. Junk around a whole object is no sign of a missing end. */
function isUnclosed(text: string): boolean {
  return text.split('{').length > text.split('}').length;
}

/** Returns every token of a response, used or not, so that all of them are masked. */
export function tokensIn(text: string): string[] {
  return readAnswer(text).levels.flatMap((level) =>
    [tokenOf(level, 'access_token'), tokenOf(level, 'refresh_token')].filter(
      (token) => token !== null,
    ),
  );
}

function bestLevel({ levels }: AnswerMembers): Level | null {
  const withAccess = levels.filter((level) => tokenOf(level, 'access_token') !== null);
  return (
    withAccess.find((level) => level.path === '') ??
    withAccess.find((level) => tokenOf(level, 'refresh_token') !== null) ??
    withAccess[0] ??
    levels.find(hasToken) ??
    null
  );
}

function hasToken(level: Level): boolean {
  return tokenOf(level, 'access_token') !== null || tokenOf(level, 'refresh_token') !== null;
}

function tokenOf({ members }: Level, kind: keyof typeof TOKEN_NAMES): string | null {
  for (const name of TOKEN_NAMES[kind]) {
    const value = Object.hasOwn(members, name) ? members[name] : undefined;
    if (typeof value === 'string' && value.length > 0) return value;
  }
  return null;
}

function hasProperNames(level: Level): boolean {
  return !['accessToken', 'refreshToken'].some(
    (name, at) =>
      typeof level.members[name] === 'string' &&
      typeof level.members[['access_token', 'refresh_token'][at] ?? ''] !== 'string',
  );
}

function place({ path }: Level): string {
  if (path === '') return 'in its outermost object';
  return NAME.test(path) ? `in "${path}" of the answer` : 'in a member of the answer';
}
