/** The API: middleware in one place, then one registration for each route. */
import { OpenAPIHono } from '@hono/zod-openapi';
import { bodyLimit } from 'hono/body-limit';
import { except } from 'hono/combine';
import { requestId } from 'hono/request-id';
import { secureHeaders } from 'hono/secure-headers';
import { mountUi } from '../ui/ui';
import { authenticate } from './authenticate';
import { createAuthenticator } from './authenticator';
import type { ApiDependencies, ApiEnv } from './dependencies';
import { ApiError, errorResponse } from './errors';
import { createLogTail } from './log-tail';
import { registerAccountDiagnostics } from './routes/account-diagnostics';
import { registerCreateAccount } from './routes/create-account';
import { registerCreateApiKey } from './routes/create-api-key';
import { registerCreateWebhook } from './routes/create-webhook';
import { registerDeleteAccount } from './routes/delete-account';
import { registerDeleteWebhook } from './routes/delete-webhook';
import { registerDisableWebhook } from './routes/disable-webhook';
import { registerEnableWebhook } from './routes/enable-webhook';
import { registerGetAccount } from './routes/get-account';
import { registerGetToken } from './routes/get-token';
import { registerGetWebhook } from './routes/get-webhook';
import { registerHealth } from './routes/health';
import { IMPORT_PATH, registerImportAccounts } from './routes/import-accounts';
import { registerListAccounts } from './routes/list-accounts';
import { registerListApiKeys } from './routes/list-api-keys';
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
import { registerPauseSchedule } from './routes/pause-schedule';
import { registerRefreshAccount } from './routes/refresh-account';
import { registerRefreshDebug } from './routes/refresh-debug';
import { registerReleaseAccounts } from './routes/release-accounts';
import { registerReplayWebhookDelivery } from './routes/replay-webhook-delivery';
import { registerResumeSchedule } from './routes/resume-schedule';
import { registerRevokeApiKey } from './routes/revoke-api-key';
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
import { registerWorkflowHistory } from './routes/workflow-history';
import { createStatisticsReader } from './statistics';

const BODY_MAX_BYTES = 256 * 1024;

export type ApiApp = OpenAPIHono<ApiEnv>;

export function createApp(deps: ApiDependencies): ApiApp {
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
  app.use(requestId());
  app.use(
    secureHeaders({
      contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
      referrerPolicy: 'no-referrer',
      // Pages need a policy of their own.
      overwrite: false,
    }),
  );
  app.use('/api/*', async (c, next) => {
    await next();
    c.header('Cache-Control', 'no-store');
  });
  // An import is streamed: it has no size, each of its lines has one.
  app.use(except(IMPORT_PATH, bodyLimit({ maxSize: BODY_MAX_BYTES })));
  const authenticator = createAuthenticator(deps);
  app.use('/api/*', authenticate(authenticator));
  const logTail = createLogTail(deps);

  registerHealth(app, deps);
  registerCreateAccount(app, deps);
  registerImportAccounts(app, deps);
  registerReleaseAccounts(app, deps);
  registerListAccounts(app, deps);
  registerGetAccount(app, deps);
  registerPatchAccount(app, deps);
  registerDeleteAccount(app, deps);
  registerRefreshAccount(app, deps);
  registerValidateAccount(app, deps);
  registerAccountDiagnostics(app, deps);
  registerListTokenHandouts(app, deps);
  registerGetToken(app, deps);
  registerRefreshDebug(app, deps);
  registerTerminalLogs(app, deps);
  registerListTerminalLogs(app, deps);
  registerStreamTerminalLogs(app, { ...deps, authenticator, logTail });
  registerTriggerRefresh(app, deps);
  registerCreateApiKey(app, deps);
  registerListApiKeys(app, deps);
  registerRevokeApiKey(app, deps);
  registerListSweeps(app, deps);
  registerListWorkflows(app, deps);
  registerWorkflowHistory(app, deps);
  registerTerminateWorkflow(app, deps);
  registerListSchedules(app, deps);
  registerPauseSchedule(app, deps);
  registerResumeSchedule(app, deps);
  registerTriggerSchedule(app, deps);
  registerPatchSchedule(app, deps);
  registerStatus(app, deps);
  registerListWebhooks(app, deps);
  registerCreateWebhook(app, deps);
  registerGetWebhook(app, deps);
  registerPatchWebhook(app, deps);
  registerDeleteWebhook(app, deps);
  registerEnableWebhook(app, deps);
  registerDisableWebhook(app, deps);
  registerRotateWebhookSecret(app, deps);
  registerTestWebhook(app, deps);
  registerListWebhookDeliveries(app, deps);
  registerReplayWebhookDelivery(app, deps);
  registerListEvents(app, deps);
  const statistics = createStatisticsReader(deps);
  registerStatistics(app, statistics);
  registerTokenRefreshStatus(app, deps);
  mountUi(app, { ...deps, authenticator, logTail, statistics });

  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description:
      'An API key (evg_…), or a JWT with exp, sub, the organisation (organisation or org_id) and scopes (scope: "read admin tokens internal"), where JWT_SECRET or JWKS_URL is set',
  });
  app.openAPIRegistry.registerComponent('securitySchemes', 'internal', {
    type: 'apiKey',
    in: 'header',
    name: 'X-Internal-API-Key',
  });
  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: {
      title: 'Evergrant',
      version: '1',
      description: 'Keeps OAuth 2.0 grants alive. Times are ISO 8601 UTC.',
    },
    security: [{ bearer: [] }],
  });
  return app;
}
