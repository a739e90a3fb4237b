/** Formats one account for the terminal. */
import type { z } from 'zod';
import type { AccountBody } from '../api/routes/accounts/account-body';
import { type Pairs, time } from './output';

export function tokenExpiry({
  expires_at: end,
  access_token_fingerprint: token,
}: Pick<z.infer<typeof AccountBody>, 'expires_at' | 'access_token_fingerprint'>): string {
  if (token === null) return 'no access token yet';
  return time(end) ?? 'never';
}

export function accountPairs(account: z.infer<typeof AccountBody>): Pairs {
  const { candidate, replaced, last_reconnect: reconnect } = account;
  const { last_attempt: attempt, last_error: error, last_validation: validation } = account;
  return [
    ['id', account.id],
    ['label', account.label],
    ['provider', `${account.provider} (${account.environment})`],
    ['external id', account.external_id],
    ['kind', account.kind],
    ['grant', account.grant === 'refresh_token' ? null : account.grant],
    ['client', account.own_client ? 'its own' : null],
    ['owner', account.owner_email],
    ['status', account.status],
    ['reason', account.status_reason],
    ['quarantine', account.quarantine ? 'yes' : null],
    ['due', account.due.due ? `yes (${account.due.reason})` : `no (${account.due.reason})`],
    ['token expires', tokenExpiry(account)],
    ['refresh token expires', time(account.refresh_token_expires_at)],
    ['last refreshed', time(account.last_refreshed_at) ?? 'never'],
    [
      'last attempt',
      attempt && `${attempt.outcome} (${attempt.source}) ${time(attempt.finished_at) ?? ''}`,
    ],
    ['last validation', validation && `${validation.outcome} ${time(validation.at) ?? ''}`],
    ['last error', error && `${error.code}: ${error.message}`],
    ['provider message', error?.detail],
    [
      'pending grant',
      candidate && `since ${time(candidate.since) ?? ''} ${candidate.last_failure?.message ?? ''}`,
    ],
    ['last reconnect', reconnect && `${reconnect.outcome} ${time(reconnect.at) ?? ''}`],
    ['previous grant', replaced && `restorable until ${time(replaced.restorable_until) ?? ''}`],
    ['next attempt', time(account.next_attempt_at)],
    ['generation', account.generation],
    ['scopes', account.scopes.join(' ')],
  ];
}
