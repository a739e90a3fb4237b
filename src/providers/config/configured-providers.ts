/** Builds the configured providers at start: adapter, credentials, endpoints and policy. */
import type { Client, ClientAuth } from 'oauth4webapi';
import type { RefreshRule, RefreshRules } from '../../domain/account/due-times';
import { DEFAULT_POLICY } from '../../domain/account/policy';
import { DEFAULT_APP_LIMITS } from '../../domain/limits/app-limiter';
import { findAdapter } from '../adapters/registry';
import type { ConsentEndpoint } from '../consent/consent';
import { revocationCall } from '../consent/revocation-call';
import {
  type ClientAuthenticationMethod,
  type ClientCredentials,
  clientAuthentication,
  credentialOf,
  methodOfOwnClient,
} from '../exchange/client-authentication';
import type { CredentialsRules } from '../exchange/credentials-rules';
import {
  accountEndpoint,
  discoveredEndpoint,
  fixedEndpoint,
  isOfAccount,
  type TokenEndpoint,
} from '../exchange/token-endpoint';
import type { Provider, ProviderAdapter, ProviderEnvironment } from '../provider';
import {
  introspection,
  type ValidationEndpoint,
  validationCall,
} from '../validation/validation-endpoint';
import type { EnvironmentConfig, ProviderConfig } from './providers-file';

/** Used to keep due times of a provider that is currently not configured. No sweep refreshes its accounts. */
const UNCONFIGURED: RefreshRule = {
  policy: DEFAULT_POLICY,
  accessTokenLifeSeconds: 3600,
  refreshTokenLifeSeconds: null,
  replayRule: { kind: 'never' },
};

/** Finds providers by name. No other code compares provider names. */
export class ConfiguredProviders {
  readonly #byId: ReadonlyMap<string, Provider>;

  constructor(configs: readonly ProviderConfig[]) {
    this.#byId = new Map(configs.map((config) => [config.id, configuredProvider(config)]));
  }

  find(id: string): Provider | undefined {
    return this.#byId.get(id);
  }

  readonly rule: RefreshRules = (id) => this.#byId.get(id) ?? UNCONFIGURED;

  /** Serialises the settings that the stored due times depend on, so that a change can be detected. */
  policyText(id: string): string {
    const { policy, accessTokenLifeSeconds, refreshTokenLifeSeconds, replayRule } = this.rule(id);
    const { sweepEveryMs, perAccountUpTo: _upTo, batchesAtOnce: _batches, ...rest } = policy;
    return JSON.stringify({
      ...rest,
      // The due times depend on it only with `notBefore`.
      ...(policy.notBeforeMs === null ? {} : { sweepEveryMs }),
      accessTokenLifeSeconds,
      refreshTokenLifeSeconds,
      replayRule,
    });
  }

