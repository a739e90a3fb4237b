/** The log entries of a disconnection: its start and its end. */
import type { Account } from '../account/account';
import type { LogAction, LogEntry } from '../logs/log-entry';
import { type Disconnection, resultSentences } from './disconnection';

/** The id is derived from the disconnection, so that a repeated step writes one entry. */
export function disconnectionEntry(
  account: Account & { disconnection: Disconnection },
  action: Extract<LogAction, 'disconnect_started' | 'account_disconnected'>,
  at: Date,
): LogEntry {
  const { disconnection } = account;
  const isEnd = action === 'account_disconnected';
  return {
    id: `${disconnection.id}-${action}`,
    created_at: at.toISOString(),
    organisation: account.organisation,
    environment: account.environment,
    provider: account.provider,
    account_id: account.id,
    account_label: account.label,
    action,
    source: 'connect',
    outcome: null,
    request: null,
    response: null,
    error: null,
    diagnostics: {
      caller: disconnection.startedBy,
      input_prefix: '',
      decrypted_prefix: null,
      final_prefix: null,
      refresh_token_fingerprint: account.current.refreshTokenFingerprint,
      warnings: [],
    },
    generation: account.generation,
    workflow_id: `disconnect/${account.id}`,
    run_id: disconnection.id,
    message: isEnd
      ? `The account is disconnected, and its tokens are deleted. ${resultSentences(disconnection.tokens)}`
      : 'The account is being disconnected: it is no longer refreshed, and its tokens are being revoked at the provider.',
  };
}
