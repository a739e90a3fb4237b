/** Sign-in with an OpenID provider: code flow with PKCE, state and nonce. Only the ID token is used. */
import { errors, type JWTVerifyGetKey, jwtVerify } from 'jose';
import * as openid from 'openid-client';
import type { Logger } from 'pino';
import type { Principal, Scope } from '../domain/access/principal';
import { ServiceError } from '../domain/service-error';
import type { OidcConfig } from '../process/config';
import {
  type Claims,
  organisationClaim,
  printableClaim,
  scopeNames,
} from '../services/access/claims';
import { CLOCK_TOLERANCE_SECONDS, publishedKeys, SIGNATURES } from '../services/access/jwt';
import type { ProviderLogout, SignInProof } from './sessions';

/** The values to verify when the browser returns. */
export interface Pending {
  state: string;
  nonce: string;
  code_verifier: string;
}

export interface SignedIn {
  principal: Principal;
  proof: Extract<SignInProof, { by: 'oidc' }>;
}

const SCOPES_TAKEN: readonly Scope[] = ['admin', 'read', 'operator'];
/** @see [Back-Channel Logout §2.4](https://openid.net/specs/openid-connect-backchannel-1_0.html#LogoutToken) */
const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout';

export class OpenIdProvider {
  readonly #config: OidcConfig;
  readonly #logger: Logger;
  #discovered: openid.Configuration | null = null;
  /** The provider's keys, for logout tokens. */
  #keys: JWTVerifyGetKey | null = null;

  constructor(config: OidcConfig, logger: Logger) {
    this.#config = config;
    this.#logger = logger;
  }

