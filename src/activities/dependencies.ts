/** What the activities work with; the worker builds it once. */

import type { ConfiguredProviders } from '../providers/configured-providers';
import type { Transport } from '../providers/transport';
import type { Store } from '../store/store';
import type { Vault } from '../vault/vault';
import type { LanePermits } from './lane-permits';
import type { RestoreGuard } from './restore-guard';

export interface ActivityDependencies {
  store: Store;
  vault: Vault;
  providers: ConfiguredProviders;
  transport: Transport;
  /** Asked before anything is sent to a provider. */
  permits: LanePermits;
  restoreGuard: RestoreGuard;
  /** Names this process in claims. */
  worker: string;
  /** The worker ends: what is under way is finished, and nothing more is begun. */
  stopping: AbortSignal;
  now: () => Date;
}
