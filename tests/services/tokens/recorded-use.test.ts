/** A token request records the use of an account with credentials only where that gives the account a due time. */
import { pino } from 'pino';
import type { Account } from '../../../src/domain/account/account';
import { accountDueTimes } from '../../../src/domain/account/due-times';
import { ValidTokens } from '../../../src/services/tokens/valid-tokens';
import { grantUntil, POLICY, ruleOf } from '../../domain/_grants';

const NOW = new Date('2026-11-22T10:00:00.000Z');
const HOUR = 3600_000;
const RULE = ruleOf({ ...POLICY, refreshAfterAgeMs: null });

async function recordsOf(policy: Account['policy']): Promise<number> {
  const known = {
    id: 'acc_1',
    organisation: 'org_1',
    provider: 'box',
    environment: 'production',
    externalId: 'robot',
    state: 'active',
    quarantine: false,
    grantType: 'client_credentials',
    generation: 1,
    current: { ...grantUntil(new Date(NOW.getTime() + 2 * HOUR)), attemptId: 'attempt-1' },
    previous: null,
    fallback: null,
    lastAttempt: null,
    lastError: null,
    lastRefreshedAt: NOW,
    nextAttemptAt: null,
    failedAttempts: 0,
    policy,
    refreshTokenWarnedDays: null,
    validatedAt: null,
  } as unknown as Account;
  let account: Account = { ...known, askedAt: null, dueTimes: accountDueTimes(known, RULE) };
  let records = 0;
  const recordAsked = (read: Account, askedAt: Date) => {
    records += 1;
    account = { ...read, askedAt };
    account.dueTimes = accountDueTimes(account, RULE);
    return Promise.resolve();
  };
  const tokens = new ValidTokens({
    store: { accounts: { find: () => Promise.resolve(account), recordAsked } },
    vault: { openToken: () => 'token-1' },
    providers: { rule: () => RULE },
    refreshes: {},
    logger: pino({ enabled: false }),
    now: () => NOW,
  } as unknown as ConstructorParameters<typeof ValidTokens>[0]);
  const use = { organisation: 'org_1', keyId: 'key_1', accountId: 'acc_1', minValidSeconds: 60 };
  for (let request = 0; request < 3; request += 1) {
    // oxlint-disable-next-line no-await-in-loop -- each request begins after the previous one
    expect(await tokens.get(use)).toMatchObject({ active: true, accessToken: 'token-1' });
    // oxlint-disable-next-line no-await-in-loop
    await new Promise((resolve) => setImmediate(resolve));
  }
  return records;
}

it('records one use per access token', async () => {
  expect(await recordsOf(null)).toBe(1);
});

it('records none for an account whose policy is off, because no sweep refreshes it', async () => {
  expect(await recordsOf({ enabled: false })).toBe(0);
});
