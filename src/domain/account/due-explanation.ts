/** Why an account is or is not due now, in sentences for people. Follows the decision; decides nothing. */
import { type Account, AccountState } from './account';
import {
  type Clocked,
  dueDecision,
  dueMoments,
  policyOf,
  type RefreshRule,
} from './refresh-policy';
import { duration, momentText } from './time-text';

export type Explained = Clocked &
  Pick<Account, 'state' | 'stateReason' | 'quarantine' | 'failedAttempts'>;

/** The verdict first, then what it rests on. */
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
  if (reason === 'does_not_expire') return ['Not due: its access token does not end.'];
  const clocks = [expirySentence(account, rule, now), ageSentence(account, rule)].flat();
  if (due) return ['Due: the next sweep refreshes it.', ...clocks];
  if (!policyOf(account, rule).enabled) return [notEnabledSentence(rule), ...clocks];
  if (reason === 'backing_off') return [...waitSentences(account), ...clocks];
  return ['Not due yet.', ...clocks];
}

function because({ stateReason }: Explained): string[] {
  return stateReason === null || stateReason === '' ? [] : [sentence(stateReason)];
}

function sentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

function expirySentence(account: Explained, rule: RefreshRule, now: Date): string {
  const { byExpiry } = dueMoments(account, rule);
  const { expiresAt } = account.current;
  if (byExpiry === null || expiresAt === null) return 'Its access token does not end.';
  const ends = new Date(expiresAt);
  const before = duration(ends.getTime() - byExpiry.getTime());
  const end = `Its access token ${ends <= now ? 'ended' : 'ends'} at ${momentText(ends)}`;
  return `${end}; it is refreshed from ${before} before that, at ${momentText(byExpiry)}.`;
}

function ageSentence(account: Explained, rule: RefreshRule): string[] {
  const { byAge } = dueMoments(account, rule);
  if (byAge === null) return [];
  const last = account.lastRefreshedAt;
  const after = duration(byAge.getTime() - last.getTime());
  return [
    `It was last refreshed at ${momentText(last)}; ${after} later, at ${momentText(byAge)}, it is due whatever its token says.`,
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
