/** The address of a list: filters with several values, time ranges, columns and the place of the page. */
import { z } from 'zod';
import { ServiceError } from '../domain/service-error';
import type { UiContext } from './env';

/** One value; of several, the last counts. */
export const single = <T extends z.ZodType>(schema: T) =>
  z.preprocess(
    (given: unknown) => (Array.isArray(given) ? given.at(-1) : given),
    schema.optional(),
  );

/** Any number of values. */
export const many = <T extends z.ZodType>(schema: T) => z.array(schema).max(MANY_MAX).optional();

/** More values per filter would make long queries; the largest known set has about 30. */
const MANY_MAX = 50;

/** A text that people enter. */
export const text = (max: number) => z.string().trim().max(max);

/** The lengths of time that a range offers, with their labels. */
const SPANS = {
  '1h': 3600_000,
  '24h': 24 * 3600_000,
  '7d': 7 * 24 * 3600_000,
  '30d': 30 * 24 * 3600_000,
  '90d': 90 * 24 * 3600_000,
} as const;
export type Span = keyof typeof SPANS;

export const span = z.enum(['1h', '24h', '7d', '30d', '90d']);

/** A time of a form or an address. A form has no time zone and means UTC. */
export const moment = z
  .string()
  .transform((given) => (/[Z+]|-\d\d:\d\d$/.test(given) ? given : `${given}Z`))
  .refine((given) => !Number.isNaN(Date.parse(given)), 'must be a time such as 2026-11-30T12:00')
  .transform((given) => new Date(given));

/** @throws {ServiceError} `invalid_request`, with the names of the invalid parameters */
export function parsedQuery<T extends z.ZodType>(c: UiContext, schema: T): z.infer<T> {
  return parsedValues(c.req.queries(), schema);
}

/** @throws {ServiceError} `invalid_request`, with the names of the invalid parameters */
export function parsedValues<T extends z.ZodType>(
  all: Readonly<Record<string, readonly string[]>>,
  schema: T,
): z.infer<T> {
  // A form also sends empty fields.
  const given = Object.entries(all).flatMap(([name, values]) => {
    const filled = values.filter((value) => value !== '');
    return filled.length === 0 ? [] : [[name, filled] as const];
  });
  const parsed = schema.safeParse(Object.fromEntries(given));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${String(path[0])}: ${message}`);
  throw new ServiceError('invalid_request', problems.join('; '));
}

export type QueryValue = string | readonly string[] | Date | undefined;

/** The address of a view, without parameters that are not set. */
export function addressOf(path: string, query: Readonly<Record<string, QueryValue>>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    for (const given of valuesOf(value)) search.append(name, given);
  const joined = search.toString();
  return joined === '' ? path : `${path}?${joined}`;
}

/** The values of a parameter, as an address has them. */
export function valuesOf(value: QueryValue): readonly string[] {
  if (value === undefined) return [];
  if (value instanceof Date) return [value.toISOString()];
  return typeof value === 'string' ? (value === '' ? [] : [value]) : value;
}

interface Range {
  from?: Date | undefined;
  to?: Date | undefined;
}

/** A range in the past, from its span or its limits. */
export function pastRange(since: Span | undefined, { from, to }: Range, now: Date): Range {
  return since === undefined ? { from, to } : { from: new Date(now.getTime() - SPANS[since]) };
}

/** A range in the future, from its span or its limits; `undefined` if it has none. */
export function aheadRange(
  within: Span | undefined,
  { from, to }: Range,
  now: Date,
): Range | undefined {
  if (within !== undefined) return { from: now, to: new Date(now.getTime() + SPANS[within]) };
  return from === undefined && to === undefined ? undefined : { from, to };
}
