/** Which entries of the terminal somebody wants to see: asked of the database for a list, and of each entry as it comes. */
import type { LogAction, LogEntry, LogSource } from './log-entry';

export interface LogFilter {
  /** Entries of no organisation (heartbeats) are every organisation's. */
  organisation: string;
  provider?: string | undefined;
  /** The account's own. Entries of no environment are every environment's. */
  environment?: string | undefined;
  accountId?: string | undefined;
  action?: LogAction | readonly LogAction[] | undefined;
  source?: LogSource | undefined;
  /** In any of {@link TEXT_MEMBERS}, whatever the case. */
  text?: string | undefined;
}

/** Where a text is looked for. */
export const TEXT_MEMBERS = [
  'message',
  'account_label',
  'account_id',
  'workflow_id',
  'error.code',
  'error.message',
  'error.detail',
] as const;

/** Whether an entry is among those wanted. */
export function isWanted(entry: LogEntry, filter: LogFilter): boolean {
  const { organisation, provider, environment, accountId, action, source, text } = filter;
  return (
    (entry.organisation === organisation || entry.organisation === null) &&
    (provider === undefined || entry.provider === provider) &&
    (environment === undefined ||
      entry.environment === environment ||
      entry.environment === null) &&
    (accountId === undefined || entry.account_id === accountId) &&
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
