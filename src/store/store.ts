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
import { AccountAttention } from './accounts/account-attention';
import { AccountSummaries } from './accounts/account-summaries';
import { AccountTotals } from './accounts/account-totals';
import { Accounts } from './accounts/accounts';
import { Disconnections } from './accounts/disconnections';
import { DueAccounts } from './accounts/due-accounts';
import { Grants } from './accounts/grants';
import { Quarantine } from './accounts/quarantine';
import { Reconnects } from './accounts/reconnects';
import { RefreshTokenWarnings } from './accounts/refresh-token-warnings';
import { Restores } from './accounts/restores';
import { Validations } from './accounts/validations';
import { ConnectSessions } from './connect/connect-sessions';
import { ConnectSettingsOfOrganisations } from './connect/connect-settings';
import { Reminders } from './connect/reminders';
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
import { applyIndexes, checkIndexes, dropCommand, IndexProblem, namesOf } from './mongo/indexes';
import { COUNTED_AT_ONCE_MAX, StoredCounts } from './mongo/stored-counts';
import { Events } from './webhooks/events';
import { WebhookDeliveries } from './webhooks/webhook-deliveries';
import { WebhookEndpoints } from './webhooks/webhook-endpoints';
import { WebhookOutbox } from './webhooks/webhook-outbox';

/** How long a check of readiness waits for MongoDB, in ms. Probes of orchestrators give up after a few seconds. */
const PING_MAX_MS = 5_000;

export interface Store {
  accounts: Accounts;
  accountAttention: AccountAttention;
  accountSummaries: AccountSummaries;
  accountTotals: AccountTotals;
  apiKeys: ApiKeys;
  auditEntries: AuditEntries;
  canary: Canary;
  connectSessions: ConnectSessions;
  connectSettings: ConnectSettingsOfOrganisations;
  disconnections: Disconnections;
  dueAccounts: DueAccounts;
  encryptionKeys: EncryptionKeys;
  events: Events;
  grants: Grants;
  limiters: AppLimiters;
  reconnects: Reconnects;
  refreshTokenWarnings: RefreshTokenWarnings;
  reminders: Reminders;
  logEntries: LogEntries;
  processes: Processes;
  quarantine: Quarantine;
  restores: Restores;
  sealedRecords: SealedRecords;
  sessionRecords: SessionRecords;
  settings: Settings;
  statistics: Statistics;
  storedCounts: StoredCounts;
  tokenAccesses: TokenAccesses;
  validations: Validations;
  webhookDeliveries: WebhookDeliveries;
  webhookEndpoints: WebhookEndpoints;
  webhookOutbox: WebhookOutbox;
  /** Rejects if the primary does not answer a read. */
  ping(): Promise<void>;
  /** The version of the MongoDB server. */
  serverVersion(): Promise<string>;
  close(): Promise<void>;
}

export interface StoreOptions {
  logRetentionDays: number;
  /** The rules by which due times are computed. */
  rules: RefreshRules;
  /** Documents that a request may count itself; for tests. */
  countedAtOnceMax?: number;
  /** Reports rows that were not written by Evergrant. */
  logger: Pick<Logger, 'error'>;
  /** Default: missing indexes are built, and no line is logged. */
  indexes?: { mode: IndexMode; logger: Pick<Logger, 'debug' | 'info' | 'warn'> };
}

/** `manual`: the operator builds indexes with `evergrant indexes apply`. */
export const INDEX_MODES = ['apply', 'manual'] as const;
type IndexMode = (typeof INDEX_MODES)[number];

const APPLIED_SILENTLY: NonNullable<StoreOptions['indexes']> = {
  mode: 'apply',
  logger: { debug: () => undefined, info: () => undefined, warn: () => undefined },
};

/**
 * Connects, verifies the encryption keys against this database, and builds missing indexes.
 * @throws {VaultSealedError} if the keys do not decrypt the canary record of this database
 * @throws {IndexProblem} if an index that refuses duplicates is missing or has another definition
 */