  get all(): Provider[] {
    return [...this.#byId.values()];
  }
}

function configuredProvider(config: ProviderConfig): Provider {
  const adapter = config.ownAdapter ?? findAdapter(config.adapter);
  if (adapter === undefined) throw new Error(`no adapter named "${config.adapter}"`);
  const environments = new Map(
    Object.entries(config.environments).map(([name, environment]) => [
      name,
      configuredEnvironment(adapter, name, environment),
    ]),
  );
  return {
    id: config.id,
    adapter,
    policy: config.policy,
    replayRule: config.replayRule ?? adapter.replayRule,
    accessTokenLifeSeconds: config.accessTokenLifeSeconds ?? adapter.defaultAccessTokenLifeSeconds,
    applicationTokens: config.applicationTokens ?? false,
    refreshTokenLifeSeconds:
      config.refreshTokenLifeSeconds === undefined
        ? adapter.refreshTokenLifeSeconds
        : config.refreshTokenLifeSeconds,
    // A configured lifetime replaces both clocks of the adapter.
    ...(config.refreshTokenLifeSeconds !== undefined || adapter.consentLifeSeconds === undefined
      ? {}
      : { consentLifeSeconds: adapter.consentLifeSeconds }),
    tokenPath: config.tokenPath ?? adapter.tokenPath ?? null,
    scopeSeparator: config.scopeSeparator ?? adapter.scopeSeparator ?? ' ',
    // A configured separator applies to requests and responses.
    ...(config.scopeSeparator !== undefined || adapter.answerScopeSeparator === undefined
      ? {}
      : { answerScopeSeparator: adapter.answerScopeSeparator }),
    failureCodes: config.failureCodes ?? {},
    environments,
    revocation: config.revocation ?? adapter.consent?.revocation ?? null,
    consent:
      adapter.consent !== undefined &&
      [...environments.values()].some((environment) => environment.consent !== null)
        ? { ...adapter.consent, ...config.consent }
        : null,
  };
}

function configuredEnvironment(
  adapter: ProviderAdapter,
  name: string,
  environment: EnvironmentConfig,
): ProviderEnvironment {
  const { clientId, clientSecret, privateKey, keyId } = environment;
  const method = environment.clientAuthentication ?? adapter.clientAuthenticationMethods[0];
  const client = { client_id: clientId };
  const proof = authenticationOf(adapter, method, {
    clientId,
    clientSecret: clientSecret?.reveal() ?? '',
    ...(privateKey === undefined ? {} : { privateKey: privateKey.reveal() }),
    ...(keyId === undefined ? {} : { keyId }),
  });
  const { issuer } = environment;
  const metadata =
    issuer !== undefined && adapter.discovery === true ? discoveredEndpoint(issuer) : null;
  const tokenEndpoint = endpointOf(adapter, environment, metadata);
  const { revocation } = adapter.consent ?? {};
  const form = revocation?.kind === 'rfc7009' ? revocation.request : undefined;
  return {
    tokenEndpoint,
    refreshEndpoint:
      environment.refreshEndpoint === undefined
        ? null
        : endpointOf(adapter, { ...environment, tokenEndpoint: environment.refreshEndpoint }, null),
    validation: validationOf(adapter, environment, {
      metadata,
      client,
      proof,
      isPublic: method === 'none',
    }),
    consent: consentOf(adapter, environment, metadata),
    revocationEndpoint: environment.revocationEndpoint ?? null,
    ...(form === undefined
      ? {}
      : {
          revocationCall: revocationCall(form, {
            clientId,
            clientSecret: clientSecret?.reveal() ?? '',
          }),
        }),
    hosts: adapter,
    client,
    clientAuthentication: proof,
    isConfidential: credentialOf(method) !== null,
    authenticationOf(own) {
      const ofOwn = methodOfOwnClient(own, method, adapter.clientAuthenticationMethods);
      return ofOwn === null ? null : authenticationOf(adapter, ofOwn, own);
    },
    grants: rulesOf(adapter.grants, name, environment),
    parameters: environment.parameters ?? {},
    secrets: [clientSecret, privateKey].filter((secret) => secret !== undefined),
    limits: { ...DEFAULT_APP_LIMITS, ...environment.limits },
  };
}

function authenticationOf(
  adapter: ProviderAdapter,
  method: ClientAuthenticationMethod,
  credentials: ClientCredentials,
): ClientAuth {
  return (
    adapter.clientAuthentication?.[method]?.(credentials) ??
    clientAuthentication(method, credentials)
  );
}

/** The rules of one environment. */
function rulesOf(
  { client_credentials, jwt_bearer }: CredentialsRules = {},
  name: string,
  { hasOtherTokenEndpoint }: EnvironmentConfig,
): CredentialsRules {
  // An assertion for the server of the adapter must not reach another one, which could use it there.
  const audience = hasOtherTokenEndpoint === true ? undefined : jwt_bearer?.audiences?.[name];
  return {
    ...(client_credentials === undefined ? {} : { client_credentials }),
    ...(jwt_bearer === undefined
      ? {}
      : { jwt_bearer: { ...jwt_bearer, ...(audience === undefined ? {} : { audience }) } }),
  };
}

/** Configured endpoints take precedence. Introspection comes before a call, because it is made for this purpose. */
function validationOf(
  adapter: ProviderAdapter,
  { clientId, clientSecret, ...environment }: EnvironmentConfig,
  server: {
    metadata: TokenEndpoint | null;
    client: Client;
    proof: ClientAuth;
    isPublic: boolean;
  },
): ValidationEndpoint | null {
  const { introspectionEndpoint, validationEndpoint, issuer } = environment;
  const { client, proof, metadata } = server;
  if (introspectionEndpoint !== undefined) {
    const known = {
      issuer: issuer ?? introspectionEndpoint,
      introspection_endpoint: introspectionEndpoint,
    };
    const fixed = { shown: introspectionEndpoint, resolve: () => Promise.resolve(known) };
    return introspection(fixed, client, proof, server);
  }
  if (adapter.validation !== undefined && validationEndpoint !== undefined) {
    return validationCall(
      adapter.validation,
      validationEndpoint,
      { clientId, clientSecret: clientSecret?.reveal() ?? '' },
      adapter,
    );
  }
  if (metadata === null) return null;
  return introspection(
    {
      shown: `<introspection endpoint of ${issuer}>`,
      resolve: () => metadata.resolve({ externalId: '' }),
    },
    client,
    proof,
    server,
  );
}

/** The metadata are read only if an endpoint is missing, because an issuer may have none. */
function consentOf(
  { consent }: ProviderAdapter,
  environment: EnvironmentConfig,
  metadata: TokenEndpoint | null,
): ConsentEndpoint | null {
  const { authorizationEndpoint, tokenEndpoint, issuer, clientSecret } = environment;
  const isDiscovered = authorizationEndpoint === undefined || tokenEndpoint === undefined;
  if (consent === undefined || (authorizationEndpoint === undefined && metadata === null))
    return null;
  return {
    authorizationEndpoint: authorizationEndpoint ?? null,
    identityEndpoint: environment.identityEndpoint ?? null,
    metadata: isDiscovered ? metadata : null,
    issuer: issuer ?? null,
    redirectUri: environment.redirectUri ?? null,
    scopes: environment.consentScopes ?? consent.defaultScopes,
    parameters: { ...consent.parameters, ...environment.consentParameters },
    clientSecret: clientSecret ?? null,
  };
}

function endpointOf(
  adapter: ProviderAdapter,
  { tokenEndpoint, issuer }: EnvironmentConfig,
  metadata: TokenEndpoint | null,
): TokenEndpoint {
  if (tokenEndpoint === undefined) {
    if (metadata === null) throw new Error(`${adapter.id} has neither tokenEndpoint nor issuer`);
    return metadata;
  }
  return isOfAccount(tokenEndpoint, adapter)
    ? accountEndpoint(tokenEndpoint, adapter)
    : fixedEndpoint(tokenEndpoint, issuer);
}
