/** The OpenID provider that people sign in with: code flow with PKCE, state and nonce. Only the ID token is used. */
import * as openid from 'openid-client';
import { ApiError } from '../api/errors';
import type { OidcConfig } from '../config';
import type { Principal, Scope } from '../store/api-keys';

/** What must be the same when the browser comes back. */
export interface Pending {
  state: string;
  nonce: string;
  code_verifier: string;
}

const SCOPES_TAKEN: readonly Scope[] = ['admin', 'read'];

export class OpenIdProvider {
  readonly #config: OidcConfig;
  #discovered: openid.Configuration | null = null;

  constructor(config: OidcConfig) {
    this.#config = config;
  }

  /** Where to send the browser, and what to remember until it comes back. */
  async begin(redirectUri: string): Promise<{ url: URL; pending: Pending }> {
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
    });
    return { url, pending };
  }

  /**
   * Who came back.
   * @param callback the address that the browser came back to, with its query
   * @throws {ApiError} `unauthenticated` with the provider's error code, `forbidden` where the claims name no organisation
   */
  async finish(callback: URL, pending: Pending): Promise<Principal> {
    const configuration = await this.#discover();
    const tokens = await openid
      .authorizationCodeGrant(configuration, callback, {
        pkceCodeVerifier: pending.code_verifier,
        expectedState: pending.state,
        expectedNonce: pending.nonce,
        idTokenExpected: true,
      })
      .catch((error: unknown) => {
        // The error itself holds the answer with its tokens: it goes no further.
        throw new ApiError(
          'unauthenticated',
          `The OpenID provider did not sign you in (${codeOf(error)}). Try again.`,
        );
      });
    return this.#principal(tokens.claims() ?? { sub: '' });
  }

  #principal(claims: { sub: string; [claim: string]: unknown }): Principal {
    const { organisation: from, scopesClaim } = this.#config;
    const organisation = 'fixed' in from ? from.fixed : claims[from.claim];
    if (typeof organisation !== 'string' || !/^[\w.-]{1,64}$/.test(organisation)) {
      throw new ApiError(
        'forbidden',
        'The OpenID provider signed you in, but names no organisation of yours. Ask whoever runs it for the claim that OIDC_ORGANISATION_CLAIM names.',
      );
    }
    const scopes = scopesClaim === null ? (['read'] as const) : scopesIn(claims[scopesClaim]);
    return { keyId: `oidc:${claims.sub}`, organisation, scopes };
  }

  /** Once for the process; after a failure, again with the next sign-in. */
  async #discover(): Promise<openid.Configuration> {
    const { issuer, clientId, clientSecret } = this.#config;
    try {
      this.#discovered ??= await openid.discovery(
        issuer,
        clientId,
        undefined,
        clientSecret === null ? openid.None() : openid.ClientSecretBasic(clientSecret.reveal()),
        // Only on this machine: the configuration takes http for nothing else.
        issuer.protocol === 'http:' ? { execute: [openid.allowInsecureRequests] } : {},
      );
      return this.#discovered;
    } catch {
      throw new ApiError(
        'unauthenticated',
        `The OpenID provider at ${issuer.origin} does not answer as one. Sign in with a key, or try again later.`,
      );
    }
  }
}

/** A claim may be a list or, as OAuth has it, words. */
function scopesIn(claim: unknown): Scope[] {
  const names: unknown[] = typeof claim === 'string' ? claim.split(' ') : [claim].flat();
  return SCOPES_TAKEN.filter((scope) => names.includes(scope));
}

/** The provider's own word (`access_denied`) or the library's; neither quotes what was sent. */
function codeOf(error: unknown): string {
  if (error instanceof openid.AuthorizationResponseError) return error.error;
  if (error instanceof openid.ResponseBodyError) return error.error;
  return error instanceof openid.ClientError ? (error.code ?? 'unknown') : 'unknown';
}
