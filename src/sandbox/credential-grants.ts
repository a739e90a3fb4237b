/** Judges token requests of grants without a person: registered clients with their secrets, and signed assertions. */
import { decodeJwt, type JWK, jwtVerify } from 'jose';
import type { JudgedCredentials, TokenRequest } from './dialect';

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
/** Longest accepted lifetime of an assertion, in seconds, as at Google. */
const ASSERTION_LIFE_MAX_SECONDS = 3600;

export class CredentialGrants {
  /** Secrets by client id. */
  readonly #clients = new Map<string, string>();
  /** Public keys by issuer. */
  readonly #keys = new Map<string, JWK>();
  /** Each assertion is accepted once. */
  readonly #used = new Set<string>();

  /** Registers a client, or replaces its secret. */
  setClient(clientId: string, clientSecret: string): void {
    this.#clients.set(clientId, clientSecret);
  }

  /** Registers the public key of an issuer, or replaces it. */
  setKey(issuer: string, publicKey: JWK): void {
    this.#keys.set(issuer, publicKey);
  }

  /**
   * @param isApp whether the request authenticates the sandbox's own client
   * @param audience the URL of the token endpoint
   * @returns `null` for other grant types
   */
  async judge(
    request: TokenRequest,
    { isApp, audience }: { isApp: boolean; audience: string },
  ): Promise<JudgedCredentials | null> {
    if (request.grantType === 'client_credentials') return this.#judgeClient(request, isApp);
    return request.grantType === JWT_BEARER ? this.#judgeAssertion(request, audience) : null;
  }

  #judgeClient(
    { clientId = '', clientSecret, malformed }: TokenRequest,
    isApp: boolean,
  ): JudgedCredentials {
    const grantType = 'client_credentials';
    const secret = this.#clients.get(clientId);
    const isClient = isApp || (secret !== undefined && secret === clientSecret);
    if (!isClient) return { grantType, subject: clientId, refusal: 'invalid_client' };
    return { grantType, subject: clientId, refusal: malformed ? 'invalid_request' : null };
  }

  /** @see [RFC 7523 section 3](https://www.rfc-editor.org/rfc/rfc7523#section-3) */
  async #judgeAssertion(
    { assertion, malformed }: TokenRequest,
    audience: string,
  ): Promise<JudgedCredentials> {
    const grantType = 'jwt_bearer';
    if (assertion === undefined || malformed)
      return { grantType, subject: '', refusal: 'invalid_request' };
    let issuer = '';
    let subject = '';
    try {
      const stated = decodeJwt(assertion);
      issuer = stated.iss ?? '';
      subject = stated.sub ?? issuer;
      const { payload } = await jwtVerify(assertion, this.#keys.get(issuer) ?? {}, {
        audience,
        maxTokenAge: ASSERTION_LIFE_MAX_SECONDS,
        requiredClaims: ['iss', 'iat', 'exp'],
      });
      const { exp = 0, iat = 0, jti, scope } = payload;
      const isUsed = jti !== undefined && this.#used.has(jti);
      if (jti !== undefined) this.#used.add(jti);
      const isRefused = isUsed || exp - iat > ASSERTION_LIFE_MAX_SECONDS;
      return {
        grantType,
        subject,
        refusal: isRefused ? 'invalid_grant' : null,
        ...(typeof scope === 'string' ? { scopes: scope.split(' ') } : {}),
      };
    } catch {
      return { grantType, subject, refusal: 'invalid_grant' };
    }
  }
}
