/**
 * The app of the token route, which is asked before the general app. It handles nearly all requests, so it has one
 * route and one handler: each middleware of the general app would cost several promises per request.
 */
import { OpenAPIHono } from '@hono/zod-openapi';
import type { ApiEnv } from '../http/env';
import { errorResponse } from '../http/errors';
import { REQUEST_ID_HEADER } from '../http/request-id';
import { type GetTokenDependencies, registerGetToken } from './routes/tokens/get-token';

export function createTokenApp(deps: GetTokenDependencies) {
  const app = new OpenAPIHono<ApiEnv>();
  app.onError(async (error, c) => {
    for (const [name, value] of Object.entries(await deps.headers)) c.header(name, value);
    c.header(REQUEST_ID_HEADER, c.get('requestId'));
    return errorResponse(error, c, deps.logger);
  });
  registerGetToken(app, deps);
  return app;
}
