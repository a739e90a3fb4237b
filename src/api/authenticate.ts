/** Who is asking: a bearer API key, or the internal trigger's own header. What they may is each route's to say. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createMiddleware } from 'hono/factory';
import type { Principal, Scope } from '../store/api-keys';
import type { ApiDependencies, ApiEnv } from './dependencies';
import { ApiError } from './errors';

/** Sets the principal, or refuses. */
export function authenticate({
  store,
  configuredKeys,
}: Pick<ApiDependencies, 'store' | 'configuredKeys'>) {
  const configured = configuredKeys.map(({ key, principal }) => ({
    digest: sha256(key),
    principal,
  }));
  return createMiddleware<ApiEnv>(async (c, next) => {
    const bearer = /^Bearer +(\S+) *$/i.exec(c.req.header('authorization') ?? '')?.[1];
    const presented = bearer ?? c.req.header('x-internal-api-key');
    if (presented === undefined) {
      throw new ApiError('unauthenticated', 'Send an API key: Authorization: Bearer <key>.');
    }
    // Digests are of one length, and all are compared: the time tells nothing of which key was nearly right.
    const digest = sha256(presented);
    let principal: Principal | null = null;
    for (const candidate of configured)
      if (timingSafeEqual(candidate.digest, digest)) principal = candidate.principal;
    principal ??= await store.apiKeys.verify(presented);
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

/** Lets through whoever has the scope; `admin` may also read. */
export function requireScope(scope: Scope) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    const { scopes } = c.get('principal');
    if (!scopes.includes(scope) && !(scope === 'read' && scopes.includes('admin'))) {
      throw new ApiError('forbidden', `This key lacks the scope "${scope}".`);
    }
    await next();
  });
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
