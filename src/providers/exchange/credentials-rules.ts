/** How a provider issues tokens for an account's credentials: facts, as an adapter states them. */

interface GrantRule {
  /** Additional parameters of the token request. */
  parameters: Readonly<Record<string, string>>;
  /** Requested if the account states no scopes. */
  defaultScopes: readonly string[];
}

interface JwtBearerRule extends GrantRule {
  /** `aud` by environment. Absent: the URL of the token endpoint. */
  audiences?: Readonly<Record<string, string>>;
  /** `aud` in one environment. */
  audience?: string;
  /** Whether scopes are a claim of the assertion or a parameter of the request, as RFC 7521 defines. */
  scopes: 'claim' | 'parameter';
  /** Lifetime of an assertion, in seconds. */
  lifeSeconds: number;
  /** `sub` if the account states no subject: the issuer, or none. `required`: each account must state it. */
  subject: 'issuer' | 'none' | 'required';
  /** Whether the request authenticates a client beside the assertion: the account's own, or else the app. */
  client: 'required' | 'optional';
}

export interface CredentialsRules {
  client_credentials?: GrantRule;
  jwt_bearer?: JwtBearerRule;
}

/** Longest lifetime of an assertion, in seconds. A stolen assertion gives tokens for this long. */
export const ASSERTION_LIFE_MAX_SECONDS = 300;
