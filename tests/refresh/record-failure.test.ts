/** A refused grant is replaced by an orphaned one only if that may hold the newer refresh token. */
import type { Account } from '../../src/domain/account/account';
import type { GrantType } from '../../src/domain/account/grant-type';
import type { LogEntry } from '../../src/domain/logs/log-entry';
import { refreshFailure } from '../../src/domain/refresh/refresh-failure';
import { recordFailure } from '../../src/refresh/record-failure';
import { grantUntil, POLICY, ruleOf } from '../domain/_grants';

const NOW = new Date('2026-11-22T10:00:00.000Z');

it.each<[GrantType, string]>([
  ['refresh_token', 'orphan_adopted'],
  ['client_credentials', 'recorded'],
  ['jwt_bearer', 'recorded'],
])('the refusal of an account with the grant %s is %s', async (grantType, recorded) => {
  const account = {
    id: 'acc_1',
    provider: 'box',
    grantType,
    current: grantUntil(NOW),
    candidate: null,
    failedAttempts: 0,
    policy: null,
  } as unknown as Account;
  const entry = { id: 'attempt-1', error: refreshFailure('invalid_grant') } as unknown as LogEntry;
  const yes = () => Promise.resolve(true);
  const deps = {
    store: { grants: { adoptOrphan: yes, recordFailure: yes } },
    providers: { rule: () => ruleOf(POLICY), find: () => undefined },
    now: () => NOW,
  } as unknown as Parameters<typeof recordFailure>[0];
  expect(await recordFailure(deps, { account, entry })).toBe(recorded);
});
