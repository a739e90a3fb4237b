/** Who is asking: a bearer API key, or the internal trigger's own header. What they may is each route's to say. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createMiddleware } from 'hono/factory';
import type { Principal, Scope } from '../store/api-keys';
import type { ApiDependencies, ApiEnv } from './dependencies';
import { ApiError } from './errors';

export type PrincipalOf = (presented: string) => Promise<Principal | null>;

/** Answers whose a presented key is, or `null`: it is none of ours. */
export function createPrincipalOf({
  store,
  configuredKeys,
}: Pick<ApiDependencies, 'store' | 'configuredKeys'>): PrincipalOf {
  const configured = configuredKeys.map(({ key, principal }) => ({
    digest: sha256(key),
    principal,
  }));
  return async (presented) => {
    // Digests are of one length, and all are compared: the time tells nothing of which key was nearly right.
    const digest = sha256(presented);
    let principal: Principal | null = null;
    for (const candidate of configured)
      if (timingSafeEqual(candidate.digest, digest)) principal = candidate.principal;
    return principal ?? (await store.apiKeys.verify(presented));
  };
}

/** Sets the principal, or refuses. */
export function authenticate(principalOf: PrincipalOf) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    const bearer = /^Bearer +(\S+) *$/i.exec(c.req.header('authorization') ?? '')?.[1];
    const presented = bearer ?? c.req.header('x-internal-api-key');
    if (presented === undefined) {
      throw new ApiError('unauthenticated', 'Send an API key: Authorization: Bearer <key>.');
    }
    const principal = await principalOf(presented);
    if (principal === null)
      throw new ApiError('unauthenticated', 'This API key is not known (revoked, or mistyped?).');
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

/** Whether the scope is among a principal's; `admin` may also read. */
export function hasScope({ scopes }: Principal, scope: Scope): boolean {
  return scopes.includes(scope) || (scope === 'read' && scopes.includes('admin'));
}

/** Lets through whoever has the scope. */
export function requireScope(scope: Scope) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    if (!hasScope(c.get('principal'), scope)) {
      throw new ApiError('forbidden', `This key lacks the scope "${scope}".`);
    }
    await next();
  });
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
