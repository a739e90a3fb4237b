/**
 * The provider contract: what an adapter says about one kind of OAuth server. Data and pure functions only; sending
 * is done for all of them by `token-exchange.ts`.
 */
import type { Client, ClientAuth } from 'oauth4webapi';
import type { RefreshFailureCode } from '../domain/refresh-failure';
import type { RefreshPolicy } from '../domain/refresh-policy';
import type { ReplayRule } from '../domain/replay';

export interface ProviderAdapter {
  /** The name in `providers.yaml`. */
  id: string;
  /** The name people know. */
  displayName: string;
  defaultPolicy: RefreshPolicy;
  /** By environment; every one can be overridden in `providers.yaml`. */
  tokenEndpoints: Readonly<Record<string, string>>;
  /** The environment an account belongs to when nothing is said. */
  defaultEnvironment: string;
  /** Used where an answer does not say how long the access token lives. */
  defaultAccessTokenLifeSeconds: number;
  replayRule: ReplayRule;
  /** Token types this provider answers beside `Bearer`, in lower case. */
  tokenTypes: readonly Lowercase<string>[];
  clientAuthentication(credentials: ClientCredentials): ClientAuth;
  /** What looks odd about a refresh token of this provider; it is reported, and sent all the same (R1.4). */
  refreshTokenWarning(refreshToken: string): string | null;
  /** Where this provider's error codes mean something else than RFC 6749 says. */
  failureCodes: Readonly<Record<string, RefreshFailureCode>>;
}

interface ClientCredentials {
  clientId: string;
  clientSecret: string;
}

/** One environment of a configured provider, ready to send to. */
export interface ProviderEnvironment {
  tokenEndpoint: URL;
  client: Client;
  clientAuthentication: ClientAuth;
  /** Values that must not come through in anything shown. */
  secrets: readonly string[];
}

/** A provider as configured: its adapter with credentials, endpoints and policy. */
export interface Provider {
  id: string;
  adapter: ProviderAdapter;
  policy: RefreshPolicy;
  environments: ReadonlyMap<string, ProviderEnvironment>;
}
