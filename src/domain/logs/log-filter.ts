/** Filter of log entries, applied by the database to lists and by {@link isWanted} to live entries. */
import type { LogAction, LogEntry, LogSource } from './log-entry';

export interface LogFilter {
  /** Entries without an organisation (heartbeats) are visible to every organisation. */
  organisation: string;
  provider?: string | undefined;
  /** Entries without an environment match every environment. */
  environment?: string | undefined;
  accountId?: string | undefined;
  /** The trace of the attempt. */
  traceId?: string | undefined;
  action?: LogAction | readonly LogAction[] | undefined;
  source?: LogSource | undefined;
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
    (provider === undefined || entry.provider === provider) &&
    (environment === undefined ||
      entry.environment === environment ||
      entry.environment === null) &&
    (accountId === undefined || entry.account_id === accountId) &&
    (traceId === undefined || entry.trace_id === traceId) &&
    (action === undefined || [action].flat().includes(entry.action)) &&
    (source === undefined || entry.source === source) &&
    (text === undefined || holds(entry, text.toLowerCase()))
  );
}

function holds(entry: LogEntry, lowered: string): boolean {
  const { message, account_label, account_id, workflow_id, error } = entry;
  const texts = [message, account_label, account_id, workflow_id];
  return [...texts, error?.code, error?.message, error?.detail].some(
    (member) => member?.toLowerCase().includes(lowered) === true,
  );
}
