/** The dialect contract: everything that differs between the OAuth servers of the providers. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Rotation } from './rotation';

/** Providers that the sandbox simulates. */
export const SANDBOX_PROVIDERS = ['ebay', 'etsy', 'shopify', 'google'] as const;
export type SandboxProvider = (typeof SANDBOX_PROVIDERS)[number];

/** @see [RFC 6749 section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2) */
export type RefusalCode =
  | 'invalid_client'
  | 'invalid_request'
  | 'invalid_grant'
  | 'invalid_scope'
  | 'unsupported_grant_type';

/** The parts of an HTTP request that a token endpoint reads. */
export interface PresentedRequest {
  readonly authorization: string | undefined;
  readonly contentType: string | undefined;
  readonly body: string;
}

/** A parsed token request, not yet judged. */
export interface TokenRequest {
  readonly clientId?: string;
  readonly clientSecret?: string;
  readonly grantType?: string;
  readonly refreshToken?: string;
  readonly scopes?: readonly string[];
  readonly code?: string;
  readonly redirectUri?: string;
  readonly codeVerifier?: string;
  /** The token of a revocation request. */
  readonly token?: string;
  readonly assertion?: string;
  /** Set for grants without a person. */
  readonly judged?: JudgedCredentials;
  /** A parameter was repeated, two client authentications were used, or the body was too large. */
  readonly malformed: boolean;
}

/** A judged request. `subject` identifies the account also if the request is refused, so that a script can name it. */
export interface JudgedCredentials {
  subject: string;
  refusal: RefusalCode | null;
  /** The scopes that an assertion states. */
  scopes?: readonly string[];
}

/** A newly minted grant, before it is written in the provider's format. */
export interface MintedGrant {
  readonly subject: string;
  readonly clientId: string;
  /** The sandbox's URL. */
  readonly issuer: string;
  readonly accessToken: string;
  readonly expiresInSeconds: number;
  readonly scopes: readonly string[];
  /** The token belongs to an application and not to a person. */
  readonly isOfApplication?: true;
  /** Absent: the presented one stays. */
  readonly refreshToken?: string;
  readonly refreshTokenExpiresInSeconds: number;
}

export interface WireAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Dialect {
  readonly provider: SandboxProvider;
  readonly tokenPath: string;
  readonly accessTokenLifeSeconds: number;
  readonly refreshTokenLifeSeconds: number;
  readonly defaultScopes: readonly string[];
  /** Default rotation of refresh tokens; a grant may override it. */
  readonly rotation: Rotation;
  /** The client has no secret. */
  readonly publicClient?: true;
  readTokenRequest(request: PresentedRequest): TokenRequest;
  /** Mints a new token that contains `secretMarker` verbatim in its secret part. */
  mintAccessToken(secretMarker?: string, subject?: string): string;
  mintRefreshToken(secretMarker?: string): string;
  granted(grant: MintedGrant): WireAnswer;
  refused(code: RefusalCode): WireAnswer;
  throttled(): WireAnswer;
  /** The cheapest API call that validates an access token. */
  readonly validation: {
    readonly method: 'GET' | 'POST';
    readonly path: string;
    presented(headers: IncomingHttpHeaders): string | undefined;
    accepted(subject: string): WireAnswer;
    refused(): WireAnswer;
  };
  /** Where the owner of an account consents. */
  readonly authorization: {
    readonly path: string;
    /** A request without a PKCE challenge is refused. */
    readonly requiresPkce?: true;
    /** The callback contains `iss`. */
    readonly sendsIssuer?: true;
    /** Extra parameters of the callback, such as a signature. */
    callback?(
      parameters: Readonly<Record<string, string>>,
      subject: string,
      clientSecret: string,
    ): Record<string, string>;
    /** Whether the code gives a refresh token. Absent: always. */
    givesRefreshToken?(request: URLSearchParams): boolean;
  };
  /** The path of RFC 7009 revocations. Absent: the provider has none. */
  readonly revocationPath?: string;
  /** Headers of every response of this provider. */
  commonHeaders(requestId: string): Record<string, string>;
}
