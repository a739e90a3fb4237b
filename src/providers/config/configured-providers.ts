/** The configured providers, ready to use: adapter, credentials, endpoints and policy put together once at start. */
import type { Client, ClientAuth } from 'oauth4webapi';
import { DEFAULT_LANE_RULE } from '../domain/lane';
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
import { introspection, type ValidationEndpoint, validationCall } from './validation-endpoint';

/** Keeps the clocks of a provider that is not configured just now; nothing sweeps its accounts. */
const UNCONFIGURED: RefreshRule = {
  policy: {
    enabled: true,
    sweepEveryMs: 10 * 60_000,
    perAccountUpTo: 500,
    batchesAtOnce: 4,
    refreshBeforeMs: 15 * 60_000,
    refreshAfterAgeMs: null,
    jitterMs: 0,
    backOffFirstMs: 10_000,
    backOffMaxMs: 3600_000,
    validateEveryMs: null,
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
    const { sweepEveryMs: _, perAccountUpTo: _upTo, batchesAtOnce: _batches, ...rest } = policy;
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
  const { clientId, clientSecret, privateKey, keyId } = environment;
  const method = environment.clientAuthentication ?? adapter.clientAuthenticationMethods[0];
  const authentication =
    adapter.clientAuthentication?.[method] ??
    ((credentials) => clientAuthentication(method, credentials));
  const client = { client_id: clientId };
  const proof = authentication({
    clientId,
    clientSecret: clientSecret?.reveal() ?? '',
    ...(privateKey === undefined ? {} : { privateKey: privateKey.reveal() }),
    ...(keyId === undefined ? {} : { keyId }),
  });
  const tokenEndpoint = endpointOf(adapter, environment);
  return {
    tokenEndpoint,
    validation: validationOf(adapter, environment, { tokenEndpoint, client, proof }),
    client,
    clientAuthentication: proof,
    parameters: environment.parameters ?? {},
    secrets: [clientSecret, privateKey].filter((secret) => secret !== undefined),
    lane: { ...DEFAULT_LANE_RULE, ...environment.lane },
  };
}

/** What was configured comes first; introspection before a call, because it is made for the purpose. */
function validationOf(
  adapter: ProviderAdapter,
  { clientId, clientSecret, ...environment }: EnvironmentConfig,
  server: { tokenEndpoint: TokenEndpoint; client: Client; proof: ClientAuth },
): ValidationEndpoint | null {
  const { introspectionEndpoint, validationEndpoint, issuer } = environment;
  const { client, proof } = server;
  if (introspectionEndpoint !== undefined) {
    const known = {
      issuer: issuer ?? introspectionEndpoint,
      introspection_endpoint: introspectionEndpoint,
    };
    const fixed = { shown: introspectionEndpoint, resolve: () => Promise.resolve(known) };
    return introspection(fixed, client, proof);
  }
  if (adapter.validation !== undefined && validationEndpoint !== undefined) {
    return validationCall(
      adapter.validation,
      validationEndpoint,
      { clientId, clientSecret: clientSecret?.reveal() ?? '' },
      adapter.accountHost,
    );
  }
  if (issuer === undefined || adapter.discovery !== true) return null;
  const discovered = discoveredEndpoint(issuer);
  return introspection(
    {
      shown: `<introspection endpoint of ${issuer}>`,
      resolve: () => discovered.resolve({ externalId: '' }),
    },
    client,
    proof,
  );
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