export async function openStore(
  uri: string,
  { ring, ...options }: StoreOptions & { ring: KeyRing },
): Promise<{ store: Store; vault: Vault }> {
  const connection = await openDatabase(uri);
  try {
    const vault = await Vault.open(ring, new Canary(connection));
    const store = createStore(connection, { ...options, vault });
    await completeIndexes(uri, connection, options.indexes ?? APPLIED_SILENTLY);
    return { store, vault };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/**
 * Builds missing indexes on a connection without limits of time: with a large collection it takes longer than any
 * operation may, and with a voting member lost it waits.
 * @throws {IndexProblem} if an index has another definition; with `manual`, if an index is missing that refuses duplicates
 */
async function completeIndexes(
  uri: string,
  connection: Connection,
  { mode, logger }: NonNullable<StoreOptions['indexes']>,
): Promise<void> {
  const { missing, conflicting, unneeded } = await checkIndexes(connection);
  for (const index of unneeded)
    logger.warn(
      { ...index, drop: dropCommand(index) },
      'no query needs this index; it may be dropped',
    );
  if (missing.length === 0 && conflicting.length === 0) return;
  if (mode === 'apply') {
    await onIndexConnection(uri, (building) => applyIndexes(building, logger));
    return;
  }
  const unique = missing.filter(({ isUnique }) => isUnique);
  if (unique.length > 0 || conflicting.length > 0)
    throw new IndexProblem(
      `INDEXES=manual, and MongoDB lacks indexes that refuse duplicates: ${namesOf([...unique, ...conflicting])}. Run: evergrant indexes apply`,
    );
  logger.warn({ missing: namesOf(missing) }, 'indexes are missing. Run: evergrant indexes apply');
}

/** Runs `work` on a connection without limits of time that has all models. */
export async function onIndexConnection<T>(
  uri: string,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await openDatabase(uri, { limits: 'none' });
  try {
    createStore(connection, MODELS_ALONE);
    return await work(connection);
  } finally {
    await connection.close();
  }
}

/** Options of a store whose models are used, and none of whose operations is called. */
const MODELS_ALONE: Parameters<typeof createStore>[1] = {
  logRetentionDays: 1,
  rules: () => {
    throw new TypeError('no account is read');
  },
  logger: { error: () => undefined },
  vault: {
    authenticationCode: () => {
      throw new TypeError('no row is read');
    },
    resealGrant: (grant) => grant,
  },
};

export function createStore(
  connection: Connection,
  options: StoreOptions & { vault: Pick<Vault, 'authenticationCode' | 'resealGrant'> },
): Store {
  const { logRetentionDays: retentionDays, vault } = options;
  const storedCounts = new StoredCounts(
    connection,
    options.countedAtOnceMax ?? COUNTED_AT_ONCE_MAX,
  );
  const events = new Events(connection, retentionDays);
  const integrity = new RowIntegrity(vault, options.logger);
  // A member that is no longer primary answers the command `ping`, but no read.
  const settings = connection.collection('settings');
  return {
    accountAttention: new AccountAttention(connection, storedCounts),
    accountSummaries: new AccountSummaries(connection, storedCounts),
    accountTotals: new AccountTotals(connection, storedCounts),
    accounts: new Accounts(connection, options.rules, vault),
    apiKeys: new ApiKeys(connection, integrity),
    auditEntries: new AuditEntries(connection),
    canary: new Canary(connection),
    connectSessions: new ConnectSessions(connection),
    connectSettings: new ConnectSettingsOfOrganisations(connection),
    disconnections: new Disconnections(connection, vault),
    dueAccounts: new DueAccounts(connection, storedCounts),
    encryptionKeys: new EncryptionKeys(connection),
    events,
    reconnects: new Reconnects(connection, options.rules, vault),
    refreshTokenWarnings: new RefreshTokenWarnings(connection, options.rules),
    reminders: new Reminders(connection),
    grants: new Grants(connection, options.rules, vault),
    limiters: new AppLimiters(connection),
    logEntries: new LogEntries(connection, retentionDays),
    processes: new Processes(connection),
    quarantine: new Quarantine(connection, options.rules, vault),
    restores: new Restores(connection, vault),
    sealedRecords: new SealedRecords(connection, storedCounts),
    sessionRecords: new SessionRecords(connection, integrity),
    settings: new Settings(connection, integrity),
    statistics: new Statistics(connection, storedCounts),
    storedCounts,
    tokenAccesses: new TokenAccesses(connection, retentionDays),
    validations: new Validations(connection, options.rules),
    webhookDeliveries: new WebhookDeliveries(connection, retentionDays),
    webhookEndpoints: new WebhookEndpoints(connection, integrity),
    webhookOutbox: new WebhookOutbox(connection, events, { retentionDays, integrity }),
    async ping() {
      const signal = AbortSignal.timeout(PING_MAX_MS);
      await settings.findOne({}, { projection: { _id: 1 }, signal });
    },
    async serverVersion() {
      const built = await connection.db?.command({ buildInfo: 1 }, { timeoutMS: PING_MAX_MS });
      return String(built?.['version'] ?? 'unknown');
    },
    close: () => connection.close(),
  };
}
