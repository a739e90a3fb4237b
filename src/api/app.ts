/** The API: middleware in one place, then one registration for each route. */
import type { RequestListener } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { OpenAPIHono } from '@hono/zod-openapi';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { except } from 'hono/combine';
import { createMiddleware } from 'hono/factory';
import { requestId } from 'hono/request-id';
import { secureHeaders } from 'hono/secure-headers';
import { printable } from '../domain/masking';
import { mountUi } from '../ui/ui';
import { audited } from './audited';
import { authenticate } from './authenticate';
import { type Authenticator, createAuthenticator } from './authenticator';
import type { ApiDependencies, ApiEnv } from './dependencies';
import { registerDocument } from './document';
import { ApiError, errorResponse } from './errors';
import { knownCallersFirst } from './known-callers';
import { createLogTail, type LogTail } from './log-tail';
import { registerAccountDiagnostics } from './routes/account-diagnostics';
import { registerCreateAccount } from './routes/create-account';
import { registerCreateApiKey } from './routes/create-api-key';
import { registerCreateWebhook } from './routes/create-webhook';
import { registerDeleteAccount } from './routes/delete-account';
import { registerDeleteWebhook } from './routes/delete-webhook';
import { registerDisableWebhook } from './routes/disable-webhook';
import { registerEnableWebhook } from './routes/enable-webhook';
import { registerGetAccount } from './routes/get-account';
import { registerGetEncryption } from './routes/get-encryption';
import { registerGetRotation } from './routes/get-rotation';
import { registerGetToken } from './routes/get-token';
import { registerGetWebhook } from './routes/get-webhook';
import { registerHealth } from './routes/health';
import { IMPORT_PATH, registerImportAccounts } from './routes/import-accounts';
import { registerListAccounts } from './routes/list-accounts';
import { registerListApiKeys } from './routes/list-api-keys';
import { registerListAudit } from './routes/list-audit';
import { registerListEvents } from './routes/list-events';
import { registerListSchedules } from './routes/list-schedules';
import { registerListSweeps } from './routes/list-sweeps';
import { registerListTerminalLogs } from './routes/list-terminal-logs';
import { registerListTokenHandouts } from './routes/list-token-handouts';
import { registerListWebhookDeliveries } from './routes/list-webhook-deliveries';
import { registerListWebhooks } from './routes/list-webhooks';
import { registerListWorkflows } from './routes/list-workflows';
import { registerPatchAccount } from './routes/patch-account';
import { registerPatchSchedule } from './routes/patch-schedule';
import { registerPatchWebhook } from './routes/patch-webhook';
import { registerPauseRotation } from './routes/pause-rotation';
import { registerPauseSchedule } from './routes/pause-schedule';
import { registerRefreshAccount } from './routes/refresh-account';
import { registerRefreshDebug } from './routes/refresh-debug';
import { registerReleaseAccounts } from './routes/release-accounts';
import { registerReplayWebhookDelivery } from './routes/replay-webhook-delivery';
import { registerResumeRotation } from './routes/resume-rotation';
import { registerResumeSchedule } from './routes/resume-schedule';
import { registerRevokeApiKey } from './routes/revoke-api-key';
import { registerRotateEncryption } from './routes/rotate-encryption';
import { registerRotateWebhookSecret } from './routes/rotate-webhook-secret';
import { registerStatistics } from './routes/statistics';
import { registerStatus } from './routes/status';
import { registerStreamTerminalLogs } from './routes/stream-terminal-logs';
import { registerTerminalLogs } from './routes/terminal-logs';
import { registerTerminateWorkflow } from './routes/terminate-workflow';
import { registerTestWebhook } from './routes/test-webhook';
import { registerTokenRefreshStatus } from './routes/token-refresh-status';
import { registerTriggerRefresh } from './routes/trigger-refresh';
import { registerTriggerSchedule } from './routes/trigger-schedule';
import { registerValidateAccount } from './routes/validate-account';
import { registerVerifyAudit } from './routes/verify-audit';
import { registerWorkflowHistory } from './routes/workflow-history';
import { createStatisticsReader, type StatisticsReader } from './statistics';
import { ValidTokens } from './valid-tokens';

/** `provider[$ne]=x` is no filter of ours; left out unseen it would be no filter at all. */
const refuseOddQueries = createMiddleware<ApiEnv>(async (c, next) => {
  const odd = Object.keys(c.req.query()).find((name) => !/^[a-z][a-z0-9_]*$/.test(name));
  if (odd !== undefined) {
    const name = printable(odd).slice(0, 64);
    throw new ApiError('invalid_request', `${name}: there is no such parameter.`);
  }
  await next();
});

const BODY_MAX_BYTES = 256 * 1024;
const hasNoBody = (c: Context) => c.req.method === 'GET' || c.req.method === 'HEAD';

/**
 * The library's headers, set before the answer is made: set on a finished one, as the library does, the server takes it
 * apart and makes it anew. Pages set a policy of their own over it.
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

export type ApiApp = OpenAPIHono<ApiEnv>;

/** The API for a server of Node's. */
export function createListener(deps: ApiDependencies): RequestListener {
  const { app, known } = createParts(deps);
  return knownCallersFirst(known, listenerOf(app));
}

