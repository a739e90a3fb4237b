/** The configured providers, ready to use: adapter, credentials, endpoints and policy put together once at start. */
import type { RefreshRule, RefreshRules } from '../domain/refresh-policy';
import type { EnvironmentConfig, ProviderConfig } from '../providers-file';
import { clientAuthentication } from './client-authentication';
import type { Provider, ProviderAdapter, ProviderEnvironment } from './provider';
import { findAdapter } from './registry';
import {
  accountEndpoint,
  discoveredEndpoint,
  fixedEndpoint,
  type TokenEndpoint,
} from './token-endpoint';

/** Keeps the clocks of a provider that is not configured just now; nothing sweeps its accounts. */
const UNCONFIGURED: RefreshRule = {
  policy: {
    enabled: true,
    sweepEveryMs: 10 * 60_000,
    refreshBeforeMs: 15 * 60_000,
    refreshAfterAgeMs: null,
    jitterMs: 0,
    backOffFirstMs: 10_000,
    backOffMaxMs: 3600_000,
  },
  accessTokenLifeSeconds: 3600,
};

/** Looks providers up by name; the rest of Evergrant never compares names. */
export class ConfiguredProviders {
  readonly #byId: ReadonlyMap<string, Provider>;

  constructor(configs: readonly ProviderConfig[]) {
    this.#byId = new Map(configs.map((config) => [config.id, configuredProvider(config)]));
  }

  find(id: string): Provider | undefined {
    return this.#byId.get(id);
  }

  /** When a provider's accounts are due. */
  readonly rule: RefreshRules = (id) => this.#byId.get(id) ?? UNCONFIGURED;

  /** What the stored clocks of a provider's accounts follow from, to be compared. */
  policyText(id: string): string {
    const { policy, accessTokenLifeSeconds } = this.rule(id);
    const { sweepEveryMs: _, ...rest } = policy;
    return JSON.stringify({ ...rest, accessTokenLifeSeconds });
  }

  get all(): Provider[] {
    return [...this.#byId.values()];
  }
}

function configuredProvider(config: ProviderConfig): Provider {
  const adapter = findAdapter(config.adapter);
  if (adapter === undefined) throw new Error(`no adapter named "${config.adapter}"`);
  return {
    id: config.id,
    adapter,
    policy: config.policy,
    replayRule: config.replayRule ?? adapter.replayRule,
    accessTokenLifeSeconds: config.accessTokenLifeSeconds ?? adapter.defaultAccessTokenLifeSeconds,
    refreshTokenLifeSeconds:
      config.refreshTokenLifeSeconds === undefined
        ? adapter.refreshTokenLifeSeconds
        : config.refreshTokenLifeSeconds,
    failureCodes: config.failureCodes ?? {},
    environments: new Map(
      Object.entries(config.environments).map(([name, environment]) => [
        name,
        configuredEnvironment(adapter, environment),
      ]),
    ),
  };
}

function configuredEnvironment(
  adapter: ProviderAdapter,
  environment: EnvironmentConfig,
): ProviderEnvironment {
  const { clientId, clientSecret = '', privateKey, keyId } = environment;
  const method = environment.clientAuthentication ?? adapter.clientAuthenticationMethods[0];
  const authentication =
    adapter.clientAuthentication?.[method] ??
    ((credentials) => clientAuthentication(method, credentials));
  return {
    tokenEndpoint: endpointOf(adapter, environment),
    client: { client_id: clientId },
    clientAuthentication: authentication({
      clientId,
      clientSecret,
      ...(privateKey === undefined ? {} : { privateKey }),
      ...(keyId === undefined ? {} : { keyId }),
    }),
    parameters: environment.parameters ?? {},
    secrets: [clientSecret, privateKey ?? ''].filter((secret) => secret !== ''),
  };
}

function endpointOf(
  adapter: ProviderAdapter,
  { tokenEndpoint, issuer }: EnvironmentConfig,
): TokenEndpoint {
  if (tokenEndpoint === undefined) {
    if (issuer === undefined) throw new Error(`${adapter.id}: neither tokenEndpoint nor issuer`);
    return discoveredEndpoint(issuer);
  }
  return adapter.accountHost !== undefined && tokenEndpoint.includes('{account}')
    ? accountEndpoint(tokenEndpoint, adapter.accountHost)
    : fixedEndpoint(tokenEndpoint, issuer);
}
