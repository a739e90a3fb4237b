/** The id of a request, which its log lines, audit entries and response share. */
import { randomUUID } from 'node:crypto';
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { ApiEnv } from './env';

export const REQUEST_ID_HEADER = 'x-request-id';

/** Sets the id of the request and its response. */
export const requestId = createMiddleware<ApiEnv>(async (c, next) => {
  c.header(REQUEST_ID_HEADER, identify(c));
  await next();
});

/** Sets the id of the request: the id that the caller sent if it is valid, otherwise a new one. */
export function identify(c: Context<ApiEnv>): string {
  const given = c.req.header(REQUEST_ID_HEADER);
  const id = given !== undefined && /^[\w\-=]{1,255}$/.test(given) ? given : randomUUID();
  c.set('requestId', id);
  return id;
}
