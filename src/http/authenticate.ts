/** Authentication by a bearer API key or JWT, or by the internal trigger's header. Each route authorizes its callers. */
import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { Principal, Scope, Scopes } from '../domain/access/principal';
import { demandScope, hasScope } from '../domain/access/principal';
import { ServiceError } from '../domain/service-error';
import type { Authenticator } from '../services/access/authenticator';
import { addressOf } from './address';
import type { ApiEnv } from './env';

/** Sets the principal, or refuses the request. */
export function authenticate(authenticator: Authenticator) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    c.set('principal', await principalOf(c, authenticator));
    await next();
  });
}

/** @throws {ServiceError} `unauthenticated`, and what the authenticator throws */
export async function principalOf(
  c: Context<ApiEnv>,
  authenticator: Authenticator,
): Promise<Principal> {
  const bearer = bearerOf(c);
  const presented = bearer ?? c.req.header('x-internal-api-key');
  if (presented === undefined) {
    throw new ServiceError(
      'unauthenticated',
      'The request has no API key and no JWT. Send one: Authorization: Bearer <key or JWT>.',
    );
  }
  const principal = await authenticator(presented, addressOf(c));
  if (bearer !== undefined) return principal;
  if (!principal.scopes.includes('internal')) {
    throw new ServiceError(
      'unauthenticated',
      'The key in X-Internal-API-Key lacks the scope "internal". Use a key that has it.',
    );
  }
  // The header gives access to the internal trigger only, even if the key has more scopes.
  return { ...principal, scopes: ['internal'] };
}

/** The bearer credential: an API key or a JWT. */
function bearerOf(c: Context): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(headerOf(c, 'authorization') ?? '')?.[1];
}

/** Reads Node's headers directly if there is a socket, because Hono would build an object of all headers first. */
function headerOf(c: Context, name: string): string | undefined {
  const bindings: Partial<HttpBindings> | undefined = c.env;
  if (bindings?.incoming === undefined) return c.req.header(name);
  const value = bindings.incoming.headers[name];
  return typeof value === 'string' ? value : undefined;
}

/**
 * Whether the caller of a long request may continue. Only a refusal ends the request: while the store is unreachable,
 * it is unknown whether the key was revoked.
 */
export async function isStillAllowed(
  c: Context<ApiEnv>,
  authenticator: Authenticator,
  scope: Scope,
): Promise<boolean> {
  try {
    const { organisation } = c.get('principal');
    const principal = await authenticator(bearerOf(c) ?? '');
    return hasScope(principal, scope) && principal.organisation === organisation;
  } catch (error) {
    return !(error instanceof ServiceError && error.code === 'unauthenticated');
  }
}

/** Requires one of the scopes. */
export function requireScope(...scopes: Scopes) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    demandScope(c.get('principal'), ...scopes);
    await next();
  });
}

/** Requires one of the scopes, and documents them. Spread it into a route. */
export function forScope(...scopes: Scopes) {
  return {
    middleware: requireScope(...scopes),
    security: scopes.map((scope) => ({ bearer: [scope] })),
  };
}
