/** All commands, in the order of the help. */
import type { Command } from '../command';
import { accountsAdd } from './accounts-add';
import { accountsDisconnect } from './accounts-disconnect';
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
import { connect } from './connect';
import { connectSettingsSet, connectSettingsShow } from './connect-settings';
import { encryptionCheck } from './encryption-check';
import { encryptionPause } from './encryption-pause';
import { encryptionResume } from './encryption-resume';
import { encryptionRotate } from './encryption-rotate';
import { indexesApply, indexesCheck } from './indexes';
import { keysCreate } from './keys-create';
import { keysGrant } from './keys-grant';
import { keysList } from './keys-list';
import { keysRevoke } from './keys-revoke';
import { logs } from './logs';
import { forceRefresh, refresh } from './refresh';
import { schedulesDelete } from './schedules-delete';
import { schedulesList } from './schedules-list';
import { schedulesPause } from './schedules-pause';
import { schedulesResume } from './schedules-resume';
import { schedulesSet } from './schedules-set';
import { schedulesTrigger } from './schedules-trigger';
import { sessionsEnd } from './sessions-end';
import { sessionsList } from './sessions-list';
import { status } from './status';
import { sweeps } from './sweeps';
import { token } from './token';
import { validate } from './validate';
import { webhooksAdd } from './webhooks-add';
import { webhooksDeliveries } from './webhooks-deliveries';
import { webhooksEnable } from './webhooks-enable';
import { webhooksList } from './webhooks-list';
import { webhooksRemove } from './webhooks-remove';
import { webhooksReplay } from './webhooks-replay';
import { webhooksRotateSecret } from './webhooks-rotate-secret';
import { webhooksTest } from './webhooks-test';
import { workflowsList } from './workflows-list';
import { workflowsTerminate } from './workflows-terminate';

export const COMMANDS: readonly Command[] = [
  status,
  accountsList,
  accountsShow,
  connect,
  connectSettingsShow,
  connectSettingsSet,
  accountsAdd,
  accountsImport,
  importCommand,
  accountsReconnect,
  accountsReconnectLinks,
  accountsReminders,
  accountsDisconnect,
  accountsRestore,
  accountsRelease,
  token,
  refresh,
  forceRefresh,
  validate,
  logs,
  sweeps,
  workflowsList,
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
  encryptionRotate,
  encryptionCheck,
  encryptionPause,
  encryptionResume,
  indexesCheck,
  indexesApply,
  webhooksList,
  webhooksAdd,
  webhooksRemove,
  webhooksEnable,
  webhooksRotateSecret,
  webhooksTest,
  webhooksDeliveries,
  webhooksReplay,
  auditList,
  auditVerify,
];
