/**
 * Writes the responses that a provider file describes. The examples of the file are the templates: a response has their
 * members, with new tokens, lifetimes, scopes and subjects in place of the documented ones.
 */
import {
  ACCESS_TOKEN_EXPIRY_MEMBERS,
  REFRESH_TOKEN_EXPIRY_MEMBERS,
} from '../domain/account/token-lifetime';
import type { ProviderFile } from '../providers/catalogue/provider-file';
import type { MintedGrant, WireAnswer } from './dialect';
import { type Body, memberAt, memberPut } from './file-body';
import { jsonAnswer } from './json-answer';

type Example = ProviderFile['examples']['answers'][number];

interface Template {
  example: Example;
  body: Body;
  isForm: boolean;
}

/** Returns the documented response to a request: for a refresh, with or without a new refresh token. */
function answerTemplate(
  { examples, renewal }: ProviderFile,
  of: Example['of'],
  hasRefreshToken: boolean,
): Template {
  const ranked = examples.answers.toSorted((one, other) => rank(other) - rank(one));
  const [example] = ranked;
  if (example === undefined) throw new TypeError('a provider file has an example of an answer');
  return { example, ...bodyOf(example.body) };

  function rank({ of: request, refreshToken }: Example): number {
    const isAlike = renewal !== 'refresh_token' || (refreshToken !== null) === hasRefreshToken;
    return (request === of ? 2 : 0) + (isAlike ? 1 : 0);
  }
}

export function grantedAnswer(file: ProviderFile, grant: MintedGrant): WireAnswer {
  const { answer, renewal, authorization, identity } = file;
  const of = grant.grantType ?? (grant.presentedRefreshToken === undefined ? 'code' : 'refresh');
  const { example, body, isForm } = answerTemplate(file, of, grant.refreshToken !== undefined);
  const within = (name: string) =>
    answer.tokens === undefined ? name : `${answer.tokens}.${name}`;

  memberPut(body, answer.accessToken ?? within('access_token'), grant.accessToken);
  const refreshPath = answer.refreshToken ?? within('refresh_token');
  // Some providers repeat a refresh token that stays.
  const isRepeated = file.rotation !== 'always' && memberAt(body, refreshPath) !== undefined;
  const refreshToken = grant.refreshToken ?? (isRepeated ? grant.presentedRefreshToken : undefined);
  if (renewal === 'refresh_token') memberPut(body, refreshPath, refreshToken);

  for (const path of expiryPaths(file, body)) {
    const stated = { value: memberAt(body, path), seconds: example.expiresIn };
    memberPut(body, path, likeStated(stated, grant.expiresInSeconds, answer.unit));
  }
  for (const path of refreshExpiryPaths(file, body)) {
    const stated = { value: memberAt(body, path), seconds: example.refreshExpiresIn ?? 0 };
    const seconds = refreshToken === undefined ? null : grant.refreshTokenExpiresInSeconds;
    memberPut(body, path, likeStated(stated, seconds, answer.unit));
  }

  const separator = answer.scopeSeparator ?? authorization?.scopes.separator ?? ' ';
  for (const path of [answer.scope, within('scope'), within('scopes')]) {
    const stated = path === undefined ? undefined : memberAt(body, path);
    if (path === undefined || stated === undefined || stated === null) continue;
    memberPut(body, path, Array.isArray(stated) ? [...grant.scopes] : grant.scopes.join(separator));
  }

  if (identity?.from === 'id_token' && grant.scopes.includes('openid'))
    memberPut(body, within('id_token'), idToken(identity, grant));
  if (identity?.from === 'answer') {
    const place = (path: string) =>
      memberAt(body, within(path)) === undefined ? path : within(path);
    putPerson(body, identity, grant.subject, place);
  }
  return isForm ? formAnswer(body) : jsonAnswer(200, body);
}

/** Whether a response to a code or to a refresh states when the access token expires. */
export function statesExpiry(file: ProviderFile): boolean {
  const templates = [answerTemplate(file, 'code', true), answerTemplate(file, 'refresh', true)];
  return templates.every(({ body }) => expiryPaths(file, body).length > 0);
}

/** Returns the documented refusal of this meaning, or one in the form of RFC 6749. */
export function refusalAnswer(
  { examples, errors }: ProviderFile,
  means: ProviderFile['examples']['refusals'][number]['means'] | 'unsupported_grant_type',
): WireAnswer {
  const example = examples.refusals.find((one) => one.means === means);
  if (example !== undefined) {
    const { status, headers, body } = example;
    if (typeof body !== 'string') return jsonAnswer(status, body, headers);
    return { status, headers: { 'content-type': 'text/plain', ...headers }, body };
  }
  const body: Body = { error: means };
  if (errors.path !== undefined) memberPut(body, errors.path, means);
  return jsonAnswer(STATUS[means] ?? 400, body);
}

const STATUS: Readonly<Record<string, number>> = { invalid_client: 401, rate_limited: 429 };

