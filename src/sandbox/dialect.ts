/** The contract of a dialect: everything in which one provider's OAuth server differs from another's. */

import type { IncomingHttpHeaders } from 'node:http';
import type { Rotation } from './rotation';

/** Providers the sandbox can speak as. */
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

/** What a request asks for, read but not judged. */
export interface TokenRequest {
  readonly clientId?: string;
  readonly clientSecret?: string;
  readonly grantType?: string;
  readonly refreshToken?: string;
  readonly scopes?: readonly string[];
  /** A parameter came twice, two client authentications were used, or the body was too large. */
  readonly malformed: boolean;
}

/** A grant as it was just minted, before it is put into the provider's words. */
export interface MintedGrant {
  readonly accessToken: string;
  readonly expiresInSeconds: number;
  readonly scopes: readonly string[];
  /** Absent: the one that was presented stays. */
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
  /** What becomes of a used refresh token, where a grant is not told otherwise. */
  readonly rotation: Rotation;
  /** The client has no secret to present. */
  readonly publicClient?: true;
  readTokenRequest(request: PresentedRequest): TokenRequest;
  /** Makes a token no one has seen; `secretMarker` stands verbatim inside its secret part. */
  mintAccessToken(secretMarker?: string): string;
  mintRefreshToken(secretMarker?: string): string;
  granted(grant: MintedGrant): WireAnswer;
  refused(code: RefusalCode): WireAnswer;
  throttled(): WireAnswer;
  /** The cheapest call of its API that tells whether an access token works. */
  readonly validation: {
    readonly method: 'GET' | 'POST';
    readonly path: string;
    /** The token that a request presents. */
    presented(headers: IncomingHttpHeaders): string | undefined;
    accepted(subject: string): WireAnswer;
    refused(): WireAnswer;
  };
  /** Headers that every answer of this provider carries. */
  commonHeaders(requestId: string): Record<string, string>;
}
