/** A log entry as a worker writes it. */
import { randomUUID } from 'node:crypto';
import type { LogEntry } from '../../src/domain/logs/log-entry';

export function logEntry(members: Partial<LogEntry> = {}): LogEntry {
  return {
    id: `${randomUUID()}-1`,
    created_at: new Date().toISOString(),
    organisation: 'default',
    environment: 'production',
    provider: 'ebay',
    account_id: 'acc_1',
    account_label: 'Harbour Books',
    action: 'token_refreshed',
    source: 'scheduled',
    outcome: 'ok',
    request: {
      method: 'POST',
      url: 'https://provider.example/token',
      refresh_token: 'v^1.1#… (96 characters)',
    },
    response: { status: 200, duration_ms: 12 },
    error: null,
    diagnostics: null,
    generation: 1,
    workflow_id: 'refresh-account/acc_1',
    run_id: randomUUID(),
    message: 'Refreshed.',
    ...members,
  };
}
