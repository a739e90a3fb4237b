/**
 * The ledger: an ordered record of what the sandbox received and did. Tests and the fault lab use it as evidence, and
 * trigger faults on its events. It contains fingerprints, never tokens.
 */
import { createHash } from 'node:crypto';
import type { RefusalCode, SandboxProvider } from './dialect';
import type { ScriptedAnswer } from './scripted-answer';
import type { ScriptedConsent } from './scripted-consent';

/**
 * `received`: the request was read completely and is not judged yet. `committed`: a new grant was minted and stored; no
 * byte of the response was sent. `revoked`: a refresh token was replayed, and its family was revoked. `answered`: the
 * response was written to the socket. `dropped`: the connection closed without a complete response. `validated`: an
 * access token was validated; `status` is the response about to be sent, if any. `identified`: the client asked who
 * consented. `consented`, `declined`: the person
 * decided on the consent page, and the browser is about to be sent to the callback. `withdrawn`: the client revoked a
 * token.
 */
export type LedgerEvent =
  | 'received'
  | 'committed'
  | 'revoked'
  | 'answered'
  | 'dropped'
  | 'validated'
  | 'identified'
  | 'consented'
  | 'declined'
  | 'withdrawn';

/**
 * `committed` has `minted`; `answered` has `ok`, a refusal or `scripted`; `dropped` has `scripted`, `client_gone` or
 * `stopped`.
 */
type LedgerOutcome = 'minted' | 'ok' | RefusalCode | 'scripted' | 'client_gone' | 'stopped';

export interface LedgerEntry {
  /** Starts at 1 and counts all events of one sandbox. */
  readonly sequence: number;
  /** `performance.now()` in ms: monotonic, comparable only within one process. */
  readonly at: number;
  readonly event: LedgerEvent;
  readonly provider: SandboxProvider;
  readonly requestId: string;
  /** Shared by the requests of one kept-alive connection. */
  readonly connectionId: string;
  /** Subject of the presented token or code. Absent if no grant has it. */
  readonly subject?: string;
  /** Absent if the request presented no refresh token. */
  readonly refreshTokenFingerprint?: string;
  /** The client sent an encrypted refresh token (`ENC:`). */
  readonly sealedTokenPresented?: true;
  /** The presented refresh token was used before and has a successor. */
  readonly rotatedTokenPresented?: true;
  /** In a `committed` entry: the refresh token that replaced the presented one. */
  readonly mintedRefreshTokenFingerprint?: string;
  readonly outcome?: LedgerOutcome;
  /** The HTTP status of an `answered` entry. */
  readonly status?: number;
  /** Set if a script chose the response instead of the provider's rules. */
  readonly scripted?: ScriptedAnswer['kind'] | ScriptedConsent['kind'];
}

export type LedgerListener = (entry: LedgerEntry) => void;

/** Returns the SHA-256 of a token in hex, which the sandbox stores instead of the token. */
export function tokenHash(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** Returns the first 16 hex digits of a refresh token's SHA-256, its name in the ledger. */
export function refreshTokenFingerprint(refreshToken: string): string {
  return tokenHash(refreshToken).slice(0, 16);
}

/** Appends entries and calls the listeners of their event synchronously, before `record` returns. */
export class Ledger {
  readonly #entries: LedgerEntry[] = [];
  readonly #listeners = new Map<LedgerEvent, Set<LedgerListener>>();

  get entries(): readonly LedgerEntry[] {
    return this.#entries;
  }

  record(entry: Omit<LedgerEntry, 'sequence' | 'at'>): void {
    const recorded = Object.freeze({
      sequence: this.#entries.length + 1,
      at: performance.now(),
      ...entry,
    });
    this.#entries.push(recorded);
    for (const listener of this.#listeners.get(recorded.event) ?? []) listener(recorded);
  }

  /** @returns a function that removes the listener */
  on(event: LedgerEvent, listener: LedgerListener): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
    return () => listeners.delete(listener);
  }
}
