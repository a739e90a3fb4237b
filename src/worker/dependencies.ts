/** The dependencies of a worker. */
import type { Logger } from 'pino';
import type { Config } from '../process/config';
import type { Store } from '../store/store';
import type { Vault } from '../vault/vault';

export interface WorkerDependencies {
  config: Config;
  /** The address of Temporal: configured, or of the embedded server. */
  temporal: NonNullable<Config['temporal']['connection']>;
  store: Store;
  vault: Vault;
  logger: Logger;
  /** Interval of the check that Temporal still has the schedules, in ms; default: 30 s. */
  lookEveryMs?: number;
  /** File with the code of the workflows; default: the bundle that `npm run build` writes. */
  workflowBundle?: string;
}
