/** One account for people. */
import type { z } from 'zod';
import type { AccountBody } from '../api/schemas';
import type { Cell } from './output';
import { time } from './output';

export function accountPairs(account: z.infer<typeof AccountBody>): [string, Cell][] {
  const { last_attempt: attempt, last_error: error, last_validation: validation } = account;
  return [
    ['id', account.id],
    ['label', account.label],
    ['provider', `${account.provider} (${account.environment})`],
    ['external id', account.external_id],
    ['kind', account.kind],
    ['status', account.status],
    ['reason', account.status_reason],
    ['quarantine', account.quarantine ? 'yes' : null],
    ['due', account.due.due ? `yes (${account.due.reason})` : `no (${account.due.reason})`],
    ['token ends', time(account.expires_at) ?? 'never'],
    ['refresh token ends', time(account.refresh_token_expires_at)],
    ['last refreshed', time(account.last_refreshed_at)],
    [
      'last attempt',
      attempt && `${attempt.outcome} (${attempt.source}) ${time(attempt.finished_at) ?? ''}`,
    ],
    ['last validation', validation && `${validation.outcome} ${time(validation.at) ?? ''}`],
    ['last error', error && `${error.code}: ${error.message}`],
    ['next attempt', time(account.next_attempt_at)],
    ['generation', account.generation],
    ['scopes', account.scopes.join(' ')],
  ];
}
