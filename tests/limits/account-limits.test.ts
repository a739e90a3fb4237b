/** The meaning of a failed refresh for the OAuth app and its provider. */

import type { Account } from '../../src/domain/account/account';
import { DEFAULT_APP_LIMITS } from '../../src/domain/limits/app-limiter';
import type { AppOutcome } from '../../src/domain/limits/limiter-outcome';
import type { ExchangeOutcome } from '../../src/domain/logs/log-entry';
import { type RefreshFailureCode, refreshFailure } from '../../src/domain/refresh/refresh-failure';
import { reportToLimiter } from '../../src/limits/account-limits';
import type { RefreshDependencies } from '../../src/refresh/dependencies';

/** The outcome that the app limiter receives; `null`: none. */
async function appOutcomeOf(
  outcome: ExchangeOutcome,
  code: RefreshFailureCode,
  status: number | null,
): Promise<string | null> {
  const told: AppOutcome[] = [];
  const appLimiter = {
    report: (_limiter: unknown, _permitted: unknown, news: AppOutcome) => {
      told.push(news);
      return Promise.resolve({ state: null, ofAccount: 'none' });
    },
  } as unknown as RefreshDependencies['appLimiter'];
  const limiter = { provider: 'crm', environment: 'production', rule: DEFAULT_APP_LIMITS };
  const account = { id: 'acc_1', organisation: 'org', isProven: true, refusedAt: null } as Account;
  await reportToLimiter(
    { appLimiter },
    limiter,
    { account, at: new Date() },
    { outcome, failure: refreshFailure(code, status === null ? {} : { status }) },
  );
  return told[0]?.kind ?? null;
}

describe('reportToLimiter', () => {
  // Each row has a status: jest would take a missing last argument for its callback.
  it.each<[string, ExchangeOutcome, RefreshFailureCode, string, number | null]>([
    ['reports an answer for unknown words', 'rejected', 'unrecognized_error', 'answered', null],
    ['reports an answer for too_early', 'rejected', 'too_early', 'answered', null],
    [
      'reports no outage for a refusal that mentions one',
      'rejected',
      'provider_unavailable',
      'answered',
      null,
    ],
    ['reports an outage for a 5xx', 'unknown', 'provider_unavailable', 'provider', null],
    ['reports an outage for a lost answer', 'unknown', 'answer_lost', 'provider', null],
    ['reports the app for wrong credentials', 'rejected', 'invalid_client', 'app', null],
    ['reports a wait for a 429', 'throttled', 'rate_limited', 'rate', 429],
    ['reports a wait for a 503 with Retry-After', 'throttled', 'rate_limited', 'rate', 503],
    [
      'reports no limit for a refusal of one account that mentions throttling',
      'throttled',
      'rate_limited',
      'answered',
      400,
    ],
    [
      'reports a refused grant for a dead grant',
      'rejected',
      'invalid_grant',
      'grant_refused',
      null,
    ],
  ])('%s', async (_what, outcome, code, expected, status) => {
    expect(await appOutcomeOf(outcome, code, status)).toBe(expected);
  });
});
