/** Types of an export reader: each entry is an account, or the reason why it is refused. */

export interface ExportedAccount {
  /** The other system's name of the provider. Absent if the export has none. */
  provider?: string | undefined;
  /** The OAuth app that the refresh token was issued to, if the export names it. */
  clientId?: string | undefined;
  /** Absent if the export does not identify the account. */
  externalId?: string | undefined;
  label?: string | undefined;
  refreshToken: string;
  accessToken?: string | undefined;
  expiresAt?: Date | undefined;
  refreshTokenExpiresAt?: Date | undefined;
  scopes?: string[] | undefined;
}

export type ExportedEntry = {
  /** The other system's name of the entry, for messages: `connection abc`. */
  name: string;
} & ({ account: ExportedAccount } | { refusal: string });

/** A parsed JSON value and its file: the whole file, or one line of JSON Lines. */
export interface ExportedValue {
  file: string;
  value: unknown;
}

export interface ImportSource {
  /** Returns the entries in the order of the export. Pure. The values are not trusted. */
  read(values: readonly ExportedValue[], now: Date): ExportedEntry[];
  /** Advice for a file that is not JSON, if the system is known to encrypt its files. */
  notJson?: string;
}
