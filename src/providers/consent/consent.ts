/** The contract of a consent: what an adapter states about the authorization endpoint, and what an environment resolves to. */
import type { Secret } from '../../domain/masking/secret';

/** A value that the person enters before the consent, such as the shop. */
export interface ConsentInput {
  name: string;
  /** The label of the field, in English; `connect-texts.ts` may translate it. */
  label: string;
  example: string;
  /** Returns the stored form, or `null` if the text is not valid. */
  normalise(text: string): string | null;
  /** The input is the account's external id. */
  isExternalId?: boolean;
}

/** How the subject of a consent is determined. */
export type SubjectRule =
  /** `iss` and `sub` of the validated ID token. */
  | { kind: 'id_token'; label?: string }
  /** A member of the token response; the path is member names joined by dots. */
  | { kind: 'answer'; path: string; label?: string }
  /** A parameter of the callback, such as Shopify's `shop`, which `verifyCallback` has proved. */
  | { kind: 'callback'; parameter: string }
  /** One request with the new access token. */
  | { kind: 'request'; url: string; path: string; label?: string; headers?: Record<string, string> }
  | { kind: 'none' };

export interface ConsentRules {
  /** By environment; `{account}` stands for the account's host. Absent: from the issuer's metadata or the configuration. */
  authorizationEndpoints: Readonly<Record<string, string>>;
  pkce: 'S256' | 'refused';
  /** Extra parameters of the authorization request, such as `access_type=offline`. */
  parameters: Readonly<Record<string, string>>;
  defaultScopes: readonly string[];
  inputs: readonly ConsentInput[];
  subject: SubjectRule;
  /** A code exchange without a refresh token is a failure that names the cause. */
  refreshTokenExpected: boolean;
  /** Verifies provider-specific signatures of the callback, such as Shopify's `hmac`. Absent: nothing to verify. */
  verifyCallback?(parameters: URLSearchParams, clientSecret: Secret | null): boolean;
  revocation: RevocationRule;
}

export type RevocationRule =
  | { kind: 'rfc7009'; endpoints: Readonly<Record<string, string>>; effect: string }
  | { kind: 'not_supported'; effect: string };

/** The consent of one environment of a configured provider. */
export interface ConsentEndpoint {
  /** `null`: from the issuer's metadata. */
  authorizationEndpoint: string | null;
  /** Replaces the redirect URI in requests (eBay's RuName). `null`: the callback URL itself. */
  redirectUri: string | null;
  scopes: readonly string[];
}
