/** The contract of a consent: what an adapter states about the authorization endpoint, and what an environment resolves to. */
import type { RevocationResult } from '../../domain/connect/disconnection';
import type { Secret } from '../../domain/masking/secret';
import type { TokenEndpoint } from '../exchange/token-endpoint';

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

/** How the subject of a consent is determined. Paths are member names joined by dots. */
export type SubjectRule =
  /**
   * `iss` and `sub` of the validated ID token. `label` is a claim. `issuer` may contain claims in braces, such as
   * `{tid}`, if each tenant has its own issuer.
   */
  | { kind: 'id_token'; label?: string; issuer?: string }
  /** A member of the token response, or several that identify the subject together. */
  | { kind: 'answer'; path: string | readonly string[]; label?: string }
  /** A part of the access token that the provider documents. */
  | { kind: 'access_token'; subjectOf(accessToken: string): string | null }
  /** A parameter of the callback, such as Shopify's `shop`, which `verifyCallback` has proved. */
  | { kind: 'callback'; parameter: string }
  /** One request with the new access token, by default a GET. Skipped if the scope that it needs was not granted. */
  | {
      kind: 'request';
      endpoints: Readonly<Record<string, string>>;
      method?: 'GET' | 'POST';
      body?: { contentType: string; text: string };
      /** Headers besides the default ones, or in place of them. */
      headers?(
        accessToken: string,
        client: { clientId: string; clientSecret: string },
      ): Record<string, string>;
      path: string | readonly string[];
      label?: string;
      scope?: string;
    }
  | { kind: 'none' };

export interface ConsentRules {
  /** By environment; `{account}` stands for the account's host. Absent: from the issuer's metadata or the configuration. */
  authorizationEndpoints: Readonly<Record<string, string>>;
  /**
   * Returns the authorization endpoint that belongs to a configured token endpoint, or `null` if it must be configured,
   * too. Absent: only the adapter's own token endpoint has a known authorization endpoint.
   */
  authorizationEndpointBeside?(tokenEndpoint: string): string | null;
  /** The issuer by environment, for `iss` in the callback (RFC 9207) and in ID tokens. */
  issuers?: Readonly<Record<string, string>>;
  pkce: 'S256' | 'refused';
  /** Extra parameters of the authorization request, such as `access_type=offline`. */
  parameters: Readonly<Record<string, string>>;
  /** Extra parameters of the code exchange, such as Shopify's `expiring=1`. */
  exchangeParameters?: Readonly<Record<string, string>>;
  defaultScopes: readonly string[];
  /** Requested in every consent, in addition to the named or default scopes. */
  requiredScopes?: readonly string[];
  /** Other names of parameters of the authorization request, such as `client_id: client_key`. */
  renamedParameters?: Readonly<Record<string, string>>;
  /** A fragment at the end of the authorization URL. */
  fragment?: string;
  /** The parameter of the callback that holds the code. Default: `code`. */
  codeParameter?: string;
  /**
   * Further parameters of the callback, which are kept as provider values. A value that does not match its pattern
   * refuses the callback.
   */
  callbackPatterns?: readonly {
    name: string;
    accepts: (value: string) => boolean;
    required: boolean;
  }[];
  inputs: readonly ConsentInput[];
  subject: SubjectRule;
  /** A code exchange without a refresh token is a failure that names the cause. */
  refreshTokenExpected: boolean;
  /** Verifies provider-specific signatures of the callback, such as Shopify's `hmac`. Absent: nothing to verify. */
  verifyCallback?(parameters: URLSearchParams, clientSecret: Secret | null): boolean;
  revocation: RevocationRule;
}

export const FACT_ANSWERS = ['yes', 'no', 'unknown'] as const;

/** An answer that the provider's documentation gives; `unknown` without a source. */
export interface RevocationFact {
  answer: (typeof FACT_ANSWERS)[number];
  source: string | null;
}

/** The effects of a revoked refresh token beyond the token itself. */
export interface RevocationEffects {
  /** The access tokens of the same grant. */
  accessTokens: RevocationFact;
  /** Other grants that the same person gave to this OAuth app, or to other apps of the same project. */
  otherGrants: RevocationFact;
  /** The installation of the app at the provider. */
  installation: RevocationFact;
}

/** A revocation that differs from RFC 7009. Texts may have `{token}`, `{clientId}`, `{clientSecret}` and `{basic}`. */
export interface RevocationForm {
  /** The kind of token that it revokes. */
  token: 'any' | 'access_token' | 'refresh_token';
  method: 'POST' | 'DELETE' | 'GET';
  body: 'form' | 'json' | 'query' | 'none';
  parameters: Readonly<Record<string, string>>;
  headers: Readonly<Record<string, string>>;
  /** `undefined`: the status decides. */
  judge(status: number, body: Record<string, unknown> | null): RevocationResult | undefined;
}

/** `effect` tells people what a revocation takes along, or what to do if there is none. */
export type RevocationRule =
  | {
      kind: 'rfc7009';
      endpoints: Readonly<Record<string, string>>;
      /** The request, if it is not that of RFC 7009. */
      request?: RevocationForm;
      effect: string;
      takesAlong: RevocationEffects;
    }
  | { kind: 'not_supported'; effect: string };

/** The consent of one environment of a configured provider. */
export interface ConsentEndpoint {
  /** May contain `{account}`. `null`: from the metadata. */
  authorizationEndpoint: string | null;
  /** The endpoint of the subject rule `request`. `null`: there is none. */
  identityEndpoint: string | null;
  /** The issuer's metadata. `null`: all endpoints are configured or known. */
  metadata: TokenEndpoint | null;
  /** `null`: not known, so `iss` in the callback is ignored. */
  issuer: string | null;
  /** Replaces the redirect URI in requests (eBay's RuName). `null`: the callback URL itself. */
  redirectUri: string | null;
  /** Requested if the caller names no scopes. */
  scopes: readonly string[];
  /** The adapter's parameters and the configured ones. */
  parameters: Readonly<Record<string, string>>;
  /** The key of signatures in the callback. `null`: the client has no secret. */
  clientSecret: Secret | null;
}
