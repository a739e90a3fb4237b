/** Warns, in the terminal and in the log, about refresh tokens that expire soon and so end the account's refreshes. */
import { log } from '@temporalio/activity';
import type { Account } from '../domain/account/account';
import { renewalOf } from '../domain/account/due-times';
import { dueWarningDays } from '../domain/account/refresh-token-expiry';
import type { LogEntry } from '../domain/logs/log-entry';
import type { AttemptPlace } from '../refresh/claim';
import type { RefreshDependencies } from '../refresh/dependencies';

const PAGE = 100;

export async function warnOfRefreshTokens(
  { store, providers, now }: Pick<RefreshDependencies, 'store' | 'providers' | 'now'>,
  input: { provider: string; environment: string | null },
  place: AttemptPlace,
): Promise<{ warned: number }> {
  let warned = 0;
  // Every sweep runs this, so grants whose restore period is over are deleted here.
  await store.reconnects.dropExpired(now());
  for (;;) {
    const at = now();
    const before = warned;
    const accounts = await store.refreshTokenWarnings.due({ ...input, now: at, limit: PAGE });
    for (const account of accounts) {
      const renewal = renewalOf(account, providers.rule(account.provider));
      const days = dueWarningDays(
        {
          expiresAt: account.current.refreshTokenExpiresAt,
          warnedDays: account.refreshTokenWarnedDays,
          renewal,
        },
        at,
      );
      if (days === null) continue;
      // Log first, then mark: the entry's id is derived from the warning, so a repeated step writes it once.
      const entry = warningEntry(account, { days, isOverdue: renewal !== null }, at, place);
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
    if (accounts.length < PAGE || warned === before) break;
  }
  // The last step of a sweep. A sweep of one environment says nothing about the others.
  if (input.environment === null) await store.settings.recordSweepCompleted(input.provider, now());
  return { warned };
}

function warningEntry(
  account: Account,
  { days, isOverdue }: { days: number; isOverdue: boolean },
  at: Date,
  place: AttemptPlace,
): LogEntry {
  const end = account.current.refreshTokenExpiresAt;
  const todo = isOverdue
    ? 'A refresh renews it, but no refresh has succeeded since one was due. Find the cause in the log of the account, or ask the owner to reconnect it.'
    : 'Ask the owner to reconnect the account before then.';
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
    message: `The refresh token expires at ${end ?? 'an unknown time'}, in less than ${days === 1 ? 'a day' : `${days} days`}. ${todo}`,
  };
}
