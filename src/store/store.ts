/** The store: everything that Evergrant keeps in MongoDB, opened together. */
import type { Connection } from 'mongoose';
import type { Logger } from 'pino';
import type { RefreshRules } from '../domain/account/due-times';
import type { KeyRing } from '../vault/key-ring';
import { Vault } from '../vault/vault';
import { ApiKeys } from './access/api-keys';
import { AuditEntries } from './access/audit-entries';
import { SessionRecords } from './access/session-records';
import { TokenAccesses } from './access/token-accesses';
import { Accounts } from './accounts/accounts';
import { DueAccounts } from './accounts/due-accounts';
import { Grants } from './accounts/grants';
import { Quarantine } from './accounts/quarantine';
import { Reconnects } from './accounts/reconnects';
import { RefreshTokenWarnings } from './accounts/refresh-token-warnings';
import { Restores } from './accounts/restores';
import { Validations } from './accounts/validations';
import { ConnectSessions } from './connect/connect-sessions';
import { Canary } from './encryption/canary';
import { EncryptionKeys } from './encryption/encryption-keys';
import { Processes } from './encryption/processes';
import { RowIntegrity } from './encryption/row-integrity';
import { SealedRecords } from './encryption/sealed-records';
import { Settings } from './encryption/settings';
import { AppLimiters } from './limits/app-limiters';
import { LogEntries } from './logs/log-entries';
import { Statistics } from './logs/statistics';
import { openDatabase } from './mongo/database';
import { Events } from './webhooks/events';
import { WebhookDeliveries } from './webhooks/webhook-deliveries';
import { WebhookEndpoints } from './webhooks/webhook-endpoints';
import { WebhookOutbox } from './webhooks/webhook-outbox';

export interface Store {
  accounts: Accounts;
  apiKeys: ApiKeys;
  auditEntries: AuditEntries;
  canary: Canary;
  connectSessions: ConnectSessions;
  dueAccounts: DueAccounts;
  encryptionKeys: EncryptionKeys;
  events: Events;
  grants: Grants;
  limiters: AppLimiters;
  reconnects: Reconnects;
  refreshTokenWarnings: RefreshTokenWarnings;
  logEntries: LogEntries;
  processes: Processes;
  quarantine: Quarantine;
  restores: Restores;
  sealedRecords: SealedRecords;
  sessionRecords: SessionRecords;
  settings: Settings;
  statistics: Statistics;
  tokenAccesses: TokenAccesses;
  validations: Validations;
  webhookDeliveries: WebhookDeliveries;
  webhookEndpoints: WebhookEndpoints;
  webhookOutbox: WebhookOutbox;
  /** Rejects if MongoDB does not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export interface StoreOptions {
  logRetentionDays: number;
  /** The rules by which due times are computed. */
  rules: RefreshRules;
  /** Reports rows that were not written by Evergrant. */
  logger: Pick<Logger, 'error'>;
}

/**
 * Connects, verifies the encryption keys against this database, and creates missing indexes.
 * @throws {VaultSealedError}
 */
export async function openStore(
  uri: string,
  { ring, ...options }: StoreOptions & { ring: KeyRing },
): Promise<{ store: Store; vault: Vault }> {
  const connection = await openDatabase(uri);
  try {
    const vault = await Vault.open(ring, new Canary(connection));
    const store = createStore(connection, { ...options, vault });
    await createIndexes(store);
    return { store, vault };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

async function createIndexes(store: Store): Promise<void> {
  await store.accounts.createIndexes();
  await store.logEntries.createIndexes();
  await store.apiKeys.createIndexes();
  await store.auditEntries.createIndexes();
  await store.sessionRecords.createIndexes();
  await store.tokenAccesses.createIndexes();
  await store.processes.createIndexes();
  await store.events.createIndexes();
  await store.webhookEndpoints.createIndexes();
  await store.webhookDeliveries.createIndexes();
  await store.connectSessions.createIndexes();
}

export function createStore(
  connection: Connection,
  options: StoreOptions & { vault: Pick<Vault, 'authenticationCode' | 'resealGrant'> },
): Store {
  const { logRetentionDays: retentionDays, vault } = options;
  const events = new Events(connection, retentionDays);
  const integrity = new RowIntegrity(vault, options.logger);
  return {
    accounts: new Accounts(connection, options.rules, vault),
    apiKeys: new ApiKeys(connection, integrity),
    auditEntries: new AuditEntries(connection),
    canary: new Canary(connection),
    connectSessions: new ConnectSessions(connection),
    dueAccounts: new DueAccounts(connection),
    encryptionKeys: new EncryptionKeys(connection),
    events,
    reconnects: new Reconnects(connection, options.rules, vault),
    refreshTokenWarnings: new RefreshTokenWarnings(connection, options.rules),
    grants: new Grants(connection, options.rules, vault),
    limiters: new AppLimiters(connection),
    logEntries: new LogEntries(connection, retentionDays),
    processes: new Processes(connection),
    quarantine: new Quarantine(connection, options.rules, vault),
    restores: new Restores(connection, vault),
    sealedRecords: new SealedRecords(connection),
    sessionRecords: new SessionRecords(connection, integrity),
    settings: new Settings(connection, integrity),
    statistics: new Statistics(connection),
    tokenAccesses: new TokenAccesses(connection, retentionDays),
    validations: new Validations(connection, options.rules),
    webhookDeliveries: new WebhookDeliveries(connection, retentionDays),
    webhookEndpoints: new WebhookEndpoints(connection, integrity),
    webhookOutbox: new WebhookOutbox(connection, events, { retentionDays, integrity }),
    async ping() {
      await connection.db?.admin().ping();
    },
    close: () => connection.close(),
  };
}