  /**
   * The authorization URL, and the values to keep until the browser returns.
   * @param options.silently sends `prompt=none`: the provider must answer without asking the person anything
   */
  async begin(
    redirectUri: string,
    { silently }: { silently: boolean },
  ): Promise<{ url: URL; pending: Pending }> {
    const pending = {
      state: openid.randomState(),
      nonce: openid.randomNonce(),
      code_verifier: openid.randomPKCECodeVerifier(),
    };
    const url = openid.buildAuthorizationUrl(await this.#discover(), {
      redirect_uri: redirectUri,
      scope: 'openid',
      state: pending.state,
      nonce: pending.nonce,
      code_challenge: await openid.calculatePKCECodeChallenge(pending.code_verifier),
      code_challenge_method: 'S256',
      ...(silently ? { prompt: 'none' } : {}),
    });
    return { url, pending };
  }

  /**
   * The person who signed in, from an ID token whose signature and claims are verified.
   * @param callback the address that the browser returned to, with its query
   * @throws {ServiceError} `unauthenticated` with the provider's error code or the refused claim; `forbidden` if the
   * claims name no organisation
   */
  async finish(callback: URL, pending: Pending): Promise<SignedIn> {
    const configuration = await this.#discover();
    const tokens = await openid
      .authorizationCodeGrant(configuration, callback, {
        pkceCodeVerifier: pending.code_verifier,
        expectedState: pending.state,
        expectedNonce: pending.nonce,
        idTokenExpected: true,
      })
      .catch((error: unknown) => {
        // Drops the error, which holds the response with its tokens.
        throw new ServiceError(
          'unauthenticated',
          `The OpenID provider did not sign you in (${codeOf(error)}). Try again.`,
        );
      });
    const claims: Claims & { exp?: number } = tokens.claims() ?? {};
    const subject = printableClaim(claims, 'sub', 'ID token');
    return {
      principal: this.#principal(subject, claims),
      proof: {
        by: 'oidc',
        until: new Date((claims.exp ?? 0) * 1000),
        issuer: configuration.serverMetadata().issuer,
        subject,
        providerSession:
          claims['sid'] === undefined ? null : printableClaim(claims, 'sid', 'ID token'),
      },
    };
  }

  /**
   * The sessions that a logout token of the provider names.
   * @throws {ServiceError} `invalid_request` with the defect of the token; `jwks_unavailable` if it cannot be verified
   * @see [Back-Channel Logout §2.6](https://openid.net/specs/openid-connect-backchannel-1_0.html#Validation)
   */
  async readLogoutToken(token: string, now: Date): Promise<ProviderLogout> {
    const { issuer, jwks_uri } = (await this.#discover()).serverMetadata();
    if (jwks_uri === undefined) throw refusedLogout('the provider publishes no keys (jwks_uri)');
    this.#keys ??= publishedKeys(jwks_uri, 'OIDC_ISSUER', this.#logger);
    const claims = await jwtVerify(token, this.#keys, {
      algorithms: SIGNATURES,
      issuer,
      audience: this.#config.clientId,
      requiredClaims: ['iat', 'exp', 'jti', 'events'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: now,
    }).then(
      ({ payload }) => payload,
      (error: unknown) => {
        if (!(error instanceof errors.JOSEError)) throw error;
        const claim = error instanceof errors.JWTClaimValidationFailed ? `: ${error.claim}` : '';
        throw refusedLogout(`${error.code}${claim}`);
      },
    );
    const { events } = claims;
    if (typeof events !== 'object' || events === null || !(LOGOUT_EVENT in events))
      throw refusedLogout('"events" does not name the logout event');
    if (claims['nonce'] !== undefined) throw refusedLogout('it has a "nonce", like an ID token');
    if (claims.sub === undefined && claims['sid'] === undefined)
      throw refusedLogout('it has neither "sub" nor "sid"');
    // A token issued in the future must not end sessions that do not exist yet.
    const issuedAt = Math.min((claims.iat ?? 0) * 1000, now.getTime());
    return {
      issuer,
      subject: claims.sub === undefined ? null : printableClaim(claims, 'sub', 'logout token'),
      providerSession:
        claims['sid'] === undefined ? null : printableClaim(claims, 'sid', 'logout token'),
      until: new Date(issuedAt + CLOCK_TOLERANCE_SECONDS * 1000),
    };
  }

  #principal(subject: string, claims: Claims): Principal {
    const { organisation: from, scopesClaim } = this.#config;
    if ('claim' in from && claims[from.claim] === undefined) {
      throw new ServiceError(
        'forbidden',
        `The OpenID provider signed you in, but its ID token lacks the claim "${from.claim}" with your organisation. Ask the provider's administrator to add it.`,
      );
    }
    const named = scopesClaim === null ? null : scopeNames(claims[scopesClaim]);
    return {
      keyId: `oidc:${subject}`,
      organisation:
        'fixed' in from ? from.fixed : organisationClaim(claims, from.claim, 'ID token'),
      scopes: named === null ? ['read'] : SCOPES_TAKEN.filter((scope) => named.has(scope)),
    };
  }

  /** Discovers once per process. After a failure, the next sign-in tries again. */
  async #discover(): Promise<openid.Configuration> {
    const { issuer, clientId, clientSecret } = this.#config;
    try {
      this.#discovered ??= await openid.discovery(
        issuer,
        clientId,
        undefined,
        clientSecret === null ? openid.None() : openid.ClientSecretBasic(clientSecret.reveal()),
        {
          execute: [
            // By default the library relies on TLS alone and does not verify the ID token's signature.
            openid.enableNonRepudiationChecks,
            // The configuration accepts http only for loopback addresses.
            ...(issuer.protocol === 'http:' ? [openid.allowInsecureRequests] : []),
          ],
        },
      );
      return this.#discovered;
    } catch {
      throw new ServiceError(
        'jwks_unavailable',
        `The OpenID provider is unreachable at ${issuer.origin}, or its response is not an OpenID configuration. Sign in with an API key, or try again later.`,
      );
    }
  }
}

function refusedLogout(reason: string): ServiceError {
  return new ServiceError('invalid_request', `The logout token was refused (${reason}).`);
}

/** The provider's error code (`access_denied`) or the library's. Any other text is not repeated. */
function codeOf(error: unknown): string {
  const code =
    error instanceof openid.AuthorizationResponseError || error instanceof openid.ResponseBodyError
      ? error.error
      : error instanceof openid.ClientError
        ? error.code
        : undefined;
  return code !== undefined && /^[\w.-]{1,64}$/.test(code) ? code : 'unknown';
}
