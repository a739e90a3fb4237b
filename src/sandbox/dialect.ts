/** The dialect contract: everything that differs between the OAuth servers of the providers. */
import type { IncomingHttpHeaders } from 'node:http';
import type { CredentialsGrant } from '../domain/account/grant-type';
import type { Rotation } from './rotation';

/** The id of a provider file. */
export type SandboxProvider = string;

/** `too_early` is not in the standard: the access token still lives too long. */
export type RefusalCode = StandardRefusalCode | 'too_early';

/** @see [RFC 6749 section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2) */
type StandardRefusalCode =
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
  /** The parameters of the URL. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
}

/** A parsed token request, not yet judged. */
export interface TokenRequest {
  readonly clientId?: string;
  readonly clientSecret?: string;
  /** The provider wants no secret in a request of this kind. */
  readonly withoutSecret?: boolean;
  /** The secret alone authenticates the client. */
  readonly secretOnly?: boolean;
  /** The client that a client assertion names. The sandbox knows no key, so it does not verify the signature. */
  readonly assertedClientId?: string;
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
  /**
   * A parameter was repeated or is missing, two client authentications were used, or the body was too large.
   */
  readonly malformed: boolean;
}

/** A judged request. `subject` identifies the account also if the request is refused, so that a script can name it. */
export interface JudgedCredentials {
  grantType: CredentialsGrant;
  subject: string;
  refusal: RefusalCode | null;
  /** The scopes that an assertion states. */
  scopes?: readonly string[];
}

/** A newly minted grant, before it is written in the provider's format. */
export interface MintedGrant {
  readonly subject: string;
  readonly clientId: string;
  /** The issuer that the sandbox states for this provider. */
  readonly issuer: string;
  readonly accessToken: string;
  /** `null`: the access token does not expire. */
  readonly expiresInSeconds: number | null;
  readonly scopes: readonly string[];
  /** Absent: the token belongs to a person. */
  readonly grantType?: CredentialsGrant;
  /** Absent: the presented one stays. */
  readonly refreshToken?: string;
  /** The refresh token of the request. Absent: the request presented a code. */
  readonly presentedRefreshToken?: string;
  readonly refreshTokenExpiresInSeconds: number;
}

export interface WireAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A call that an access token may make. */
interface Resource {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** The query of the URL, with its question mark. */
  readonly search?: string;
  presented(headers: IncomingHttpHeaders): string | undefined;
  accepted(subject: string): WireAnswer;
  refused(): WireAnswer;
}

export interface Dialect {
  readonly provider: SandboxProvider;
  /** The name on the consent page. */
  readonly name: string;
  readonly tokenPath: string;
  readonly tokenMethod?: 'GET' | 'POST';
  /** The path of refreshes. Absent: {@link tokenPath}. */
  readonly refreshPath?: string;
  /** `null`: access tokens do not expire. */
  readonly accessTokenLifeSeconds: number | null;
  /** No response states the lifetime of an access token, so the sandbox cannot shorten it. */
  readonly hasFixedLife?: boolean;
  /** Counts from the last use of a refresh token. */
  readonly refreshTokenLifeSeconds: number;
  /** Counts from the consent. Absent: refreshes extend a grant without a limit. */
  readonly grantLifeSeconds?: number;
  /** A refresh presents the living access token. */
  readonly renewsByAccessToken?: boolean;
  /** Refuses a refresh earlier than this before the access token expires. */
  readonly notBefore?: { readonly seconds: number; refused(): WireAnswer };
  readonly defaultScopes: readonly string[];
  /** Default rotation of refresh tokens; a grant may override it. */
  readonly rotation: Rotation;
  /** The client has no secret. */
  readonly publicClient?: boolean;
  readTokenRequest(request: PresentedRequest): TokenRequest;
  /** Mints a new token that contains `secretMarker` verbatim in its secret part. */
  mintAccessToken(secretMarker?: string, subject?: string): string;
  mintRefreshToken(secretMarker?: string, subject?: string): string;
  granted(grant: MintedGrant): WireAnswer;
  refused(code: StandardRefusalCode): WireAnswer;
  throttled(): WireAnswer;
  /** The cheapest API call that validates an access token. Absent: the provider has none. */
  readonly validation?: Resource;
  /** The call that names the person who consented. Absent: {@link validation}. */
  readonly identity?: Resource;
  /** Where the owner of an account consents. */
  readonly authorization: {
    readonly path: string;
    /** The query that the URL of the consent page must have, with its question mark. */
    readonly search?: string;
    /** Returns the parameters of a request under the names of RFC 6749. Absent: they have these names. */
    read?(parameters: URLSearchParams): URLSearchParams;
    /** `required`: a request without a PKCE challenge is refused. `refused`: a request with one is. */
    readonly pkce?: 'required' | 'refused';
    /** The callback contains `iss`. */
    readonly sendsIssuer?: boolean;
    /** The parameters of the callback of this provider, for example with a signature. */
    callback?(
      parameters: Readonly<Record<string, string>>,
      subject: string,
      clientSecret: string,
    ): Record<string, string>;
    /** Whether the code gives a refresh token. Absent: always. */
    givesRefreshToken?(request: URLSearchParams): boolean;
  };
  /** Absent: the provider has no revocation. */
  readonly revocation?: {
    readonly path: string;
    readonly method: string;
    /** The request does not authenticate the client. */
    readonly isAnonymous?: boolean;
    read(request: PresentedRequest): TokenRequest;
    revoked(): WireAnswer;
    /** The response to a token that no grant has. */
    unknown(): WireAnswer;
  };
}
