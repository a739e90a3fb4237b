/** The application of the API process: middleware, routes and pages, composed once. */
import type { RequestListener } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { OpenAPIHono } from '@hono/zod-openapi';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { except } from 'hono/combine';
import { secureHeaders } from 'hono/secure-headers';
import { registerRoutes } from '../api/app';
import { registerDocument } from '../api/openapi/document';
import { isImport, registerImportAccounts } from '../api/routes/accounts/import-accounts';
import { registerReconnectLinks } from '../api/routes/connect/reconnect-links';
import { createTokenApp } from '../api/token-app';
import { ServiceError } from '../domain/service-error';
import { trust } from '../http/address';
import { operatorsActions } from '../http/audit-chain';
import { audited } from '../http/audited';
import { authenticate } from '../http/authenticate';
import { bodyMembers } from '../http/body-members';
import type { ApiDependencies } from '../http/dependencies';
import type { ApiApp, ApiEnv } from '../http/env';
import { errorResponse, invalidRequest } from '../http/errors';
import { refuseOddBodies, refuseOddQueries } from '../http/odd-text';
import { OpenStreams } from '../http/open-streams';
import { requestId } from '../http/request-id';
import { createAuthenticator } from '../services/access/authenticator';
import { createLogTail } from '../services/logs/log-tail';
import { createStatisticsReader } from '../services/overview/statistics';
import { ValidTokens } from '../services/tokens/valid-tokens';
import { IMPORT_PATH as IMPORT_PAGE } from '../ui/pages/import';
import { mountUi } from '../ui/ui';

const BODY_MAX_BYTES = 256 * 1024;

/** The page that takes a file has a separate limit. */
const isUpload = (c: Context) => c.req.path === IMPORT_PAGE;

const hasNoBody = (c: Context) => c.req.method === 'GET' || c.req.method === 'HEAD';

/**
 * The security headers of Hono, computed once and set before the response is created. Hono's middleware sets them on the
 * finished response, which makes the server build the response again. Pages replace the content security policy.
 */
async function securityHeaders(): Promise<Record<string, string>> {
  const policy = { defaultSrc: ["'none'"], frameAncestors: ["'none'"] };
  const answer = await new Hono()
    .use(secureHeaders({ contentSecurityPolicy: policy, referrerPolicy: 'no-referrer' }))
    .get('/', (c) => c.body(null))
    .request('/');
  return Object.fromEntries(answer.headers);
}

function withHeaders(headers: Promise<Record<string, string>>): MiddlewareHandler {
  return async (c, next) => {
    for (const [name, value] of Object.entries(await headers)) c.header(name, value);
    await next();
  };
}

const NOT_KEPT = { 'Cache-Control': 'no-store' };

/** The headers of every API response. */
export async function apiHeaders(): Promise<Record<string, string>> {
  return { ...(await securityHeaders()), ...NOT_KEPT };
}

/** The API and the pages as a listener for Node's HTTP server. */
export function createListener(deps: ApiDependencies): RequestListener {
  const { tokenApp, app } = createApps(deps);
  // The token app is asked first, because its router has two patterns.
  tokenApp.notFound((c) => app.fetch(c.req.raw, c.env));
  const listener = getRequestListener(tokenApp.fetch);
  return (incoming, outgoing) => void listener(incoming, outgoing);
}

/** All routes in one app. */
export function createApp(deps: ApiDependencies): ApiApp {
  return createApps(deps).app;
}

function createApps(deps: ApiDependencies): { tokenApp: ApiApp; app: ApiApp } {
  const app: ApiApp = new OpenAPIHono<ApiEnv>({
    defaultHook: (result) => {
      if (result.success) return;
      throw invalidRequest(result.error);
    },
  });
  app.onError((error, c) => errorResponse(error, c, deps.logger));
  app.notFound((c) =>
    errorResponse(
      new ServiceError(
        'not_found',
        `No route ${c.req.method} ${c.req.path}. All routes are in /openapi.json.`,
      ),
      c,
      deps.logger,
    ),
  );
  const authenticator = createAuthenticator(deps);
  const tokens = new ValidTokens(deps);
  const tokenApp = createTokenApp({ ...deps, authenticator, tokens, headers: apiHeaders() });
  app.route('/', tokenApp);
  app.use(requestId, trust(deps.trustedProxies));
  app.use('/api/*', async (c, next) => {
    c.set('askedAt', deps.now());
    await next();
  });
  app.use(withHeaders(securityHeaders()));
  app.use('/api/*', withHeaders(Promise.resolve(NOT_KEPT)));
  // An import is streamed, and only its lines are limited. Requests without a body skip the check, which costs time.
  app.use(except([isImport, isUpload, hasNoBody], bodyLimit({ maxSize: BODY_MAX_BYTES })));
  app.use('/api/*', authenticate(authenticator));
  app.use(
    '/api/*',
    audited<ApiEnv>(deps, (c) => c.get('principal'), bodyMembers(app), operatorsActions(app)),
  );
  app.use('/api/*', refuseOddQueries, refuseOddBodies);
  const logTail = createLogTail(deps);
  const streams = new OpenStreams();

  const statistics = createStatisticsReader(deps);
  registerRoutes(app, { ...deps, authenticator, logTail, streams, statistics });
  registerImportAccounts(app, { ...deps, authenticator });
  registerReconnectLinks(app, { ...deps, authenticator });
  const document = registerDocument(app);
  mountUi(app, { ...deps, authenticator, logTail, streams, statistics, document });
  return { tokenApp, app };
}
