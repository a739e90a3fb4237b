/** Authorization codes: single-use, short-lived, bound to client, redirect URI and PKCE challenge. Kept in memory only. */
import { createHash, randomBytes } from 'node:crypto';
import type { SandboxProvider, TokenRequest } from './dialect';
import { tokenHash } from './ledger';

/** Lifetime of a code in ms. RFC 6749 recommends at most ten minutes. */
const CODE_LIFE_MS = 60_000;

/** A consent that is not exchanged yet. */
export interface Consent {
  provider: SandboxProvider;
  clientId: string;
  redirectUri: string;
  /** The S256 challenge. `null`: the client sent none. */
  challenge: string | null;
  subject: string;
  scopes: readonly string[];
  givesRefreshToken: boolean;
}

export interface IssuedCode extends Consent {
  expiresAtMs: number;
  /** The family of its grant. Set once the code is used. */
  familyId?: string;
}

export class AuthorizationCodes {
  readonly #codes = new Map<string, IssuedCode>();

  issue(consent: Consent, nowMs: number): string {
    const code = randomBytes(24).toString('base64url');
    this.#codes.set(tokenHash(code), { ...consent, expiresAtMs: nowMs + CODE_LIFE_MS });
    return code;
  }

  find(code: string): IssuedCode | undefined {
    return this.#codes.get(tokenHash(code));
  }
}

/** @see [RFC 7636 section 4.6](https://www.rfc-editor.org/rfc/rfc7636#section-4.6) */
export function isPresentedBy(
  { provider, clientId, redirectUri, challenge, expiresAtMs }: IssuedCode,
  request: TokenRequest & { provider: SandboxProvider },
  nowMs: number,
): boolean {
  const computed =
    request.codeVerifier === undefined
      ? null
      : createHash('sha256').update(request.codeVerifier).digest('base64url');
  return (
    provider === request.provider &&
    clientId === request.clientId &&
    redirectUri === request.redirectUri &&
    expiresAtMs > nowMs &&
    computed === challenge
  );
}
