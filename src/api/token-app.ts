/**
 * The app of the two token routes, which is asked before the general app. It handles nearly all requests, so each route
 * has one handler: each middleware of the general app would cost several promises per request.
 */
import { OpenAPIHono } from '@hono/zod-openapi';
import type { ApiEnv } from '../http/env';
import { errorResponse } from '../http/errors';
import { REQUEST_ID_HEADER } from '../http/request-id';
import { registerGetToken } from './routes/tokens/get-token';
import { registerGetTokenByExternalId } from './routes/tokens/get-token-by-external-id';
import type { TokenDependencies } from './routes/tokens/token-response';

export function createTokenApp(deps: TokenDependencies) {
  const app = new OpenAPIHono<ApiEnv>();
  app.onError(async (error, c) => {
    for (const [name, value] of Object.entries(await deps.headers)) c.header(name, value);
    c.header(REQUEST_ID_HEADER, c.get('requestId'));
    return errorResponse(error, c, deps.logger);
  });
  registerGetToken(app, deps);
  registerGetTokenByExternalId(app, deps);
  return app;
}
