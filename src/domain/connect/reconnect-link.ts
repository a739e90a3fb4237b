/** A row in a list of reconnect links, and its form in a CSV file. */
import { csvLine } from '../text/csv';

/** Accounts per request. A longer list would hold one response open for minutes. */
export const LINKS_MAX = 5_000;

/** Members are snake_case, as in every API body. */
export interface ReconnectLinkRow {
  label: string;
  external_id: string;
  /** Why the account has its status. */
  reason: string | null;
  link: string | null;
  expires_at: string | null;
  /** Why the account has no link. */
  problem: string | null;
  account_id: string;
  provider: string;
  environment: string;
}

const COLUMNS = [
  'label',
  'external_id',
  'reason',
  'link',
  'expires_at',
  'problem',
  'account_id',
  'provider',
  'environment',
] as const satisfies (keyof ReconnectLinkRow)[];

export const CSV_HEADER = csvLine(COLUMNS);

export function csvRow(row: ReconnectLinkRow): string {
  return csvLine(COLUMNS.map((column) => row[column]));
}
