/**
 * The token endpoint for a caller who was recognised a moment ago and asks for nothing odd, which is nearly every request:
 * in one step what others go a chain of middleware for, which costs more than to hand out a token. Whatever it is not sure
 * of goes the usual way, and is refused there with its sentence.
 */
import { randomUUID } from 'node:crypto';
import type { Context } from 'hono';
import { addressOf } from '../address';
import type { ApiApp } from '../app';
import { hasScope, headerOf, presentedBearer } from '../authenticate';
import type { Authenticator } from '../authenticator';
import type { ApiDependencies, ApiEnv } from '../dependencies';
import type { TokenUse, ValidTokens } from '../valid-tokens';
import { MIN_VALID_SECONDS, MIN_VALID_SECONDS_MAX, recordHandout, tokenBody } from './get-token';

interface KnownCallerDependencies extends Pick<ApiDependencies, 'handouts'> {
  authenticator: Authenticator;
  tokens: ValidTokens;
  /** What every answer of the API has. */
  headers: Promise<Readonly<Record<string, string>>>;
}

const PLAIN_URL = /^[^?]*(?:\?min_valid_seconds=(\d{1,5}))?$/;

/** To be registered before all middleware. */
export function registerKnownCallerToken(app: ApiApp, deps: KnownCallerDependencies): void {
  const { authenticator, handouts, tokens } = deps;
  let always: Readonly<Record<string, string>> | null = null;
  void deps.headers.then((headers) => (always = headers));

  function useOf(c: Context<ApiEnv, string>): TokenUse | null {
    const presented = presentedBearer(headerOf(c, 'authorization'));
    const plain = PLAIN_URL.exec(c.req.url);
    if (presented === undefined || plain === null) return null;
    const minValidSeconds = Number(plain[1] ?? MIN_VALID_SECONDS);
    if (minValidSeconds > MIN_VALID_SECONDS_MAX) return null;
    const principal = authenticator.recall(presented, addressOf(c));
    if (principal === null || !hasScope(principal, 'tokens')) return null;
    const { organisation, keyId } = principal;
    return { organisation, keyId, accountId: c.req.param('account_id') ?? '', minValidSeconds };
  }

  app.get('/api/tokens/:account_id', async (c, next) => {
    const use = useOf(c);
    if (use === null || always === null) return next();
    const requestId = requestIdOf(c);
    try {
      const token = tokens.recall(use) ?? (await tokens.get(use));
      recordHandout(handouts, use, token, requestId);
      // Plain to the end: headers that are made into an object on the way cost as much as all the rest.
      const headers = { ...always, 'x-request-id': requestId, 'content-type': 'application/json' };
      return new Response(JSON.stringify(tokenBody(token)), { headers });
    } catch (error) {
      c.set('requestId', requestId);
      for (const [name, value] of Object.entries(always)) c.header(name, value);
      c.header('x-request-id', requestId);
      throw error;
    }
  });
}

/** As the middleware has it. */
function requestIdOf(c: Context): string {
  const given = headerOf(c, 'x-request-id');
  return given === undefined || !/^[\w\-=]{1,255}$/.test(given) ? randomUUID() : given;
}