/** Returns the response of the call that names the person, or of a validation. */
export function personAnswer({ identity }: ProviderFile, subject: string): WireAnswer {
  const body: Body = { ok: true };
  if (identity?.from === 'request') putPerson(body, identity, subject, (path) => path);
  return jsonAnswer(200, body);
}

/** Returns the response to a dead token: the first that the file judges so, or a 401. */
export function deadTokenAnswer({ validation, answer }: ProviderFile): WireAnswer {
  const rule = validation?.judge.find(({ means }) => means === 'access_token_refused');
  const body: Body = { error: rule?.error ?? 'invalid_token' };
  const { success } = answer;
  const status = rule?.status[0] ?? 401;
  if (status < 300 && success?.equals === true) memberPut(body, success.path, false);
  return jsonAnswer(status, body);
}

function bodyOf(documented: Example['body']): { body: Body; isForm: boolean } {
  if (typeof documented !== 'string') return { body: structuredClone(documented), isForm: false };
  try {
    return { body: JSON.parse(documented), isForm: false };
  } catch {
    return { body: Object.fromEntries(new URLSearchParams(documented)), isForm: true };
  }
}

function formAnswer(body: Body): WireAnswer {
  const pairs = Object.entries(body).map(([name, value]): [string, string] => [
    name,
    String(value),
  ]);
  return {
    status: 200,
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'cache-control': 'no-store' },
    body: new URLSearchParams(pairs).toString(),
  };
}

/** The paths at which a body states the expiry of its access token. */
function expiryPaths({ answer }: ProviderFile, body: Body): string[] {
  return statedPaths(
    body,
    [answer.expiresIn, answer.expiresAt],
    ACCESS_TOKEN_EXPIRY_MEMBERS,
    answer.tokens,
  );
}

function refreshExpiryPaths({ answer }: ProviderFile, body: Body): string[] {
  return statedPaths(body, [answer.refreshExpiresIn], REFRESH_TOKEN_EXPIRY_MEMBERS, answer.tokens);
}

function statedPaths(
  body: Body,
  own: readonly (string | undefined)[],
  names: readonly string[],
  tokens: string | undefined,
): string[] {
  const usual = names.map((name) => (tokens === undefined ? name : `${tokens}.${name}`));
  const paths = new Set([...own, ...usual].filter((path) => path !== undefined));
  return [...paths].filter((path) => memberAt(body, path) !== undefined);
}

/**
 * Writes a lifetime as the example does: as text or a number, in seconds or ms, or as the time of the expiry.
 *
 * @param seconds the lifetime; `null`: the documented value stays
 */
function likeStated(
  { value, seconds: documented }: { value: unknown; seconds: number | 'endless' },
  seconds: number | null,
  unit: 's' | 'ms',
): unknown {
  const number = Number(value);
  if (seconds === null || value === null || number === 0) return value;
  const like = (one: number) => (typeof value === 'string' ? String(one) : one);
  const expiresAtMs = Date.now() + seconds * 1000;
  if (Number.isNaN(number)) return new Date(expiresAtMs).toISOString();
  // The documented lifetime tells the unit. Larger numbers are Unix times, in seconds or in ms.
  if (unit === 'ms' || number === Number(documented) * 1000) return like(seconds * 1000);
  if (number < 1e9) return like(seconds);
  return like(Math.round(number < 1e11 ? expiresAtMs / 1000 : expiresAtMs));
}

/** Writes the subject, and a label if the file names its place. Several members name the same subject. */
function putPerson(
  body: Body,
  { subject: paths, label }: { subject: string | string[]; label?: string | undefined },
  subject: string,
  place: (path: string) => string,
): void {
  if (label !== undefined) memberPut(body, place(label), labelOf(label, subject));
  for (const path of [paths].flat()) {
    const isNumber = typeof memberAt(body, place(path)) === 'number' && /^\d{1,15}$/.test(subject);
    memberPut(body, place(path), isNumber ? Number(subject) : subject);
  }
}

function labelOf(name: string, subject: string): string {
  const isEmail = /mail/i.test(name) && !subject.includes('@');
  return isEmail ? `${subject}@sandbox.example` : subject;
}

/** Its signature is a placeholder: a client may accept the TLS connection to the token endpoint as proof of origin. */
function idToken(
  { issuer, label }: { issuer?: string | undefined; label?: string | undefined },
  { subject, clientId, issuer: own, expiresInSeconds }: MintedGrant,
): string {
  const iat = Math.floor(Date.now() / 1000);
  // An issuer may contain claims, such as the tenant.
  const named = [...(issuer ?? '').matchAll(/\{(\w+)\}/g)].map(([, name = '']) => [
    name,
    'sandbox',
  ]);
  const claims = {
    ...Object.fromEntries(named),
    ...(label !== undefined && { [label]: labelOf(label, subject) }),
    iss: (issuer ?? own).replace(/\{\w+\}/g, 'sandbox'),
    aud: clientId,
    sub: subject,
    iat,
    exp: iat + (expiresInSeconds ?? 3600),
  };
  return [{ alg: 'RS256', kid: 'sandbox' }, claims, 'none']
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
}
