/** Who is asking: a bearer API key or JWT, or the internal trigger's own header. What they may is each route's to say. */
import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { Principal, Scope } from '../store/api-keys';
import { addressOf } from './address';
import type { Authenticator } from './authenticator';
import type { ApiEnv } from './dependencies';
import { ApiError, challenge } from './errors';

/** Sets the principal, or refuses. */
export function authenticate(authenticator: Authenticator) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    const bearer = bearerOf(c);
    const presented = bearer ?? c.req.header('x-internal-api-key');
    if (presented === undefined) {
      throw new ApiError(
        'unauthenticated',
        'Send an API key or a JWT: Authorization: Bearer <key or JWT>.',
      );
    }
    const principal = await authenticator(presented, addressOf(c));
    if (bearer === undefined && !principal.scopes.includes('internal')) {
      throw new ApiError(
        'unauthenticated',
        'X-Internal-API-Key takes a key with the scope "internal" only.',
      );
    }
    // The header opens the internal trigger and nothing else, whatever else the key may do.
    c.set('principal', bearer === undefined ? { ...principal, scopes: ['internal'] } : principal);
    await next();
  });
}

/** What came as a bearer: an API key or a JWT. */
export function bearerOf(c: Context): string | undefined {
  return presentedBearer(headerOf(c, 'authorization'));
}

export function presentedBearer(authorization: string | undefined): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
}

/** As Node has it, where there is a socket: the library makes an object of all headers before it tells one. */
function headerOf(c: Context, name: string): string | undefined {
  const bindings: Partial<HttpBindings> | undefined = c.env;
  if (bindings?.incoming === undefined) return c.req.header(name);
  const value = bindings.incoming.headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** Whether the scope is among a principal's; `admin` may also read. */
export function hasScope({ scopes }: Principal, scope: Scope): boolean {
  return scopes.includes(scope) || (scope === 'read' && scopes.includes('admin'));
}

/** Lets through whoever has the scope. */
export function requireScope(scope: Scope) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    if (!hasScope(c.get('principal'), scope)) {
      c.header('WWW-Authenticate', `${challenge('insufficient_scope')}, scope="${scope}"`);
      throw new ApiError('forbidden', `This key or JWT lacks the scope "${scope}".`);
    }
    await next();
  });
}

/** Spread into a route: lets through whoever has the scope, and has the document say so. */
export function forScope(scope: Scope) {
  return { middleware: requireScope(scope), security: [{ bearer: [scope] }] };
}
