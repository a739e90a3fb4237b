/** Compares responses with /openapi.json. Undocumented members are errors, and so are missing members. */

export interface Schema {
  $ref?: string;
  type?: string | string[];
  description?: string;
  enum?: unknown[];
  const?: unknown;
  format?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  items?: Schema;
  allOf?: Schema[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  minimum?: number;
  maximum?: number;
  example?: unknown;
}

interface Content {
  content?: Record<string, { schema: Schema; example?: unknown }>;
}

interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  description?: string;
  schema: Schema;
}

export interface Operation {
  summary?: string;
  operationId?: string;
  tags?: string[];
  security?: Record<string, string[]>[];
  parameters?: Parameter[];
  requestBody?: Content;
  responses: Record<string, Content & { description: string }>;
}

export interface OpenApiDocument {
  openapi: string;
  info: { title: string; version: string };
  security?: Record<string, string[]>[];
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: {
    schemas: Record<string, Schema>;
    securitySchemes: Record<string, { type: string }>;
  };
}

/** Every documented operation, as `GET /path/{id}`. */
export function operationsOf(
  document: OpenApiDocument,
): { name: string; method: string; path: string; operation: Operation }[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      method: method.toUpperCase(),
      path,
      operation,
    })),
  );
}

/** @returns how a response differs from the document; nothing for a path that the document lacks */
export function contractProblems(
  document: OpenApiDocument,
  method: string,
  path: string,
  answer: { status: number; body: unknown },
): string[] {
  const found = operationsOf(document).find(
    (one) => one.method === method && pattern(one.path).test(path),
  );
  if (found === undefined) return [];
  const response = found.operation.responses[String(answer.status)];
  if (response === undefined) return [`${found.name} does not document status ${answer.status}`];
  const schema = response.content?.['application/json']?.schema;
  if (schema === undefined && response.content !== undefined)
    return typeof answer.body === 'string' ? [] : [`${found.name} is to answer as text`];
  if (schema === undefined)
    return answer.body === null ? [] : [`${found.name} documents no body for ${answer.status}`];
  return problems(document, schema, answer.body, `${found.name} ${answer.status}`);
}

export function resolve(document: OpenApiDocument, schema: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  const target = document.components.schemas[schema.$ref.replace('#/components/schemas/', '')];
  if (target === undefined) throw new Error(`${schema.$ref} refers to no schema`);
  return resolve(document, target);
}

function pattern(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`);
}

/** @returns how a value differs from its schema */
export function problems(
  document: OpenApiDocument,
  given: Schema,
  value: unknown,
  at: string,
  known: readonly string[] = [],
): string[] {
  const schema = resolve(document, given);
  const members = [...known, ...memberNames(document, schema)];
  const found: string[] = [];
  for (const part of schema.allOf ?? [])
    found.push(...problems(document, part, value, at, members));
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives !== undefined) {
    const attempts = alternatives.map((one) => problems(document, one, value, at, known));
    if (!attempts.some((one) => one.length === 0)) found.push(...attempts.flat());
  }
  if (schema.type !== undefined && ![schema.type].flat().includes(typeOf(value, schema.type)))
    return [...found, `${at} is ${typeOf(value, '')}, not ${[schema.type].flat().join(' or ')}`];
  if (schema.enum !== undefined && value !== null && !schema.enum.includes(value))
    found.push(`${at} is none of ${schema.enum.join(', ')}`);
  if (schema.const !== undefined && value !== schema.const)
    found.push(`${at} is not ${JSON.stringify(schema.const)}`);
  found.push(...boundProblems(schema, value, at));
  if (schema.format === 'date-time' && typeof value === 'string' && !isUtcTime(value))
    found.push(`${at} is no ISO 8601 UTC time`);
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries())
      if (schema.items) found.push(...problems(document, schema.items, item, `${at}[${index}]`));
  } else if (typeof value === 'object' && value !== null) {
    found.push(...objectProblems(document, schema, value as Record<string, unknown>, at, members));
  }
  return found;
}

function boundProblems(schema: Schema, value: unknown, at: string): string[] {
  const {
    minLength,
    maxLength,
    minItems = minLength,
    maxItems = maxLength,
    minimum,
    maximum,
  } = schema;
  const sized = typeof value === 'string' || Array.isArray(value);
  const [least, most] = sized ? [minItems, maxItems] : [minimum, maximum];
  const size = sized ? value.length : value;
  if (typeof size !== 'number') return [];
  if (size < (least ?? size)) return [`${at} is below ${least}`];
  return size > (most ?? size) ? [`${at} is above ${most}`] : [];
}

function objectProblems(
  document: OpenApiDocument,
  schema: Schema,
  value: Record<string, unknown>,
  at: string,
  known: readonly string[],
): string[] {
  const missing = (schema.required ?? []).filter((name) => !(name in value));
  const found = missing.map((name) => `${at}.${name} is missing`);
  for (const [name, member] of Object.entries(value)) {
    const own = schema.properties?.[name];
    if (own !== undefined) found.push(...problems(document, own, member, `${at}.${name}`));
    else if (typeof schema.additionalProperties === 'object')
      found.push(...problems(document, schema.additionalProperties, member, `${at}.${name}`));
    else if (schema.properties !== undefined && !known.includes(name))
      found.push(`${at}.${name} is not documented`);
  }
  return found;
}

function memberNames(document: OpenApiDocument, given: Schema): string[] {
  const schema = resolve(document, given);
  return [
    ...Object.keys(schema.properties ?? {}),
    ...(schema.allOf ?? []).flatMap((part) => memberNames(document, part)),
  ];
}

function typeOf(value: unknown, wanted: string | string[]): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number' && [wanted].flat().includes('integer') && Number.isInteger(value))
    return 'integer';
  return typeof value;
}

function isUtcTime(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text) && !Number.isNaN(Date.parse(text));
}
