/** Explains to people why an account is or is not due. Follows {@link dueDecision} and decides nothing itself. */
import { duration, momentText } from '../text/time-text';
import { type Account, AccountState } from './account';
import {
  dueDecision,
  dueMoments,
  policyOf,
  type RefreshRule,
  type WithDueTimes,
} from './due-times';

export type Explained = WithDueTimes &
  Pick<Account, 'state' | 'stateReason' | 'quarantine' | 'failedAttempts'>;

/** Returns the verdict first, then the facts behind it. */
export function dueExplanation(account: Explained, rule: RefreshRule, now: Date): string[] {
  const { due, reason } = dueDecision(account, rule, now);
  switch (account.state) {
    case AccountState.disabled:
      return ['Not due: it is disabled, and never refreshed.', ...because(account)];
    case AccountState.inactive:
      return [
        'Not due: its access token was refused, and it is out of service.',
        ...because(account),
      ];
    case AccountState.needsReconnect:
      return [
        'Not due: its refresh token no longer works, and trying again would not help.',
        ...because(account),
        'It must be connected again.',
      ];
    case AccountState.active:
      break;
  }
  if (account.quarantine)
    return [
      'Not due: it is in quarantine. Another system still refreshes it, and it is released by hand.',
    ];
  if (reason === 'candidate_waits')
    return ['Due: a new grant was handed in and waits to be tried.'];
  if (reason === 'does_not_expire') return ['Not due: its access token does not end.'];
  const dueTimes = [
    expirySentence(account, rule, now),
    refreshTokenSentence(account, rule, now),
    notBeforeSentence(account, rule),
    ageSentence(account, rule),
  ].flat();
  if (due) return ['Due: the next sweep refreshes it.', ...dueTimes];
  if (!policyOf(account, rule).enabled) return [notEnabledSentence(rule), ...dueTimes];
  if (reason === 'backing_off') return [...waitSentences(account), ...dueTimes];
  return ['Not due yet.', ...dueTimes];
}

function because({ stateReason }: Explained): string[] {
  return stateReason === null || stateReason === '' ? [] : [sentence(stateReason)];
}

function sentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

function expirySentence(account: Explained, rule: RefreshRule, now: Date): string {
  const { byExpiry } = dueMoments(account, rule);
  const { accessToken, expiresAt } = account.current;
  if (accessToken === null) return NO_ACCESS_TOKEN;
  if (byExpiry === null || expiresAt === null) return 'Its access token does not end.';
  const ends = new Date(expiresAt);
  const before = duration(ends.getTime() - byExpiry.getTime());
  const end = `Its access token ${ends <= now ? 'ended' : 'ends'} at ${momentText(ends)}`;
  return `${end}; it is refreshed from ${before} before that, at ${momentText(byExpiry)}.`;
}

function refreshTokenSentence(account: Explained, rule: RefreshRule, now: Date): string[] {
  const { byRefreshToken } = dueMoments(account, rule);
  const { refreshTokenExpiresAt } = account.current;
  if (refreshTokenExpiresAt === null) return [];
  const expiresAt = new Date(refreshTokenExpiresAt);
  if (expiresAt <= now)
    return [
      `Its refresh token expired at ${momentText(expiresAt)}; if the provider refuses it, the owner must reconnect the account.`,
    ];
  const expiry = `Its refresh token expires at ${momentText(expiresAt)}`;
  if (byRefreshToken === null) return [`${expiry}, and a refresh does not change that.`];
  const before = duration(expiresAt.getTime() - byRefreshToken.getTime());
  return [
    `${expiry}; a refresh renews it, and is due ${before} before that, at ${momentText(byRefreshToken)}.`,
  ];
}

function notBeforeSentence(account: Explained, rule: RefreshRule): string[] {
  const { notBefore } = dueMoments(account, rule);
  if (notBefore === null) return [];
  return [`Nothing is sent before ${momentText(notBefore)}, as notBefore of its provider says.`];
}
const NO_ACCESS_TOKEN = 'It has no access token yet: the first refresh brings one.';

function ageSentence(account: Explained, rule: RefreshRule): string[] {
  const { byAge } = dueMoments(account, rule);
  if (byAge === null || account.current.accessToken === null) return [];
  const last = account.lastRefreshedAt ?? new Date(account.current.obtainedAt);
  const after = duration(byAge.getTime() - last.getTime());
  return [
    `${account.lastRefreshedAt === null ? 'It was not refreshed yet, and handed in' : 'It was last refreshed'} at ${momentText(last)}; ${after} later, at ${momentText(byAge)}, it is due whatever its token says.`,
  ];
}

function notEnabledSentence(rule: RefreshRule): string {
  const whose = rule.policy.enabled ? 'for this account' : 'for all accounts of its provider';
  return `Not due: sweeps are switched off ${whose}; it is refreshed by hand and on use only.`;
}

function waitSentences({ nextAttemptAt, failedAttempts }: Explained): string[] {
  const until = nextAttemptAt === null ? 'later' : momentText(nextAttemptAt);
  const why =
    failedAttempts === 0
      ? 'The provider asked to wait.'
      : `${failedAttempts === 1 ? 'The last attempt' : `The last ${failedAttempts} attempts`} failed, and the pause grows with each.`;
  return [`Not due: no attempt before ${until}.`, why];
}
