/** Filter of log entries, applied by the database to lists and by {@link isWanted} to live entries. */
import type { LogAction, LogEntry, LogSource } from './log-entry';

export const LOG_RESULTS = ['failed', 'succeeded'] as const;
export type LogResult = (typeof LOG_RESULTS)[number];

export interface LogFilter {
  /** Entries without an organisation (heartbeats) are visible to every organisation. */
  organisation: string;
  provider?: string | readonly string[] | undefined;
  /** Entries without an environment match every environment. */
  environment?: string | readonly string[] | undefined;
  accountId?: string | undefined;
  /** The trace of the attempt. */
  traceId?: string | undefined;
  action?: LogAction | readonly LogAction[] | undefined;
  source?: LogSource | readonly LogSource[] | undefined;
  /** `failed`: the entry has an error. */
  result?: LogResult | undefined;
  /** Codes of the error. */
  code?: readonly string[] | undefined;
  /** Created at or after this time. */
  from?: Date | undefined;
  /** Created before this time. */
  to?: Date | undefined;
  /** Case-insensitive text to find in any of {@link TEXT_MEMBERS}. */
  text?: string | undefined;
}

/** The members that `text` is searched in. */
export const TEXT_MEMBERS = [
  'message',
  'account_label',
  'account_id',
  'workflow_id',
  'error.code',
  'error.message',
  'error.detail',
] as const;

export function isWanted(entry: LogEntry, filter: LogFilter): boolean {
  const { organisation, provider, environment, accountId, traceId, action, source, text } = filter;
  return (
    (entry.organisation === organisation || entry.organisation === null) &&
    isAnyOf(entry.provider, provider) &&
    (entry.environment === null || isAnyOf(entry.environment, environment)) &&
    (accountId === undefined || entry.account_id === accountId) &&
    (traceId === undefined || entry.trace_id === traceId) &&
    isAnyOf(entry.action, action) &&
    isAnyOf(entry.source, source) &&
    (filter.result === undefined || (entry.error !== null) === (filter.result === 'failed')) &&
    (filter.code === undefined ||
      (entry.error !== null && isAnyOf(entry.error.code, filter.code))) &&
    (filter.from === undefined || Date.parse(entry.created_at) >= filter.from.getTime()) &&
    (filter.to === undefined || Date.parse(entry.created_at) < filter.to.getTime()) &&
    (text === undefined || holds(entry, text.toLowerCase()))
  );
}

function isAnyOf(value: string, wanted: string | readonly string[] | undefined): boolean {
  return wanted === undefined || [wanted].flat().includes(value);
}

function holds(entry: LogEntry, lowered: string): boolean {
  const { message, account_label, account_id, workflow_id, error } = entry;
  const texts = [message, account_label, account_id, workflow_id];
  return [...texts, error?.code, error?.message, error?.detail].some(
    (member) => member?.toLowerCase().includes(lowered) === true,
  );
}
