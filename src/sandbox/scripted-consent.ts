/** Unusual callbacks and grants of the authorization endpoint, scripted by a test. */

export type ScriptedConsent =
  /** The callback names another issuer. */
  | { kind: 'wrong_iss' }
  /** The callback has no `iss`, although the provider sends it. */
  | { kind: 'no_iss' }
  /** The callback has an error instead of a code. */
  | { kind: 'error'; error: string; description?: string }
  /** The browser is sent to the callback after a delay in ms. */
  | { kind: 'late'; delayMs: number }
  /** The code gives no refresh token. */
  | { kind: 'no_refresh_token' };

/** Scripted consents, used once each in the order in which they were added. */
export class ConsentScript {
  readonly #consents: ScriptedConsent[] = [];

  add(consent: ScriptedConsent): void {
    this.#consents.push(consent);
  }

  take(): ScriptedConsent | undefined {
    return this.#consents.shift();
  }
}
