/** The store: everything that is kept in MongoDB, opened together. */
import type { Connection } from 'mongoose';
import { Accounts } from './accounts';
import { ApiKeys } from './api-keys';
import { openDatabase } from './database';
import { DueAccounts } from './due-accounts';
import { Grants } from './grants';
import { LogEntries } from './log-entries';
import { Settings } from './settings';
import { TokenHandouts } from './token-handouts';
import { Validations } from './validations';

export interface Store {
  accounts: Accounts;
  apiKeys: ApiKeys;
  dueAccounts: DueAccounts;
  grants: Grants;
  logEntries: LogEntries;
  settings: Settings;
  tokenHandouts: TokenHandouts;
  validations: Validations;
  /** Whether the database answers now. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** Connects, and makes sure of the indexes. */
export async function openStore(
  uri: string,
  options: { logRetentionDays: number },
): Promise<Store> {
  const connection = await openDatabase(uri);
  const store = createStore(connection, options);
  await store.accounts.createIndexes();
  await store.logEntries.createIndexes();
  await store.apiKeys.createIndexes();
  await store.tokenHandouts.createIndexes();
  return store;
}

function createStore(
  connection: Connection,
  options: { logRetentionDays: number },
): Store & { accounts: Accounts } {
  return {
    accounts: new Accounts(connection),
    apiKeys: new ApiKeys(connection),
    dueAccounts: new DueAccounts(connection),
    grants: new Grants(connection),
    logEntries: new LogEntries(connection, options.logRetentionDays),
    settings: new Settings(connection),
    tokenHandouts: new TokenHandouts(connection, options.logRetentionDays),
    validations: new Validations(connection),
    async ping() {
      await connection.db?.admin().ping();
    },
    close: () => connection.close(),
  };
}
