/** What a side of the bench is: something that refreshes all that is due, its own way, and tells when it is through. */

/** Where everything is. The same for all sides of one run but for the database, which is each run's own. */
export interface Setting {
  mongodbUri: string;
  encryptionKeys: string;
  clientId: string;
  clientSecret: string;
  tokenEndpoint: string;
  /** The same provider as a process of Evergrant reads it. */
  providersFile: string;
  /** How many accounts may be under way at once, where the side has such a knob. */
  concurrency: number;
  temporal: { address: string; namespace: string };
  redisUrl: string;
  /** Where the processes of the side log to. */
  logFile: string;
}

/** What a side stands on beside MongoDB and the provider. */
export type Need = 'temporal' | 'redis' | 'packages' | 'python';

interface RunningSide {
  /** Refreshes what is due; resolves when the last of `due` accounts is through. */
  refreshDue(due: number): Promise<void>;
  stop(): Promise<void>;
}

export interface Side {
  name: string;
  /** What it may have under way at once, as its documentation advises; the fastest is found before the rounds. */
  concurrencies: readonly number[];
  /** It is measured with so many accounts at most where the provider is slow: its rate does not depend on them. */
  accountsMax?: number;
  start(setting: Setting): Promise<RunningSide>;
}

/** The provider as `providers.yaml` names it: strict rotation, so that a second use of a refresh token shows. */
export const PROVIDER = 'etsy';
export const ORGANISATION = 'bench';
