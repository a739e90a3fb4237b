/** Reads submitted forms, and turns refusals into problems beside their fields. */
import type { z } from '@hono/zod-openapi';
import { type ErrorCode, ServiceError } from '../domain/service-error';
import { apiErrorOf, STATUS } from '../http/errors';
import { requireStorable } from '../http/odd-text';
import type { UiContext } from './env';
import { fieldOf } from './form-fields';
import { isFragment } from './guard';

/** The values of a form, by field; checkboxes of one name have several. */
export type FormValues = Readonly<Record<string, readonly string[]>>;

/** The values of a form, and why they were refused. */
export interface FormState {
  values: FormValues;
  /** Problems of fields, as sentences. */
  problems: ReadonlyMap<string, string>;
  /** A problem that belongs to no field. */
  problem: string | null;
}

export const EMPTY_FORM: FormState = { values: {}, problems: new Map(), problem: null };

/** All values of a field, such as those of checkboxes. */
export async function formValues(c: UiContext, name: string): Promise<string[]> {
  const values = (await readForm(c)).getAll(name);
  const texts = values.filter((value): value is string => typeof value === 'string');
  for (const value of texts) requireStorable(value, name);
  return texts;
}

/** All values of all fields. */
export async function allFormValues(c: UiContext): Promise<FormValues> {
  const names = Object.keys(await formFields(c));
  const values = await Promise.all(names.map((name) => formValues(c, name)));
  return Object.fromEntries(names.map((name, at) => [name, values[at] ?? []]));
}

/**
 * The values of fields that are sent once.
 * @throws {ServiceError} `invalid_request` if the body is not a form, or holds text that cannot be stored
 */
export async function formFields(c: UiContext): Promise<Readonly<Record<string, string>>> {
  const fields: Record<string, string> = {};
  for (const [name, value] of await readForm(c)) {
    if (typeof value !== 'string') continue;
    requireStorable(value, name);
    fields[name] = value;
  }
  return fields;
}

/** The file of a field; `null`: none was chosen. */
export async function formFile(c: UiContext, name: string): Promise<File | null> {
  const file = (await readForm(c)).get(name);
  return file instanceof File && file.size > 0 ? file : null;
}

/** The submitted values that may be shown again: no secrets and no files. */
export async function shownAgain(c: UiContext): Promise<FormValues> {
  const values: Record<string, string[]> = {};
  for (const [name, value] of await readForm(c)) {
    const { kind } = fieldOf(name);
    if (typeof value === 'string' && (kind === 'text' || kind === 'kept'))
      (values[name] ??= []).push(value);
  }
  return values;
}

/**
 * The filter of the list on which "all that match" was chosen.
 * @throws {ServiceError} `invalid_request` without it, because then all objects would match
 */
export function shownFilter(fields: Readonly<Record<string, string>>): string {
  const filter = fields['filter'];
  if (filter === undefined)
    throw new ServiceError(
      'invalid_request',
      'The filter is missing. Open the list and try again.',
    );
  return filter;
}

/** The names of the submitted fields, whatever their kind. */
export async function formNames(c: UiContext): Promise<string[]> {
  return [...new Set((await readForm(c)).keys())];
}

async function readForm(c: UiContext): Promise<FormData> {
  try {
    return await c.req.formData();
  } catch {
    throw new ServiceError(
      'invalid_request',
      'The form is unreadable. Reload the page and send the form again.',
    );
  }
}

/** A refused form, with a sentence per field. */
class RefusedForm extends ServiceError {
  override name = 'RefusedForm';
  readonly problems: ReadonlyMap<string, string>;
  constructor(problems: ReadonlyMap<string, string>) {
    super(
      'invalid_request',
      [...problems].map(([name, text]) => `${fieldOf(name).label}: ${text}`).join(' '),
    );
    this.problems = problems;
  }
}

/** @throws {RefusedForm} with sentences for people */
export function parsedForm<T extends z.ZodType>(schema: T, given: unknown): z.infer<T> {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const problems = new Map<string, string>();
  for (const issue of parsed.error.issues) {
    const name = fieldName(issue.path);
    if (!problems.has(name)) problems.set(name, issueSentence(issue));
  }
  throw new RefusedForm(problems);
}

/** `policy.jitter` of its path; a place in a list belongs to the field of the list. */
function fieldName(path: readonly PropertyKey[]): string {
  return path.filter((part) => typeof part === 'string').join('.');
}

function issueSentence(issue: z.core.$ZodIssue): string {
  if (issue.code === 'too_small' && issue.origin === 'array') return 'Choose at least one.';
  if (issue.code === 'too_small' && issue.origin === 'string') return 'Enter a value.';
  if (issue.code === 'invalid_type' && issue.input === undefined) return 'Enter a value.';
  if (issue.code === 'too_big' && issue.origin === 'string')
    return `Enter at most ${String(issue.maximum)} characters.`;
  return sentence(issue.message);
}

/** A member and its problem, as services write them: `external_id: is not …`. */
const MEMBER = /^([a-z_]+(?:\.[a-z_]+)*): (.+)$/s;

/** A warning of a service as a sentence, with the label of its field: `Refresh token: contains a space.` */
export function warningSentence(warning: string): string {
  const [, name, text] = MEMBER.exec(warning) ?? [];
  return name === undefined || text === undefined
    ? sentence(warning)
    : sentence(`${fieldOf(name).label}: ${text}`);
}

/** The form with the problems of a refusal. */
export function refusedState(values: FormValues, error: unknown): FormState {
  if (error instanceof RefusedForm) return { values, problems: error.problems, problem: null };
  const { message } = apiErrorOf(error);
  const [, name, text] = MEMBER.exec(message) ?? [];
  return name === undefined || text === undefined || fieldOf(name).label === name
    ? { values, problems: new Map(), problem: message }
    : { values, problems: new Map([[name, sentence(text)]]), problem: null };
}

function sentence(text: string): string {
  const begun = `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

/** Refusals that a person can correct in the form. */
const CORRECTABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'invalid_request',
  'forbidden',
  'unknown_provider',
  'conflict',
  'grant_refused',
  'no_consent_flow',
  'still_running',
]);
/** Failures after which the same form can be sent again. */
const REPEATABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'database_unavailable',
  'temporal_unavailable',
  'audit_unavailable',
]);

export function isCorrectable(error: unknown): boolean {
  return CORRECTABLE.has(apiErrorOf(error).code);
}

export function isRepeatable(error: unknown): boolean {
  return REPEATABLE.has(apiErrorOf(error).code);
}

/** Runs the action of a form. If it is refused, shows the form again, with its problems and what was typed. */
export async function actOrShowAgain(
  c: UiContext,
  act: () => Promise<Response>,
  show: (state: FormState, status: (typeof STATUS)[ErrorCode]) => Promise<Response>,
): Promise<Response> {
  try {
    return await act();
  } catch (error) {
    // A fragment shows the message as a notice, and the form stays as it is.
    if (!isCorrectable(error) || isFragment(c)) throw error;
    return show(refusedState(await shownAgain(c), error), STATUS[apiErrorOf(error).code]);
  }
}
