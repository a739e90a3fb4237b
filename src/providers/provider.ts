/**
 * The provider contract: the facts that an adapter states about one kind of OAuth server. Data and pure functions only;
 * `token-request.ts` sends requests for all adapters.
 */
import type { Client, ClientAuth } from 'oauth4webapi';
import type { AccountState } from '../domain/account/account';
import type { RefreshPolicy } from '../domain/account/policy';
import type { ScopeSeparator } from '../domain/account/scopes';
import type { AppLimits } from '../domain/limits/app-limiter';
import type { Secret } from '../domain/masking/secret';
import type { RefreshFailureCode } from '../domain/refresh/refresh-failure';
import type { ReplayRule } from '../domain/refresh/replay';
import type { ProviderFile } from './catalogue/provider-file';
import type { ConsentEndpoint, ConsentRules, RevocationRule } from './consent/consent';
import type { RevocationCall } from './consent/revocation-call';
import type {
  ClientAuthenticationMethod,
  ClientCredentials,
} from './exchange/client-authentication';
import type { CredentialsRules } from './exchange/credentials-rules';
import type { AccountHost, AccountHosts, TokenEndpoint } from './exchange/token-endpoint';
import type { TransportRequest } from './exchange/transport';
import type { ValidationEndpoint } from './validation/validation-endpoint';
import type { TokenValidation } from './validation/validation-rule';

export interface ProviderAdapter {
  /** The name in `providers.yaml`. */
  id: string;
  /** The name shown to people. */
  displayName: string;
  /** The provider file that describes it. Absent: the adapter for any RFC 6749 server. */
  file?: ProviderFile;
  /** Policy defaults of this provider. `providers.yaml` can override them; other settings share one default. */
  defaultPolicy: Pick<
    RefreshPolicy,
    'sweepEveryMs' | 'refreshBeforeMs' | 'refreshAfterAgeMs' | 'validateEveryMs'
  > &
    Partial<Pick<RefreshPolicy, 'notBeforeMs'>>;
  /**
   * URLs by environment; `providers.yaml` can override them. `{account}` stands for the account's host. An environment
   * that is not listed needs a configured endpoint, or an issuer if {@link discovery} is set.
   */
  tokenEndpoints: Readonly<Record<string, string>>;
  /** URLs of refreshes by environment, if they differ from {@link tokenEndpoints}. */
  refreshEndpoints?: Readonly<Record<string, string>>;
  /** The environment of an account if none is given. */
  defaultEnvironment: string;
  /**
   * Set if each account has its own host. Returns that host, or `null` if the external id is not one. It is also the
   * stored form of the external id, see `external-id.ts`.
   */
  accountHost?: AccountHost;
  /** Hosts in provider values, for `{name}` in the URLs of a provider file. */
  keptHosts?: Readonly<Record<string, AccountHost>>;
  /** The token endpoint can be discovered from an issuer's metadata. */
  discovery?: boolean;
  /**
   * Some access tokens do not expire and have no refresh token. For other providers an unstated expiry is the default
   * lifetime, never "does not expire".
   */
  nonExpiringTokens?: true;
  /** Lifetime of an access token if the response does not state one. */
  defaultAccessTokenLifeSeconds: number;
  /** Lifetime of a new refresh token if the response does not state one. `null`: unknown, or it does not expire. */
  refreshTokenLifeSeconds: number | null;
  /** Lifetime of all refresh tokens of a consent, which no rotation extends. Absent: unknown, or there is no such end. */
  consentLifeSeconds?: number;
  replayRule: ReplayRule;
  /** Token types that this provider returns besides `Bearer`, in lower case. */
  tokenTypes: readonly Lowercase<string>[];
  /** Responses omit `token_type`, which RFC 6749 requires. Suppresses the warning about it. */
  omitsTokenType?: boolean;
  /** Separator between scopes. Default: a space. */
  scopeSeparator?: ScopeSeparator;
  /** Separator between scopes in responses, if it is not that of requests. */
  answerScopeSeparator?: ScopeSeparator;
  /** Path to the tokens in a response if nothing is configured. Absent: the outermost object. */
  tokenPath?: string;
  /** Shapes a token request that is built as RFC 6749 defines it. Absent: it is sent as it is. */
  shapeRequest?(
    request: Omit<TransportRequest, 'deadlineMs'>,
  ): Omit<TransportRequest, 'deadlineMs'>;
  /** Gives the members of a 2xx body the names of RFC 6749. Returns `null` if the body is a refusal. */
  readableAnswer?(body: string): string | null;
  /** Paths of members of a token response that are kept as provider values. */
  keptMembers?: readonly string[];
  /** A refresh must repeat the `redirect_uri` of the consent. */
  redirectUriAtRefresh?: true;
  /** Path to the error code in a refusal, in addition to the usual members. */
  errorPath?: string;
  /** The accepted methods, default first. */
  clientAuthenticationMethods: readonly [
    ClientAuthenticationMethod,
    ...ClientAuthenticationMethod[],
  ];
  /** Methods that this provider implements differently from the RFCs. */
  clientAuthentication?: Partial<
    Record<ClientAuthenticationMethod, (credentials: ClientCredentials) => ClientAuth>
  >;
  /** Returns why a text cannot be a token of this provider. Such input is rejected. */
  tokenProblem?(token: string): string | null;
  /** Returns a warning about an unusual refresh token, for input and log entries. The token is sent nevertheless. */
  refreshTokenWarning(refreshToken: string): string | null;
  /** Error codes of this provider whose meaning differs from RFC 6749. */
  failureCodes: Readonly<Record<string, RefreshFailureCode>>;
  /** Decides cases in which the code alone is ambiguous. Takes precedence over {@link failureCodes}. */
  failureCode?: (refusal: Refusal) => RefreshFailureCode | undefined;
  /** A refusal may have status 200, with an `error` and no token in its body. */
  refusesWithSuccess?: boolean;
  /** How to validate an access token. Absent: not possible. */
  validation?: TokenValidation;
  /** How the owner of an account consents. Absent: this provider has no consent flow. */
  consent?: ConsentRules;
  /** How tokens are issued for credentials. A grant type that is absent is not supported. */
  grants?: CredentialsRules;
  /** The state of accounts that the provider refuses. Default: `needs_reconnect`. */
  refusedState?: Extract<AccountState, 'inactive'>;
}

