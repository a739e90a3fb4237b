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
      return [
        'Not due: the account is disabled, so Evergrant does not refresh it.',
        ...because(account),
      ];
    case AccountState.disconnected:
      return ['Not due: the account is disconnected.', ...because(account)];
    case AccountState.inactive:
      return [
        'Not due: the provider refused its access token, so the account is inactive.',
        ...because(account),
      ];
    case AccountState.needsReconnect:
      return [
        'Not due: the account needs a reconnect. Its refresh token no longer works, and a retry would not help.',
        ...because(account),
      ];
    case AccountState.active:
      break;
  }
  if (account.quarantine)
    return [
      'Not due: the account is in quarantine, because another system still refreshes it. Release it when that system has stopped.',
    ];
  if (reason === 'candidate_waits')
    return ['Due: the next sweep tries the new grant of the account.'];
  if (reason === 'does_not_expire') return ['Not due: its access token does not expire.'];
  if (reason === 'not_asked_for')
    return [
      'Not due: no caller asked for its current access token. The next caller gets a new one if it has expired.',
    ];
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
  if (byExpiry === null || expiresAt === null) return 'Its access token does not expire.';
  const expiry = new Date(expiresAt);
  const before = duration(expiry.getTime() - byExpiry.getTime());
  const verb = expiry <= now ? 'expired' : 'expires';
  return `Its access token ${verb} at ${momentText(expiry)}, and the account is due ${before} before that, at ${momentText(byExpiry)}.`;
}

function refreshTokenSentence(account: Explained, rule: RefreshRule, now: Date): string[] {
  const { byRefreshToken } = dueMoments(account, rule);
  const { refreshTokenExpiresAt } = account.current;
  if (refreshTokenExpiresAt === null) return [];
  const expiresAt = new Date(refreshTokenExpiresAt);
  if (expiresAt <= now)
    return [
      `Its refresh token expired at ${momentText(expiresAt)}. If the provider refuses it, the owner must reconnect the account.`,
    ];
  const expiry = `Its refresh token expires at ${momentText(expiresAt)}`;
  if (byRefreshToken === null) return [`${expiry}, and a refresh does not extend it.`];
  const before = duration(expiresAt.getTime() - byRefreshToken.getTime());
  return [
    `${expiry}, and a refresh renews it ${before} before that, at ${momentText(byRefreshToken)}.`,
  ];
}

function notBeforeSentence(account: Explained, rule: RefreshRule): string[] {
  const { notBefore } = dueMoments(account, rule);
  if (notBefore === null) return [];
  return [
    `Evergrant sends no request before ${momentText(notBefore)} (notBefore of its provider).`,
  ];
}
const NO_ACCESS_TOKEN = 'The account has no access token yet. The first refresh obtains one.';

function ageSentence(account: Explained, rule: RefreshRule): string[] {
  const { byAge } = dueMoments(account, rule);
  if (byAge === null || account.current.accessToken === null) return [];
  const last = account.lastRefreshedAt ?? new Date(account.current.obtainedAt);
  const after = duration(byAge.getTime() - last.getTime());
  return [
    `${account.lastRefreshedAt === null ? 'The grant was entered' : 'The account was last refreshed'} at ${momentText(last)}. Evergrant refreshes it at least every ${after}, so it is due at ${momentText(byAge)} even if the token lasts longer.`,
  ];
}

function notEnabledSentence(rule: RefreshRule): string {
  const whose = rule.policy.enabled ? 'for this account' : 'for all accounts of its provider';
  return `Not due: sweeps are disabled ${whose}. Evergrant refreshes the account only on request and on use.`;
}

function waitSentences({ nextAttemptAt, failedAttempts }: Explained): string[] {
  const until = nextAttemptAt === null ? 'later' : momentText(nextAttemptAt);
  const why =
    failedAttempts === 0
      ? 'The provider asked to wait.'
      : `${failedAttempts === 1 ? 'The last attempt' : `The last ${failedAttempts} attempts`} failed. The pause grows with each failure.`;
  return [`Not due: no attempt before ${until}.`, why];
}
