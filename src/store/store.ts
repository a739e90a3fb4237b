/** The store: everything that is kept in MongoDB, opened together. */
import type { Connection } from 'mongoose';
import type { RefreshRules } from '../domain/refresh-policy';
import { Accounts } from './accounts';
import { ApiKeys } from './api-keys';
import { AuditEntries } from './audit-entries';
import { openDatabase } from './database';
import { DueAccounts } from './due-accounts';
import { EncryptionKeys } from './encryption-keys';
import { Events } from './events';
import { Grants } from './grants';
import { Lanes } from './lanes';
import { LogEntries } from './log-entries';
import { Processes } from './processes';
import { Quarantine } from './quarantine';
import { RefreshTokenWarnings } from './refresh-token-warnings';
import { Restores } from './restores';
import { SealedRecords } from './sealed-records';
import { Settings } from './settings';
import { Statistics } from './statistics';
import { TokenHandouts } from './token-handouts';
import { Validations } from './validations';
import { WebhookDeliveries } from './webhook-deliveries';
import { WebhookEndpoints } from './webhook-endpoints';
import { WebhookOutbox } from './webhook-outbox';

export interface Store {
  accounts: Accounts;
  apiKeys: ApiKeys;
  auditEntries: AuditEntries;
  dueAccounts: DueAccounts;
  encryptionKeys: EncryptionKeys;
  events: Events;
  grants: Grants;
  lanes: Lanes;
  refreshTokenWarnings: RefreshTokenWarnings;
  logEntries: LogEntries;
  processes: Processes;
  quarantine: Quarantine;
  restores: Restores;
  sealedRecords: SealedRecords;
  settings: Settings;
  statistics: Statistics;
  tokenHandouts: TokenHandouts;
  validations: Validations;
  webhookDeliveries: WebhookDeliveries;
  webhookEndpoints: WebhookEndpoints;
  webhookOutbox: WebhookOutbox;
  /** Whether the database answers now. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export interface StoreOptions {
  logRetentionDays: number;
  /** By which the clocks of accounts are kept. */
  rules: RefreshRules;
}

/** Connects, and makes sure of the indexes. */
export async function openStore(uri: string, options: StoreOptions): Promise<Store> {
  const connection = await openDatabase(uri);
  const store = createStore(connection, options);
  await store.accounts.createIndexes();
  await store.logEntries.createIndexes();
  await store.apiKeys.createIndexes();
  await store.auditEntries.createIndexes();
  await store.tokenHandouts.createIndexes();
  await store.processes.createIndexes();
  await store.events.createIndexes();
  await store.webhookEndpoints.createIndexes();
  await store.webhookDeliveries.createIndexes();
  return store;
}

export function createStore(
  connection: Connection,
  options: StoreOptions,
): Store & { accounts: Accounts } {
  const events = new Events(connection, options.logRetentionDays);
  return {
    accounts: new Accounts(connection, options.rules),
    apiKeys: new ApiKeys(connection),
    auditEntries: new AuditEntries(connection),
    dueAccounts: new DueAccounts(connection),
    encryptionKeys: new EncryptionKeys(connection),
    events,
    refreshTokenWarnings: new RefreshTokenWarnings(connection, options.rules),
    grants: new Grants(connection, options.rules),
    lanes: new Lanes(connection),
    logEntries: new LogEntries(connection, options.logRetentionDays),
    processes: new Processes(connection),
    quarantine: new Quarantine(connection, options.rules),
    restores: new Restores(connection),
    sealedRecords: new SealedRecords(connection),
    settings: new Settings(connection),
    statistics: new Statistics(connection),
    tokenHandouts: new TokenHandouts(connection, options.logRetentionDays),
    validations: new Validations(connection, options.rules),
    webhookDeliveries: new WebhookDeliveries(connection, options.logRetentionDays),
    webhookEndpoints: new WebhookEndpoints(connection),
    webhookOutbox: new WebhookOutbox(connection, events, options.logRetentionDays),
    async ping() {
      await connection.db?.admin().ping();
    },
    close: () => connection.close(),
  };
}
