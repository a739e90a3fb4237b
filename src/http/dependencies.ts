/** The dependencies of routes; each process builds them once. */
import type { Logger } from 'pino';
import type { Principal } from '../domain/access/principal';
import type { Secret } from '../domain/masking/secret';
import type { Config, JwtConfig, OidcConfig, WebhookConfig } from '../process/config';
import type { ConfiguredProviders } from '../providers/config/configured-providers';
import type { ConsentClient } from '../providers/consent/consent-client';
import type { AuditAnchors } from '../services/audit/audit-anchors';
import type { AuditLog } from '../services/audit/audit-log';
import type { OrganisationSettings } from '../services/connect/connect-settings';
import type { TokenAccessLog } from '../services/tokens/token-access-log';
import type { Store } from '../store/store';
import type { ConnectClient } from '../temporal/connect-client';
import type { EncryptionClient } from '../temporal/encryption-client';
import type { RefreshClient } from '../temporal/refresh-client';
import type { ScheduleClient } from '../temporal/schedule-client';
import type { WorkflowClient } from '../temporal/workflow-client';
import type { Vault } from '../vault/vault';
import type { TrustedProxies } from './trusted-proxies';

export interface ApiDependencies {
  store: Store;
  vault: Vault;
  providers: ConfiguredProviders;
  refreshes: RefreshClient;
  schedules: ScheduleClient;
  workflows: WorkflowClient;
  encryption: EncryptionClient;
  tokenAccesses: Pick<TokenAccessLog, 'record'>;
  audit: AuditLog;
  anchors: Pick<AuditAnchors, 'read'>;
  logger: Logger;
  /** API keys from the environment, in addition to those in the store. */
  configuredKeys: { key: Secret; principal: Principal }[];
  jwt: JwtConfig | null;
  /** `null`: people sign in with keys only. */
  oidc: OidcConfig | null;
  /** The public address of the pages; `null`: the address that the request used. */
  publicUrl: URL | null;
  trustedProxies: TrustedProxies;
  consent: ConsentClient;
  connect: ConnectClient;
  connectSettings: OrganisationSettings;
  /** For the page of settings. */
  configured: Pick<Config, 'settings' | 'unconfiguredProviders'>;
  webhooks: Pick<WebhookConfig, 'allowPrivateAddresses'>;
  now: () => Date;
  /** Aborted when the process is asked to stop, so that endless streams end. */
  stopping: AbortSignal;
}
