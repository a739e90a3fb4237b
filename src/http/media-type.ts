/** The media type of a request, which decides how its body is read. */
import type { Context } from 'hono';

/** In lower case and without parameters; empty if the request has none. */
export function mediaTypeOf(c: Context): string {
  return (c.req.header('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/**
 * Accepts the types that Hono's validator parses as JSON: a check of JSON bodies must see every body that a route
 * takes.
 */
export function isJson(c: Context): boolean {
  return /^application\/(?:[\w.-]+\+)?json$/.test(mediaTypeOf(c));
}
