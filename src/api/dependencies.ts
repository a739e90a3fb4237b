/** What the routes work with; built once for each process. */
import type { Logger } from 'pino';
import type { JwtConfig, OidcConfig, WebhookConfig } from '../config';
import type { Secret } from '../domain/secret';
import type { ConfiguredProviders } from '../providers/configured-providers';
import type { Principal } from '../store/api-keys';
import type { Store } from '../store/store';
import type { Vault } from '../vault/vault';
import type { AuditLog } from './audit-log';
import type { EncryptionClient } from './encryption-client';
import type { HandoutLog } from './handout-log';
import type { RefreshClient } from './refresh-client';
import type { ScheduleClient } from './schedule-client';
import type { WorkflowClient } from './workflow-client';

export interface ApiDependencies {
  store: Store;
  vault: Vault;
  providers: ConfiguredProviders;
  refreshes: RefreshClient;
  schedules: ScheduleClient;
  workflows: WorkflowClient;
  encryption: EncryptionClient;
  handouts: Pick<HandoutLog, 'record'>;
  audit: AuditLog;
  logger: Logger;
  /** Keys that come from the environment, beside those in the store. */
  configuredKeys: { key: Secret; principal: Principal }[];
  jwt: JwtConfig | null;
  /** `null`: people sign in with keys only. */
  oidc: OidcConfig | null;
  webhooks: Pick<WebhookConfig, 'allowPrivateAddresses'>;
  now: () => Date;
  /** Aborted when the process is asked to end: a stream, which has no end of its own, ends then. */
  stopping: AbortSignal;
}

/** What a request carries once it is authenticated. */
export interface ApiEnv {
  Variables: {
    requestId: string;
    principal: Principal;
    /** When it came, before anything was done about it: a refresh that ends after this moment answers it. */
    askedAt: Date;
  };
}
