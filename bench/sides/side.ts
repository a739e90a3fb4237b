/** A side of the bench: an implementation that refreshes all due accounts and reports when it is done. */

/** The addresses and credentials of one run. Runs differ in their database. */
export interface Setting {
  mongodbUri: string;
  encryptionKeys: string;
  clientId: string;
  clientSecret: string;
  tokenEndpoint: string;
  /** The provider's entry for a process of Evergrant. */
  providersFile: string;
  /** Concurrent refreshes, if the side has such a setting. */
  concurrency: number;
  temporal: { address: string; namespace: string };
  redisUrl: string;
  /** The log file of the side's processes. */
  logFile: string;
}

/** The needs of a side beside MongoDB and the provider. */
export type Need = 'temporal' | 'redis' | 'packages' | 'python';

interface RunningSide {
  /** Refreshes all due accounts; resolves when all `due` accounts are done. */
  refreshDue(due: number): Promise<void>;
  stop(): Promise<void>;
}

export interface Side {
  name: string;
  /** Concurrencies that its documentation advises; the fastest is found before the rounds. */
  concurrencies: readonly number[];
  /** Maximum number of accounts with a slow provider, for a side whose rate does not depend on it. */
  accountsMax?: number;
  start(setting: Setting): Promise<RunningSide>;
}

/** The provider's id in `providers.yaml`. It rotates strictly, so that a replay is visible. */
export const PROVIDER = 'etsy';
export const ORGANISATION = 'bench';