export interface Refusal {
  status: number;
  /** Its error codes: `error` first, then the others in the response. */
  words: readonly string[];
  /** Its messages for people. */
  texts: readonly string[];
}

export interface ProviderEnvironment {
  tokenEndpoint: TokenEndpoint;
  /** `null`: refreshes use {@link tokenEndpoint}. */
  refreshEndpoint: TokenEndpoint | null;
  /** `null`: access tokens of this provider cannot be validated. */
  validation: ValidationEndpoint | null;
  /** `null`: no authorization endpoint is known or configured. */
  consent: ConsentEndpoint | null;
  /** `null`: from the issuer's metadata, otherwise there is none. May depend on the account. */
  revocationEndpoint: string | null;
  /** A revocation that differs from RFC 7009. Absent: by RFC 7009. */
  revocationCall?: RevocationCall;
  /** The hosts of accounts in the endpoints of revocation and identity. */
  hosts?: AccountHosts;
  client: Client;
  clientAuthentication: ClientAuth;
  /** The app has a secret or a key, so that it may use the client credentials grant. */
  isConfidential: boolean;
  /**
   * The authentication of a client that is an account's own; `null`: the provider accepts no such credentials.
   * @throws if the private key is unusable
   */
  authenticationOf(own: ClientCredentials): ClientAuth | null;
  grants: CredentialsRules;
  /** Additional parameters of a refresh request, besides those of RFC 6749. */
  parameters: Readonly<Record<string, string>>;
  /** Values that must be masked wherever they appear. */
  secrets: readonly Secret[];
  limits: AppLimits;
}

/** A configured provider: its adapter with credentials, endpoints and policy. */
export interface Provider {
  id: string;
  adapter: ProviderAdapter;
  policy: RefreshPolicy;
  replayRule: ReplayRule;
  accessTokenLifeSeconds: number;
  refreshTokenLifeSeconds: number | null;
  consentLifeSeconds?: number;
  /** Accounts without a person may use the OAuth app of this provider, whose rights all organisations would share. */
  applicationTokens: boolean;
  /** Path to the tokens in a response, as member names joined by dots. `null`: the outermost object. */
  tokenPath: string | null;
  scopeSeparator: ScopeSeparator;
  /** Separator between scopes in responses. Absent: {@link scopeSeparator}. */
  answerScopeSeparator?: ScopeSeparator;
  /** Configured error codes. They take precedence over the adapter's. */
  failureCodes: ProviderAdapter['failureCodes'];
  /** The adapter's consent rules with the configured ones. `null`: this provider has no consent flow. */
  consent: ConsentRules | null;
  /** The effects of a revocation, from the adapter or the configuration. `null`: nothing is known. */
  revocation: RevocationRule | null;
  environments: ReadonlyMap<string, ProviderEnvironment>;
}
