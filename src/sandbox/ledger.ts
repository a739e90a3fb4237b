/**
 * What the sandbox saw and did, in order: the evidence that tests and the fault lab judge a client by,
 * and the events they fire their faults on. It never holds a token, only fingerprints.
 */
import { createHash } from 'node:crypto';
import type { RefusalCode, SandboxProvider } from './dialect';
import type { ScriptedAnswer } from './scripted-answer';

/**
 * `received`: the request was read in full and is not judged yet. `committed`: a new grant was minted and
 * stored, no byte of the answer has left. `revoked`: a used refresh token came again, and its family died. `answered`: the answer was handed to the socket. `dropped`: the
 * connection ended without a whole answer. `validated`: it was asked whether an access token works; `status` is about to be answered,
 * or nothing at all.
 */
export type LedgerEvent =
  | 'received'
  | 'committed'
  | 'revoked'
  | 'answered'
  | 'dropped'
  | 'validated';

/**
 * `minted` belongs to `committed`; `ok`, a refusal or `scripted` to `answered`; `scripted`, `client_gone`
 * or `stopped` to `dropped`.
 */
type LedgerOutcome = 'minted' | 'ok' | RefusalCode | 'scripted' | 'client_gone' | 'stopped';

export interface LedgerEntry {
  /** Counts from 1 over all events of one sandbox. */
  readonly sequence: number;
  /** `performance.now()` in milliseconds: monotonic, comparable within one process only. */
  readonly at: number;
  readonly event: LedgerEvent;
  readonly provider: SandboxProvider;
  readonly requestId: string;
  /** Requests on one kept-alive connection share it. */
  readonly connectionId: string;
  /** Whose refresh token was presented; absent when no grant has it. */
  readonly subject?: string;
  /** Absent when the request presented no refresh token. */
  readonly refreshTokenFingerprint?: string;
  /** The presented refresh token was still sealed (`ENC:`): a client sent ciphertext. */
  readonly sealedTokenPresented?: true;
  /** The presented refresh token was used before and has a successor. */
  readonly rotatedTokenPresented?: true;
  /** Of a `committed` entry: the refresh token that took the presented one's place. */
  readonly mintedRefreshTokenFingerprint?: string;
  readonly outcome?: LedgerOutcome;
  /** The HTTP status of an `answered` entry. */
  readonly status?: number;
  /** Set when a script, not the provider's rules, chose the answer. */
  readonly scripted?: ScriptedAnswer['kind'];
}

export type LedgerListener = (entry: LedgerEntry) => void;

/** The whole SHA-256 of a token, in hex: how the sandbox knows a token it does not keep. */
export function tokenHash(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** The name of a refresh token in the ledger: the first 16 hex digits of its SHA-256. */
export function refreshTokenFingerprint(refreshToken: string): string {
  return tokenHash(refreshToken).slice(0, 16);
}

/** Appends entries and tells the listeners of their event, synchronously, before `record` returns. */
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
