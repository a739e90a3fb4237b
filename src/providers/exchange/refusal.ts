/** Extracts error codes and texts from a refusal, in the formats of many authorization servers, and interprets them. */
import { maskFreeText } from '../../domain/masking/masking';
import {
  knownProviderErrorCode,
  type RefreshFailureCode,
} from '../../domain/refresh/refresh-failure';
import { type RefusalReading, readRefusalText } from '../../domain/refresh/refusal-text';
import type { Provider, Refusal } from '../provider';
import { type Members, parseObject, readAnswer, valueAt } from './answer-members';

/** The error codes and texts in one object of a response. */
interface Words {
  words: string[];
  texts: string[];
  /** The object names an error, not only a status next to other members. */
  isError: boolean;
}

/** Members that hold an error code. The standard's comes first. */
const CODE_MEMBERS = [
  'error',
  'error_code',
  'errorCode',
  'ErrorCode',
  'errcode',
  'errorType',
  'code',
  'error_codes',
] as const;

/** Members that hold an error code within an error object. */
const ERROR_OBJECT_MEMBERS = [...CODE_MEMBERS, 'errorcode', 'type', 'status', 'reason', 'name'];

const TEXT_MEMBERS = [
  'error_description',
  'errorDescription',
  'error_message',
  'errorMessage',
  'errmsg',
  'message',
  'msg',
  'description',
  'detail',
  'title',
  'faultstring',
  'Error',
] as const;

/** Values that mean "no error". */
const NO_ERROR = /^(?:ok|success(?:ful)?|succeeded|true|false|none|null|0|200)$/i;
/** A status that reports an error without naming it. */
const SOME_ERROR = /^(?:error|fail(?:ed|ure)?)$/i;

/** Maximum number of error codes read. */
const WORDS_MAX = 8;

/**
 * Reads the refusal in a response. A 4xx with an error, a code or a status is a refusal; a 2xx only if it names an
 * error, because the provider may have refreshed.
 * @param path the member with the error code, if the adapter states one
 * @returns `null` if the response does not come from an authorization server
 */
export function readRefusal(status: number, body: string, path?: string): Refusal | null {
  const stated = path === undefined ? undefined : valueAt(parseObject(body) ?? {}, path);
  if (typeof stated === 'string' || typeof stated === 'number') {
    const { words, texts } = wordsOf(parseObject(body) ?? {}, status);
    return { status, words: [...new Set([String(stated), ...words])], texts };
  }
  for (const { members } of readAnswer(body).levels) {
    const { words, texts, isError } = wordsOf(members, status);
    const state = own(members, 'status');
    const isRefusal =
      isError ||
      (status >= 400 &&
        (words.length > 0 ||
          typeof state === 'string' ||
          // An RFC 9457 error: a numeric status with a title or a detail.
          (typeof state === 'number' && texts.length > 0))) ||
      readingOf({ words, texts }) !== null;
    if (isRefusal) return { status, words, texts };
  }
  return null;
}

/** Returns the failure code of a refusal. Codes of the adapter or the configuration take precedence over the texts. */
export function failureCodeOf(
  refusal: Refusal,
  { adapter, failureCodes }: Pick<Provider, 'adapter' | 'failureCodes'>,
): RefreshFailureCode {
  const { words } = refusal;
  const named =
    adapter.failureCode?.(refusal) ??
    firstNamed(words, failureCodes) ??
    firstNamed(words, adapter.failureCodes);
  if (named !== undefined) return named;
  const standard = words.map(knownProviderErrorCode).find((code) => code !== undefined);
  const reading = readingOf(refusal);
  if (standard === undefined) return reading ?? 'unrecognized_error';
  if (reading === null || (CERTAIN.has(standard) && !PASSING.has(reading))) return standard;
  return reading;
}

export function refusalDetail({ words, texts }: Refusal, secrets: readonly string[]): string {
  const parts = [[...new Set(words)].join(', '), [...new Set(texts)].join(' ')];
  return maskFreeText(parts.filter((part) => part !== '').join(': '), secrets);
}

/** Codes that servers use as the standard defines them. A text that names another fault only explains them. */
const CERTAIN: ReadonlySet<RefreshFailureCode> = new Set<RefreshFailureCode>([
  'invalid_grant',
  'invalid_client',
  'invalid_scope',
  'unsupported_grant_type',
  'provider_unavailable',
]);

/** Transient readings override even a certain code, because Microsoft throttles with `invalid_grant`. */
const PASSING: ReadonlySet<RefusalReading> = new Set<RefusalReading>(['too_early', 'rate_limited']);

function readingOf({ words, texts }: Pick<Refusal, 'words' | 'texts'>): RefusalReading | null {
  const readings = [...texts, ...words].map(readRefusalText).filter((one) => one !== null);
  // Exact Online's text for `too_early` also names a rate limit.
  return readings.find((one) => one === 'too_early') ?? readings[0] ?? null;
}

function firstNamed(
  words: readonly string[],
  codes: Readonly<Record<string, RefreshFailureCode>>,
): RefreshFailureCode | undefined {
  const word = words.find((one) => Object.hasOwn(codes, one));
  return word === undefined ? undefined : codes[word];
}

function wordsOf(members: Members, status: number): Words {
  const found: Words = { words: [], texts: [], isError: false };
  for (const name of CODE_MEMBERS) addCode(found, own(members, name), status);
  for (const error of listOf(own(members, 'errors'))) addError(found, error, status);
  addError(found, objectOf(own(members, 'fault')), status);
  found.isError =
    found.words.length > 0 ||
    found.texts.length > 0 ||
    own(members, 'error') === true ||
    own(members, 'ok') === false ||
    own(members, 'success') === false;
  const state = own(members, 'status');
  if (typeof state !== 'string' || !SOME_ERROR.test(state)) addWord(found, state, status);
  for (const name of TEXT_MEMBERS) addText(found, own(members, name));
  found.words.splice(WORDS_MAX);
  return found;
}

function addCode(found: Words, value: unknown, status: number): void {
  if (Array.isArray(value))
    for (const one of value.slice(0, WORDS_MAX)) addWord(found, one, status);
  else if (typeof value === 'object') addError(found, value, status);
  else addWord(found, value, status);
}

function addWord(found: Words, value: unknown, status: number): void {
  if (typeof value !== 'string' && typeof value !== 'number') return;
  const word = String(value).trim();
  if (word === '' || word === String(status) || NO_ERROR.test(word)) return;
  // A sentence in a code member is kept as a code, because it can be configured in `errorCodes`.
  found.words.push(word);
}

function addError(found: Words, value: unknown, status: number): void {
  if (typeof value === 'string') addWord(found, value, status);
  const error = objectOf(value);
  if (error === null) return;
  for (const name of ERROR_OBJECT_MEMBERS) addWord(found, own(error, name), status);
  for (const name of TEXT_MEMBERS) addText(found, own(error, name));
  const detail = objectOf(own(error, 'detail'));
  if (detail !== null)
    for (const name of ERROR_OBJECT_MEMBERS) addWord(found, own(detail, name), status);
}

function addText(found: Words, value: unknown): void {
  if (typeof value === 'string' && value.trim() !== '') found.texts.push(value.trim());
}

function own(members: Members, name: string): unknown {
  return Object.hasOwn(members, name) ? members[name] : undefined;
}

function listOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value.slice(0, WORDS_MAX);
  return typeof value === 'object' && value !== null ? [value] : [];
}

function objectOf(value: unknown): Members | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
}
