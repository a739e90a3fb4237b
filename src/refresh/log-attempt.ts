/** The log line of an attempt on stdout, and its count: selected members only, never an object that holds a token. */
import { log } from '@temporalio/activity';
import type { LogEntry } from '../domain/logs/log-entry';
import { countAttempt } from './count-attempt';

export function logAttempt(entry: LogEntry): void {
  countAttempt(entry);
  const { diagnostics, error } = entry;
  const line = {
    action: entry.action,
    source: entry.source,
    outcome: entry.outcome,
    provider: entry.provider,
    environment: entry.environment,
    organisation: entry.organisation,
    account_id: entry.account_id,
    account_label: entry.account_label,
    log_entry_id: entry.id,
    ...(entry.trace_id === undefined ? {} : { trace_id: entry.trace_id }),
    ...(error === null
      ? {}
      : {
          failure_class: error.class,
          failure_code: error.code,
          status: error.status,
          detail: error.detail,
        }),
    ...(entry.response === null ? {} : { duration_ms: entry.response.duration_ms }),
    ...(diagnostics === null
      ? {}
      : {
          // Not named `caller`, because pino-pretty prints a member of that name in place of the message.
          requested_by: diagnostics.caller,
          input_prefix: diagnostics.input_prefix,
          decrypted_prefix: diagnostics.decrypted_prefix,
          final_prefix: diagnostics.final_prefix,
          refresh_token_fingerprint: diagnostics.refresh_token_fingerprint,
          ...(diagnostics.warnings.length > 0 ? { warnings: diagnostics.warnings } : {}),
        }),
  };
  if (error === null) log.info(entry.message, line);
  else if (error.class === 'ours' || error.class === 'app') log.error(entry.message, line);
  else log.warn(entry.message, line);
}
