/** Explains in plain words where a provider file does not have its form, with the field, the problem and the remedy. */
import type { z } from 'zod';
import { providerJsonSchema } from './json-schema';

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** Longest given value that a problem repeats, in characters. */
const SHOWN_MAX = 40;

/** Names of types, as a writer of YAML knows them. */
const TYPES: Readonly<Record<string, string>> = {
  object: 'a map of members',
  record: 'a map of names and values',
  array: 'a list',
  string: 'text; put it in quotes if it is a number or a date',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

/** Returns one text per problem, as `field: problem`. `raw` is the file before it was checked. */
export function schemaProblems({ issues }: z.ZodError, raw: unknown): string[] {
  return issues.flatMap((issue) => explained(issue, [], raw));
}

function explained(issue: Issue, above: Path, raw: unknown): string[] {
  const path = [...above, ...issue.path];
  const given = valueAt(raw, path);
  if (given === undefined && issue.code !== 'unrecognized_keys')
    return [`${shownPath(path)}: is missing; add it${help(path)}`];
  if (issue.code === 'unrecognized_keys') {
    const { members, variant } = membersAt(path, given);
    const known = members.length === 0 ? '' : `; its members are ${members.join(', ')}`;
    return issue.keys.map(
      (key) =>
        `${shownPath([...path, key])}: ${shownPath(path)}${variant} has no such member; correct the name or remove it${known}`,
    );
  }
  if (issue.code === 'invalid_union' && issue.message === 'Invalid input') {
    // The branch of the given type explains more than the others, which expect another type.
    const [branch] = issue.errors.filter((errors) =>
      errors.every((one) => one.path.length > 0 || !isOtherType(one)),
    );
    if (branch !== undefined) return branch.flatMap((one) => explained(one, path, raw));
    const choices = new Set(issue.errors.flatMap((errors) => errors.map(wanted)));
    return [`${shownPath(path)}: must be ${[...choices].join(', or ')}${not(given)}${help(path)}`];
  }
  // The given value is not repeated: it may contain a password.
  if (issue.code === 'custom' && !issue.message.startsWith('must be '))
    return [`${shownPath(path)}: ${issue.message}`];
  if (issue.code === 'invalid_key')
    return [
      `${shownPath(path)}: the name must be ${issue.issues.map(wanted).join(', ')}; correct the name`,
    ];
  return [`${shownPath(path)}: must be ${wanted(issue)}${not(given)}`];
}

/** Completes "must be …". */
function wanted(issue: Issue): string {
  const own = /^must be ([^]*?)(?:, not .*)?$/.exec(issue.message)?.[1];
  if (own !== undefined) return own;
  switch (issue.code) {
    case 'invalid_type':
      return TYPES[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return oneOf(issue.values.map(String));
    case 'too_small':
      return issue.origin === 'array' ? 'a list with an entry' : 'filled';
    case 'too_big':
      return `at most ${issue.maximum}`;
    case 'invalid_format':
      if (issue.format === 'date') return 'a date such as 2026-11-30';
      if (issue.format === 'url') return 'a URL such as https://docs.example.com/oauth';
      return `text of the form ${issue.pattern ?? issue.format}`;
    case 'invalid_union':
      return oneOf(
        issue.message
          .replace(/^.*Expected /, '')
          .replaceAll("'", '')
          .split(' | '),
      );
    case 'invalid_key':
      return `a map in which each name is ${issue.issues.map(wanted).join(', ')}`;
    case 'custom':
    case 'invalid_element':
    case 'not_multiple_of':
    case 'unrecognized_keys':
      return `of another form (${issue.message})`;
  }
}

function oneOf(values: readonly string[]): string {
  return values.length > 1
    ? `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`
    : values.join('');
}

function isOtherType({ code }: Issue): boolean {
  return code === 'invalid_type' || code === 'invalid_value';
}

function not(given: unknown): string {
  const shown = JSON.stringify(given) ?? 'nothing';
  // A URL may contain a password.
  return shown.length > SHOWN_MAX || /:\/\/[^/]*@/.test(shown) ? '' : `, not ${shown}`;
}

function shownPath(path: Path): string {
  return path.length === 0 ? 'the file' : path.map(String).join('.');
}

function valueAt(raw: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, name) => (isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined),
    raw,
  );
}

function help(path: Path): string {
  const text = schemasAt(path).find(({ description }) => typeof description === 'string');
  return typeof text?.['description'] === 'string' ? `. ${text['description']}` : '';
}

/** The members of a map. Of several variants, those of the given one, which is named by its fixed member, such as `from`. */
function membersAt(path: Path, given: unknown): { members: string[]; variant: string } {
  const maps = schemasAt(path)
    .map(({ properties }) => properties)
    .filter(isObject);
  const isGiven = (properties: Schema) =>
    fixedMembers(properties).every(([name, value]) => valueAt(given, [name]) === value);
  const chosen = maps.filter(isGiven);
  const fixed = chosen.flatMap(fixedMembers).map(([name, value]) => `${name}: ${String(value)}`);
  return {
    members: [...new Set(chosen.flatMap((properties) => Object.keys(properties)))],
    variant: fixed.length === 0 ? '' : ` with ${fixed.join(', ')}`,
  };
}

/** The members that have one possible value, with this value. */
function fixedMembers(properties: Schema): [string, unknown][] {
  return Object.entries(properties).flatMap(([name, schema]): [string, unknown][] =>
    isObject(schema) && 'const' in schema ? [[name, schema['const']]] : [],
  );
}

/** Explains a name that no field has, such as `token.urll`. `null`: a field has this name. */
export function fieldNameProblem(name: string): string | null {
  const path = name.split('.');
  const at = path.findIndex((_part, end) => schemasAt(path.slice(0, end + 1)).length === 0);
  if (at === -1) return null;
  const above = path.slice(0, at);
  const members = schemasAt(above).flatMap(({ properties }) =>
    isObject(properties) ? Object.keys(properties) : [],
  );
  const known =
    above.length === 0 || members.length === 0
      ? ''
      : `; the members of ${above.join('.')} are ${[...new Set(members)].join(', ')}`;
  return `is not a field of the form; correct the name or remove it${known}`;
}

type Schema = Record<PropertyKey, unknown>;

/** Built once: each file that is read looks up its names. */
let jsonSchema: Schema | undefined;

/** The parts of the JSON Schema that describe a member. */
function schemasAt(path: Path): Schema[] {
  const whole = (jsonSchema ??= providerJsonSchema());
  const alternatives = (schema: unknown): Schema[] => {
    if (!isObject(schema)) return [];
    const { $ref: reference, ...own } = schema;
    const target =
      typeof reference === 'string' ? valueAt(whole, reference.split('/').slice(1)) : undefined;
    const others = [target, ...listOf(schema['anyOf']), ...listOf(schema['oneOf'])];
    return [own, ...others.flatMap(alternatives)];
  };
  return path.reduce<Schema[]>(
    (schemas, name) =>
      schemas.flatMap(({ properties, additionalProperties, items }) => [
        ...(isObject(properties) && Object.hasOwn(properties, name)
          ? alternatives(properties[name])
          : []),
        ...alternatives(additionalProperties),
        ...(typeof name === 'number' ? alternatives(items) : []),
      ]),
    alternatives(whole),
  );
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null;
}
