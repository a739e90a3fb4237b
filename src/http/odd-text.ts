/**
 * Refuses text that MongoDB or Temporal cannot store, in queries and JSON bodies of every route: NUL characters and
 * lone surrogates. Without this check they would fail inside a driver, as an internal error.
 */
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { ServiceError } from '../domain/service-error';
import { visible } from '../domain/text/visible-text';
import type { ApiEnv } from './env';
import { isJson } from './media-type';

const NAME_MAX = 64;
/** Levels of nesting that the check follows; far more would overflow the stack. */
const DEPTH_MAX = 100;

/** Applies {@link refuseOddQuery} to every request. */
export const refuseOddQueries = createMiddleware<ApiEnv>(async (c, next) => {
  refuseOddQuery(c);
  await next();
});

/**
 * Also refuses parameter names such as `provider[$ne]`: if they were ignored, the list would not be filtered.
 * @throws {ServiceError} `invalid_request`
 */
export function refuseOddQuery(c: Context): void {
  for (const [name, values] of Object.entries(c.req.queries())) {
    if (!/^[a-z][a-z0-9_]*$/.test(name)) {
      const shown = visible(name).slice(0, NAME_MAX);
      throw new ServiceError(
        'invalid_request',
        `${shown}: unknown parameter. The parameters of all routes are in /openapi.json.`,
      );
    }
    for (const value of values) requireStorable(value, name);
  }
}

/** A body that is not JSON is left to the route, which reports what is wrong with it. */
export const refuseOddBodies = createMiddleware<ApiEnv>(async (c, next) => {
  if (isJson(c)) {
    const text = await c.req.text();
    // In JSON both appear only as escapes, which most bodies lack.
    if (/\\u(?:0000|d[89a-f])/i.test(text)) requireStorableMembers(parsed(text), '');
  }
  await next();
});

/** @throws {ServiceError} `invalid_request` */
export function requireStorable(text: string, name: string): void {
  const problem = text.includes('\0')
    ? 'contains the control character U+0000'
    : /\p{Surrogate}/u.test(text)
      ? 'contains half of a surrogate pair'
      : null;
  if (problem !== null)
    throw new ServiceError('invalid_request', `${name || 'body'}: ${problem}. Remove it.`);
}

function requireStorableMembers(value: unknown, name: string, depth = 0): void {
  if (typeof value === 'string') requireStorable(value, name);
  if (typeof value !== 'object' || value === null) return;
  if (depth > DEPTH_MAX) {
    const problem = `is nested more than ${DEPTH_MAX} levels deep. Send a flatter value.`;
    throw new ServiceError('invalid_request', `${name || 'body'}: ${problem}`);
  }
  for (const [key, member] of Object.entries(value)) {
    requireStorable(key, name);
    // Shows the outermost name, which the route's schema declares; deeper names may come from the caller.
    requireStorableMembers(member, name || visible(key).slice(0, NAME_MAX), depth + 1);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
