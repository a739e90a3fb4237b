/** All commands, in the order of the help. */
import type { Command } from '../command';
import { accountsAdd } from './accounts-add';
import { accountsDelete } from './accounts-delete';
import { accountsDiagnose } from './accounts-diagnose';
import { accountsDisable } from './accounts-disable';
import { accountsDisconnect } from './accounts-disconnect';
import { accountsEdit } from './accounts-edit';
import { accountsEnable } from './accounts-enable';
import { accountsImport, importCommand } from './accounts-import';
import { accountsList } from './accounts-list';
import { accountsReconnect } from './accounts-reconnect';
import { accountsReconnectLinks } from './accounts-reconnect-links';
import { accountsRelease } from './accounts-release';
import { accountsReminders } from './accounts-reminders';
import { accountsRestore } from './accounts-restore';
import { accountsShow } from './accounts-show';
import { auditList } from './audit-list';
import { auditVerify } from './audit-verify';
import { completion } from './completion';
import { connect } from './connect';
import { connectSessionsList } from './connect-sessions-list';
import { connectSessionsRevoke } from './connect-sessions-revoke';
import { connectSessionsShow } from './connect-sessions-show';
import { connectSettingsSet, connectSettingsShow } from './connect-settings';
import { debug } from './debug';
import { encryptionCheck } from './encryption-check';
import { encryptionPause } from './encryption-pause';
import { encryptionResume } from './encryption-resume';
import { encryptionRotate } from './encryption-rotate';
import { eventsFollow } from './events-follow';
import { eventsList } from './events-list';
import { indexesApply, indexesCheck } from './indexes';
import { keysCreate } from './keys-create';
import { keysGrant } from './keys-grant';
import { keysList } from './keys-list';
import { keysRevoke } from './keys-revoke';
import { login } from './login';
import { logout } from './logout';
import { logs } from './logs';
import { providersCheck } from './providers-check';
import { providersList } from './providers-list';
import { providersShow } from './providers-show';
import { forceRefresh, refresh } from './refresh';
import { schedulesDelete } from './schedules-delete';
import { schedulesList } from './schedules-list';
import { schedulesPause } from './schedules-pause';
import { schedulesResume } from './schedules-resume';
import { schedulesSet } from './schedules-set';
import { schedulesTrigger } from './schedules-trigger';
import { sessionsEnd } from './sessions-end';
import { sessionsList } from './sessions-list';
import { statistics } from './statistics';
import { status } from './status';
import { sweeps } from './sweeps';
import { sweepsStart } from './sweeps-start';
import { token } from './token';
import { tokensAccesses } from './tokens-accesses';
import { tokensList } from './tokens-list';
import { validate } from './validate';
import { webhooksAdd } from './webhooks-add';
import { webhooksDeliveries } from './webhooks-deliveries';
import { webhooksDisable } from './webhooks-disable';
import { webhooksEdit } from './webhooks-edit';
import { webhooksEnable } from './webhooks-enable';
import { webhooksList } from './webhooks-list';
import { webhooksRemove } from './webhooks-remove';
import { webhooksReplay } from './webhooks-replay';
import { webhooksRotateSecret } from './webhooks-rotate-secret';
import { webhooksShow } from './webhooks-show';
import { webhooksTest } from './webhooks-test';
import { whoami } from './whoami';
import { workflowsHistory } from './workflows-history';
import { workflowsList } from './workflows-list';
import { workflowsTerminate } from './workflows-terminate';

export const COMMANDS: readonly Command[] = [
  login,
  logout,
  whoami,
  status,
  statistics,
  accountsList,
  accountsShow,
  accountsEdit,
  accountsDisable,
  accountsEnable,
  connect,
  connectSettingsShow,
  connectSettingsSet,
  connectSessionsList,
  connectSessionsShow,
  connectSessionsRevoke,
  accountsAdd,
  accountsImport,
  importCommand,
  accountsReconnect,
  accountsReconnectLinks,
  accountsReminders,
  accountsDisconnect,
  accountsDelete,
  accountsRestore,
  accountsRelease,
  accountsDiagnose,
  token,
  tokensList,
  tokensAccesses,
  refresh,
  forceRefresh,
  debug,
  validate,
  logs,
  sweeps,
  sweepsStart,
  workflowsList,
  workflowsHistory,
  workflowsTerminate,
  schedulesList,
  schedulesPause,
  schedulesResume,
  schedulesTrigger,
  schedulesSet,
  schedulesDelete,
  keysCreate,
  keysGrant,
  keysList,
  keysRevoke,
  sessionsList,
  sessionsEnd,
  providersList,
  providersShow,
  providersCheck,
  encryptionRotate,
  encryptionCheck,
  encryptionPause,
  encryptionResume,
  indexesCheck,
  indexesApply,
  webhooksList,
  webhooksShow,
  webhooksAdd,
  webhooksEdit,
  webhooksRemove,
  webhooksEnable,
  webhooksDisable,
  webhooksRotateSecret,
  webhooksTest,
  webhooksDeliveries,
  webhooksReplay,
  eventsList,
  eventsFollow,
  auditList,
  auditVerify,
  completion,
];
