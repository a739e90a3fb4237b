/**
 * Rows that grant access or send data out carry an authentication code, keyed by the vault, over what they grant. A row
 * that anything but Evergrant wrote or changed fails the check, grants nothing, and is reported.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Logger } from 'pino';
import type { CodePurpose, Vault } from '../../vault/vault';

/** Each kind has its own code key, so that a code is never valid for a row of another kind. */
type ProtectedRow = Exclude<CodePurpose, 'audit'>;

interface RowName {
  row: ProtectedRow;
  id: unknown;
  /** Absent for rows that belong to no organisation. */
  organisation?: unknown;
}

export const NOT_WRITTEN_BY_EVERGRANT =
  'Its row in MongoDB was not written by Evergrant, or was changed since.';

/** A row that was to be used or changed failed its integrity check. */
export class InvalidRowError extends Error {
  override name = 'InvalidRowError';
  /** @param next the step to take, as a sentence */
  constructor(next: string) {
    super(`${NOT_WRITTEN_BY_EVERGRANT} ${next}`);
  }
}

/** How long, in ms, the same process does not report a row again. */
const REPORTED_FOR_MS = 5 * 60_000;
/** Rows remembered as reported; bounds the memory that forged rows can use. The oldest is forgotten first. */
const REPORTED_MAX = 1_000;
/** Characters of a row id in the log; a forged id could be of any length. */
const ID_MAX_CHARACTERS = 100;

export class RowIntegrity {
  readonly #vault: Pick<Vault, 'authenticationCode'>;
  readonly #logger: Pick<Logger, 'error'>;
  /** When rows were last reported, by the process's monotonic clock; oldest first. */
  readonly #reported = new Map<string, number>();

  constructor(vault: Pick<Vault, 'authenticationCode'>, logger: Pick<Logger, 'error'>) {
    this.#vault = vault;
    this.#logger = logger;
  }

  /** @param members all that the row grants, its id first. JSON encodes different lists as different texts. */
  codeOf(row: ProtectedRow, members: readonly unknown[]): string {
    return this.#vault.authenticationCode(row, JSON.stringify(members));
  }

  /** Whether the code matches the members. Reports the row if it does not. */
  isValid(name: RowName, members: readonly unknown[], code: unknown): boolean {
    const expected = Buffer.from(this.codeOf(name.row, members));
    const given = Buffer.from(typeof code === 'string' ? code : '');
    if (given.length === expected.length && timingSafeEqual(given, expected)) return true;
    this.#report(name);
    return false;
  }

  #report({ row, id, organisation = null }: RowName): void {
    const [rowId, owner] = [id, organisation].map((text) =>
      String(text).slice(0, ID_MAX_CHARACTERS),
    );
    const key = JSON.stringify([row, rowId, owner]);
    const now = performance.now();
    const last = this.#reported.get(key);
    if (last !== undefined && now - last < REPORTED_FOR_MS) return;
    this.#reported.delete(key);
    if (this.#reported.size >= REPORTED_MAX) {
      const [oldest = ''] = this.#reported.keys();
      this.#reported.delete(oldest);
    }
    this.#reported.set(key, now);
    this.#logger.error(
      { row, row_id: rowId, organisation: organisation === null ? null : owner },
      'a row in MongoDB was refused: it was not written by Evergrant, or was changed since',
    );
  }
}

/** The date in a row, or the start of 1970 if the row holds no valid date. */
export function momentOf(value: unknown): Date {
  return value instanceof Date && !Number.isNaN(value.getTime()) ? value : new Date(0);
}
