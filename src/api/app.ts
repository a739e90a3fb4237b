/** The API: shared middleware, then one registration per route. */
import type { ApiDependencies } from '../http/dependencies';
import type { ApiApp } from '../http/env';
import type { OpenStreams } from '../http/open-streams';
import { type Authenticator } from '../services/access/authenticator';
import { type LogTail } from '../services/logs/log-tail';
import { type StatisticsReader } from '../services/overview/statistics';
import { registerCreateAccount } from './routes/accounts/create-account';
import { registerDeleteAccount } from './routes/accounts/delete-account';
import { registerGetAccount } from './routes/accounts/get-account';
import { registerListAccounts } from './routes/accounts/list-accounts';
import { registerPatchAccount } from './routes/accounts/patch-account';
import { registerReleaseAccounts } from './routes/accounts/release-accounts';
import { registerRestoreGrant } from './routes/accounts/restore-grant';
import { registerCreateApiKey } from './routes/api-keys/create-api-key';
import { registerGrantScopes } from './routes/api-keys/grant-scopes';
import { registerListApiKeys } from './routes/api-keys/list-api-keys';
import { registerRevokeApiKey } from './routes/api-keys/revoke-api-key';
import { registerListAudit } from './routes/audit/list-audit';
import { registerVerifyAudit } from './routes/audit/verify-audit';
import { registerGetCatalogueProvider } from './routes/catalogue/get-catalogue-provider';
import { registerListCatalogue } from './routes/catalogue/list-catalogue';
import { registerCreateConnectSession } from './routes/connect/create-session';
import { registerDisconnectAccount } from './routes/connect/disconnect-account';
import { registerFinishConnectSession } from './routes/connect/finish-session';
import { registerGetDisconnection } from './routes/connect/get-disconnection';
import { registerGetConnectSettings } from './routes/connect/get-settings';
import { registerListConnectSessions } from './routes/connect/list-sessions';
import { registerPatchConnectSettings } from './routes/connect/patch-settings';
import { registerReconnectAccount } from './routes/connect/reconnect-account';
import { registerRevokeConnectSession } from './routes/connect/revoke-session';
import { registerShowConnectSession } from './routes/connect/show-session';
import { registerGetEncryption } from './routes/encryption/get-encryption';
import { registerGetRotation } from './routes/encryption/get-rotation';
import { registerPauseRotation } from './routes/encryption/pause-rotation';
import { registerResumeRotation } from './routes/encryption/resume-rotation';
import { registerRotateEncryption } from './routes/encryption/rotate-encryption';
import { registerStatistics } from './routes/overview/statistics';
import { registerStatus } from './routes/overview/status';
import { registerTokenRefreshStatus } from './routes/overview/token-refresh-status';
import { registerAccountDiagnostics } from './routes/refreshing/account-diagnostics';
import { registerRefreshAccount } from './routes/refreshing/refresh-account';
import { registerRefreshDebug } from './routes/refreshing/refresh-debug';
import { registerTriggerRefresh } from './routes/refreshing/trigger-refresh';
import { registerValidateAccount } from './routes/refreshing/validate-account';
import { registerDeleteSchedule } from './routes/schedules/delete-schedule';
import { registerListSchedules } from './routes/schedules/list-schedules';
import { registerPatchSchedule } from './routes/schedules/patch-schedule';
import {
  registerPauseSchedule,
  registerResumeSchedule,
  registerTriggerSchedule,
} from './routes/schedules/schedule-actions';
import { registerHealth } from './routes/service/health';
import { registerEndSession } from './routes/sessions/end-session';
import { registerEndSessions } from './routes/sessions/end-sessions';
import { registerListSessions } from './routes/sessions/list-sessions';
import { registerListTerminalLogs } from './routes/terminal/list-terminal-logs';
import { registerStreamTerminalLogs } from './routes/terminal/stream-terminal-logs';
import { registerTerminalLogs } from './routes/terminal/terminal-logs';
import type { GetTokenRoute } from './routes/tokens/get-token';
import type { GetTokenByExternalIdRoute } from './routes/tokens/get-token-by-external-id';
import { registerListTokenAccesses } from './routes/tokens/list-token-accesses';
import { registerListTokenAccounts } from './routes/tokens/list-token-accounts';
import { registerCreateWebhook } from './routes/webhooks/create-webhook';
import { registerDeleteWebhook } from './routes/webhooks/delete-webhook';
import { registerDisableWebhook } from './routes/webhooks/disable-webhook';
import { registerEnableWebhook } from './routes/webhooks/enable-webhook';
import { registerGetWebhook } from './routes/webhooks/get-webhook';
import { registerListEvents } from './routes/webhooks/list-events';
import { registerListWebhookDeliveries } from './routes/webhooks/list-webhook-deliveries';
import { registerListWebhooks } from './routes/webhooks/list-webhooks';
import { registerPatchWebhook } from './routes/webhooks/patch-webhook';
import { registerReplayWebhookDelivery } from './routes/webhooks/replay-webhook-delivery';
import { registerRotateWebhookSecret } from './routes/webhooks/rotate-webhook-secret';
import { registerTestWebhook } from './routes/webhooks/test-webhook';
import { registerListSweeps } from './routes/workflows/list-sweeps';
import { registerListWorkflows } from './routes/workflows/list-workflows';
import { registerTerminateWorkflow } from './routes/workflows/terminate-workflow';
import { registerWorkflowHistory } from './routes/workflows/workflow-history';