function listenerOf({ fetch }: Hono<ApiEnv>): RequestListener {
  const listener = getRequestListener(fetch);
  return (incoming, outgoing) => void listener(incoming, outgoing);
}

export function createApp(deps: ApiDependencies): ApiApp {
  return createParts(deps).app;
}

/** The application, and what those work with whom it does not see. */
function createParts(deps: ApiDependencies) {
  const app: ApiApp = new OpenAPIHono<ApiEnv>({
    defaultHook: (result) => {
      if (result.success) return;
      const problems = result.error.issues.map(
        (issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`,
      );
      throw new ApiError('invalid_request', problems.join('; '));
    },
  });
  app.onError((error, c) => errorResponse(error, c, deps.logger));
  app.notFound((c) =>
    errorResponse(
      new ApiError('not_found', `There is no ${c.req.method} ${c.req.path}; see /openapi.json.`),
      c,
      deps.logger,
    ),
  );
  const authenticator = createAuthenticator(deps);
  const tokens = new ValidTokens(deps);
  const security = securityHeaders();
  const headers = security.then((all) => ({ ...all, ...NOT_KEPT }));
  app.use(requestId());
  app.use('/api/*', async (c, next) => {
    c.set('askedAt', deps.now());
    await next();
  });
  app.use(withHeaders(security));
  app.use('/api/*', withHeaders(Promise.resolve(NOT_KEPT)));
  // An import is streamed: it has no size, each of its lines has one. To look for a body where none is costs more than
  // to hand out a token.
  app.use(except([IMPORT_PATH, hasNoBody], bodyLimit({ maxSize: BODY_MAX_BYTES })));
  app.use('/api/*', authenticate(authenticator));
  app.use(
    '/api/*',
    audited<ApiEnv>(deps, (c) => c.get('principal')),
  );
  app.use('/api/*', refuseOddQueries);
  const logTail = createLogTail(deps);

  const statistics = createStatisticsReader(deps);
  registerRoutes(app, { ...deps, authenticator, tokens, logTail, statistics });
  registerImportAccounts(app, deps);
  const document = registerDocument(app);
  mountUi(app, { ...deps, authenticator, logTail, statistics, document });
  /** Says what went wrong as the application would, without asking it for the same once more. */
  const refuse = (error: Error): RequestListener => {
    const refusal = new Hono<ApiEnv>();
    refusal.onError((thrown, c) => errorResponse(thrown, c, deps.logger));
    refusal.use(requestId(), withHeaders(headers)).all('*', () => {
      throw error;
    });
    return listenerOf(refusal);
  };
  return { app, known: { ...deps, authenticator, tokens, headers, refuse } };
}

interface RouteDependencies extends ApiDependencies {
  authenticator: Authenticator;
  tokens: ValidTokens;
  logTail: LogTail;
  statistics: StatisticsReader;
}

/** Every route but the import, with the type of what it takes and answers: the client is made of these. */
function registerRoutes(app: ApiApp, deps: RouteDependencies) {
  return [
    registerHealth(app, deps),
    registerCreateAccount(app, deps),
    registerReleaseAccounts(app, deps),
    registerListAccounts(app, deps),
    registerGetAccount(app, deps),
    registerPatchAccount(app, deps),
    registerDeleteAccount(app, deps),
    registerRefreshAccount(app, deps),
    registerValidateAccount(app, deps),
    registerAccountDiagnostics(app, deps),
    registerListTokenHandouts(app, deps),
    registerGetToken(app, deps),
    registerRefreshDebug(app, deps),
    registerTerminalLogs(app, deps),
    registerListTerminalLogs(app, deps),
    registerStreamTerminalLogs(app, deps),
    registerTriggerRefresh(app, deps),
    registerCreateApiKey(app, deps),
    registerListApiKeys(app, deps),
    registerRevokeApiKey(app, deps),
    registerListSweeps(app, deps),
    registerListWorkflows(app, deps),
    registerWorkflowHistory(app, deps),
    registerTerminateWorkflow(app, deps),
    registerListSchedules(app, deps),
    registerPauseSchedule(app, deps),
    registerResumeSchedule(app, deps),
    registerTriggerSchedule(app, deps),
    registerPatchSchedule(app, deps),
    registerGetEncryption(app, deps),
    registerGetRotation(app, deps),
    registerRotateEncryption(app, deps),
    registerPauseRotation(app, deps),
    registerResumeRotation(app, deps),
    registerStatus(app, deps),
    registerListWebhooks(app, deps),
    registerCreateWebhook(app, deps),
    registerGetWebhook(app, deps),
    registerPatchWebhook(app, deps),
    registerDeleteWebhook(app, deps),
    registerEnableWebhook(app, deps),
    registerDisableWebhook(app, deps),
    registerRotateWebhookSecret(app, deps),
    registerTestWebhook(app, deps),
    registerListWebhookDeliveries(app, deps),
    registerReplayWebhookDelivery(app, deps),
    registerListEvents(app, deps),
    registerListAudit(app, deps),
    registerVerifyAudit(app, deps),
    registerStatistics(app, deps.statistics),
    registerTokenRefreshStatus(app, deps),
  ] as const;
}

/** The routes that a typed client calls; an import is no single request and answer. */
export type ApiRoutes = ReturnType<typeof registerRoutes>[number];
