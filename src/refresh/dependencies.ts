/** The dependencies of a refresh, and of every activity; the worker builds them once. */
import type { Limiter } from '../limits/limiter';
import type { ConfiguredProviders } from '../providers/config/configured-providers';
import type { Transport } from '../providers/exchange/transport';
import type { Store } from '../store/store';
import type { Vault } from '../vault/vault';
import type { RestoreGuard } from './restore-guard';

export interface RefreshDependencies {
  store: Store;
  vault: Vault;
  providers: ConfiguredProviders;
  transport: Transport;
  /** Grants permission before each request to a provider. */
  appLimiter: Limiter;
  restoreGuard: RestoreGuard;
  /** Identifies this process in claims. */
  worker: string;
  /** When aborted, the worker finishes refreshes in flight and begins no more. */
  stopping: AbortSignal;
  now: () => Date;
}
