/** Authentication by a bearer API key or JWT, or by the internal trigger's header. Each route authorizes. */
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
      'Send an API key or a JWT: Authorization: Bearer <key or JWT>.',
    );
  }
  const principal = await authenticator(presented, addressOf(c));
  if (bearer !== undefined) return principal;
  if (!principal.scopes.includes('internal')) {
    throw new ServiceError(
      'unauthenticated',
      'X-Internal-API-Key takes a key with the scope "internal" only.',
    );
  }
  // The header opens the internal trigger and nothing else, whatever else the key may do.
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

/** Spread into a route: requires one of the scopes, and documents them. */
export function forScope(...scopes: Scopes) {
  return {
    middleware: requireScope(...scopes),
    security: scopes.map((scope) => ({ bearer: [scope] })),
  };
}