interface RouteDependencies extends ApiDependencies {
  authenticator: Authenticator;
  logTail: LogTail;
  streams: OpenStreams;
  statistics: StatisticsReader;
}

/** Registers all routes except those whose response is streamed line by line. The typed client is derived from their types. */
export function registerRoutes(app: ApiApp, deps: RouteDependencies) {
  return [
    registerHealth(app, deps),
    registerCreateAccount(app, deps),
    registerReleaseAccounts(app, deps),
    registerListAccounts(app, deps),
    registerGetAccount(app, deps),
    registerPatchAccount(app, deps),
    registerDeleteAccount(app, deps),
    registerRefreshAccount(app, deps),
    registerRestoreGrant(app, deps),
    registerValidateAccount(app, deps),
    registerAccountDiagnostics(app, deps),
    registerListTokenAccesses(app, deps),
    registerListTokenAccounts(app, deps),
    registerRefreshDebug(app, deps),
    registerTerminalLogs(app, deps),
    registerListTerminalLogs(app, deps),
    registerStreamTerminalLogs(app, deps),
    registerTriggerRefresh(app, deps),
    registerCreateApiKey(app, deps),
    registerGrantScopes(app, deps),
    registerListApiKeys(app, deps),
    registerRevokeApiKey(app, deps),
    registerListSessions(app, deps),
    registerEndSessions(app, deps),
    registerEndSession(app, deps),
    registerListSweeps(app, deps),
    registerListWorkflows(app, deps),
    registerWorkflowHistory(app, deps),
    registerTerminateWorkflow(app, deps),
    registerListSchedules(app, deps),
    registerPauseSchedule(app, deps),
    registerResumeSchedule(app, deps),
    registerTriggerSchedule(app, deps),
    registerPatchSchedule(app, deps),
    registerDeleteSchedule(app, deps),
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
    registerCreateConnectSession(app, deps),
    registerListConnectSessions(app, deps),
    registerShowConnectSession(app, deps),
    registerRevokeConnectSession(app, deps),
    registerReconnectAccount(app, deps),
    registerGetConnectSettings(app, deps),
    registerPatchConnectSettings(app, deps),
    registerDisconnectAccount(app, deps),
    registerGetDisconnection(app, deps),
    registerFinishConnectSession(app, deps),
    registerListCatalogue(app, deps),
    registerGetCatalogueProvider(app, deps),
  ] as const;
}

/** The routes of the typed client. Routes whose response is streamed line by line are missing. */
export type ApiRoutes =
  | ReturnType<typeof registerRoutes>[number]
  | GetTokenRoute
  | GetTokenByExternalIdRoute;
