/** The configured providers, ready to use: adapter, credentials, endpoints and policy put together once at start. */
import type { ProviderConfig } from '../providers-file';
import type { Provider, ProviderEnvironment } from './provider';
import { findAdapter } from './registry';

/** Looks providers up by name; the rest of Evergrant never compares names. */
export class ConfiguredProviders {
  readonly #byId: ReadonlyMap<string, Provider>;

  constructor(configs: readonly ProviderConfig[]) {
    this.#byId = new Map(configs.map((config) => [config.id, configuredProvider(config)]));
  }

  find(id: string): Provider | undefined {
    return this.#byId.get(id);
  }

  get all(): Provider[] {
    return [...this.#byId.values()];
  }
}

function configuredProvider(config: ProviderConfig): Provider {
  const adapter = findAdapter(config.adapter);
  if (adapter === undefined) throw new Error(`no adapter named "${config.adapter}"`);
  const environments = new Map<string, ProviderEnvironment>();
  for (const [name, environment] of Object.entries(config.environments)) {
    environments.set(name, {
      tokenEndpoint: new URL(environment.tokenEndpoint),
      client: { client_id: environment.clientId },
      clientAuthentication: adapter.clientAuthentication(environment),
      secrets: [environment.clientSecret],
    });
  }
  return { id: config.id, adapter, policy: config.policy, environments };
}
