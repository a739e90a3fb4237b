/**
 * The provider contract: what an adapter says about one kind of OAuth server. Data and pure functions only; sending
 * is done for all of them by `token-exchange.ts`.
 */

import type { Client, ClientAuth } from 'oauth4webapi';
import type { AccountState } from '../domain/account';
import type { LaneRule } from '../domain/lane';
import type { RefreshFailureCode } from '../domain/refresh-failure';
import type { RefreshPolicy } from '../domain/refresh-policy';
import type { ReplayRule } from '../domain/replay';
import type { Secret } from '../domain/secret';
import type { ClientAuthenticationMethod, ClientCredentials } from './client-authentication';
import type { AccountHost, TokenEndpoint } from './token-endpoint';
import type { ValidationEndpoint } from './validation-endpoint';

export interface ProviderAdapter {
  /** The name in `providers.yaml`. */
  id: string;
  /** The name people know. */
  displayName: string;
  /** What `providers.yaml` may say otherwise; the rest of the policy has one default for all providers. */
  defaultPolicy: Pick<
    RefreshPolicy,
    'sweepEveryMs' | 'refreshBeforeMs' | 'refreshAfterAgeMs' | 'validateEveryMs'
  >;
  /**
   * By environment; every one can be overridden in `providers.yaml`. `{account}` stands for the account's own host.
   * An environment that is not listed needs an endpoint of its own, or an issuer where there is {@link discovery}.
   */
  tokenEndpoints: Readonly<Record<string, string>>;
  /** The environment an account belongs to when nothing is said. */
  defaultEnvironment: string;
  /** Where each account has a host of its own: that host, or `null` if the external id names none. */
  accountHost?: AccountHost;
  /** The token endpoint may be learned from an issuer's metadata. */
  discovery?: boolean;
  /** There are access tokens that do not end and come without a refresh token. Elsewhere an end that is not stated is the default life, never "never". */
  nonExpiringTokens?: true;
  /** Used where an answer does not say how long the access token lives. */
  defaultAccessTokenLifeSeconds: number;
  /** How long a new refresh token lives where the answer does not say; `null`: not known, or it does not end. */
  refreshTokenLifeSeconds: number | null;
  replayRule: ReplayRule;
  /** Token types this provider answers beside `Bearer`, in lower case. */
  tokenTypes: readonly Lowercase<string>[];
  /** Its answers carry no `token_type`, which RFC 6749 requires: no reason to complain of each. */
  omitsTokenType?: boolean;
  /** What stands between two scopes; a space, if nothing is said. */
  scopeSeparator?: ',';
  /** The methods it accepts, the default one first. */
  clientAuthenticationMethods: readonly [
    ClientAuthenticationMethod,
    ...ClientAuthenticationMethod[],
  ];
  /** Where a method is not done as the RFCs say. */
  clientAuthentication?: Partial<
    Record<ClientAuthenticationMethod, (credentials: ClientCredentials) => ClientAuth>
  >;
  /** What looks odd about a refresh token of this provider; it is reported, and sent all the same (R1.4). */
  refreshTokenWarning(refreshToken: string): string | null;
  /** Where this provider's error codes mean something else than RFC 6749 says. */
  failureCodes: Readonly<Record<string, RefreshFailureCode>>;
  /** Where the code alone does not tell; comes before {@link failureCodes}. */
  failureCode?: (refusal: Refusal) => RefreshFailureCode | undefined;
  /** A refusal may come with status 200, as a body with an `error` and no token. */
  refusesWithSuccess?: boolean;
  /** How it is asked whether an access token works; absent: it cannot be asked. */
  validation?: TokenValidation;
  /** What becomes of an account whose tokens it refuses; `needs_reconnect`, if nothing is said. */
  refusedState?: Extract<AccountState, 'inactive'>;
}

/** One cheap call that any living access token may make. */
export interface TokenValidation {
  /** By environment, as {@link ProviderAdapter.tokenEndpoints}; `validationEndpoint` of `providers.yaml` comes first. */
  endpoints: Readonly<Record<string, string>>;
  method: 'GET' | 'POST';
  body?: { contentType: string; text: string };
  /** The headers that present the token, where it is not `Authorization: Bearer` alone. */
  present?: (
    accessToken: string,
    client: { clientId: string; clientSecret: string },
  ) => Record<string, string>;
  /** Where statuses alone do not tell; `undefined`: 2xx is valid, 401 and 403 refuse the token, others say nothing. */
  judge?: (status: number, body: Record<string, unknown> | null) => TokenJudgement | undefined;
}

/** `access_token_refused`: the token is dead. Any other failure leaves open whether it works. */
export type TokenJudgement = 'valid' | RefreshFailureCode;

/** What an authorization server says when it refuses. */
export interface Refusal {
  status: number;
  error: string;
  description: string | undefined;
}

/** One environment of a configured provider, ready to send to. */
export interface ProviderEnvironment {
  tokenEndpoint: TokenEndpoint;
  /** `null`: this provider cannot be asked whether an access token works. */
  validation: ValidationEndpoint | null;
  client: Client;
  clientAuthentication: ClientAuth;
  /** Parameters of a refresh request beside those of RFC 6749. */
  parameters: Readonly<Record<string, string>>;
  /** Values that must not come through in anything shown. */
  secrets: readonly Secret[];
  /** What may be sent for this OAuth app. */
  lane: LaneRule;
}

/** A provider as configured: its adapter with credentials, endpoints and policy. */
export interface Provider {
  id: string;
  adapter: ProviderAdapter;
  policy: RefreshPolicy;
  replayRule: ReplayRule;
  accessTokenLifeSeconds: number;
  refreshTokenLifeSeconds: number | null;
  /** Beside the adapter's, and before them. */
  failureCodes: ProviderAdapter['failureCodes'];
  environments: ReadonlyMap<string, ProviderEnvironment>;
}
