/** Warns, in the terminal and in the log, that refresh tokens end: a refresh keeps an account only as long as they live. */
import { log } from '@temporalio/activity';
import type { Account } from '../domain/account';
import type { LogEntry } from '../domain/log-entry';
import { dueWarningDays } from '../domain/refresh-token-clock';
import type { ActivityDependencies } from './dependencies';
import type { AttemptPlace } from './refresh-grant';

const PAGE = 100;

export async function warnOfRefreshTokens(
  { store, now }: Pick<ActivityDependencies, 'store' | 'now'>,
  input: { provider: string; environment: string | null },
  place: AttemptPlace,
): Promise<{ warned: number }> {
  let warned = 0;
  for (;;) {
    const at = now();
    const before = warned;
    const accounts = await store.refreshTokenWarnings.due({ ...input, now: at, limit: PAGE });
    for (const account of accounts) {
      const days = dueWarningDays(
        account.current.refreshTokenExpiresAt,
        account.refreshTokenWarnedDays,
        at,
      );
      if (days === null) continue;
      // First the entry, whose id is the warning's own, then the mark: what is done twice is written once.
      const entry = warningEntry(account, days, at, place);
      await store.logEntries.record(entry);
      if (!(await store.refreshTokenWarnings.mark(account, days, at))) continue;
      warned += 1;
      log.warn(entry.message, {
        action: entry.action,
        source: entry.source,
        provider: account.provider,
        account_id: account.id,
        account_label: account.label,
        days_left: days,
      });
    }
    if (accounts.length < PAGE || warned === before) return { warned };
  }
}

function warningEntry(account: Account, days: number, at: Date, place: AttemptPlace): LogEntry {
  const end = account.current.refreshTokenExpiresAt;
  return {
    id: `refresh-token-expiring-${account.id}-${account.generation}-${days}`,
    created_at: at.toISOString(),
    organisation: account.organisation,
    environment: account.environment,
    provider: account.provider,
    account_id: account.id,
    account_label: account.label,
    action: 'refresh_token_expiring',
    source: 'scheduled',
    outcome: null,
    request: null,
    response: null,
    error: null,
    diagnostics: null,
    generation: account.generation,
    workflow_id: place.workflowId,
    run_id: place.runId,
    message: `The refresh token ends at ${end ?? 'an unknown time'}, in less than ${days === 1 ? 'a day' : `${days} days`}. The owner must connect the account again before that.`,
  };
}
