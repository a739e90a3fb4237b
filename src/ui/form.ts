/** The fields of a submitted form, as text. */
import { ServiceError } from '../domain/service-error';
import { requireStorable } from '../http/odd-text';
import type { UiContext } from './env';

/** All values of a field, such as those of checkboxes. */
export async function formValues(c: UiContext, name: string): Promise<string[]> {
  const values = (await c.req.formData()).getAll(name);
  const texts = values.filter((value): value is string => typeof value === 'string');
  for (const text of texts) requireStorable(text, name);
  return texts;
}

/** All values of all fields. */
export async function allFormValues(c: UiContext): Promise<Readonly<Record<string, string[]>>> {
  const names = Object.keys(await formFields(c));
  const values = await Promise.all(names.map((name) => formValues(c, name)));
  return Object.fromEntries(names.map((name, at) => [name, values[at] ?? []]));
}

/** @throws {ServiceError} `invalid_request` if the body is not a form, or holds text that cannot be stored */
export async function formFields(c: UiContext): Promise<Readonly<Record<string, string>>> {
  let body: Record<string, unknown>;
  try {
    body = await c.req.parseBody();
  } catch {
    throw new ServiceError(
      'invalid_request',
      'The form is unreadable. Reload the page and send the form again.',
    );
  }
  const fields = Object.entries(body).filter(
    (field): field is [string, string] => typeof field[1] === 'string',
  );
  for (const [name, value] of fields) requireStorable(value, name);
  return Object.fromEntries(fields);
}
