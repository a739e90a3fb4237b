/** A store on a database of its own, and accounts in it. */
import { randomBytes } from 'node:crypto';
import type { Account } from '../../src/domain/account';
import type { SealedGrant } from '../../src/domain/grant';
import type { LogEntry } from '../../src/domain/log-entry';
import { type RefreshFailureCode, refreshFailure } from '../../src/domain/refresh-failure';
import type { RefreshPolicy, RefreshRule } from '../../src/domain/refresh-policy';
import { settlementDecision } from '../../src/domain/settlement';
import type { NewAccount } from '../../src/store/accounts';
import type { ClaimInput, Settlement } from '../../src/store/grants';
import { openStore, type Store, type StoreOptions } from '../../src/store/store';
import { engines } from '../support/engines';

export const NOW = new Date('2026-11-22T12:00:00.000Z');
export const fromNow = (ms: number) => new Date(NOW.getTime() + ms);
export const MINUTE = 60_000;

const unique = (prefix: string) => `${prefix}_${randomBytes(6).toString('hex')}`;

/** eBay's: R0.3. */
export const POLICY: RefreshPolicy = {
  enabled: true,
  sweepEveryMs: 10 * MINUTE,
  perAccountUpTo: 500,
  batchesAtOnce: 4,
  refreshBeforeMs: 15 * MINUTE,
  refreshAfterAgeMs: 60 * MINUTE,
  jitterMs: 0,
  backOffFirstMs: 10_000,
  backOffMaxMs: 60 * MINUTE,
  validateEveryMs: null,
};
export const RULE: RefreshRule = { policy: POLICY, accessTokenLifeSeconds: 7200 };

export interface TestStore extends Store {
  uri: string;
}

export async function storeForTest({
  logRetentionDays = 30,
  rules = () => RULE,
}: Partial<StoreOptions> = {}): Promise<TestStore> {
  const uri = engines.mongodbUri(unique('evergrant_store'));
  return { ...(await openStore(uri, { logRetentionDays, rules })), uri };
}

export function grantOf(
  attemptId: string | null,
  overrides: Partial<SealedGrant> = {},
): SealedGrant {
  const name = attemptId ?? 'entered';
  return {
    accessToken: `ENC:v1:k1:access-${name}`,
    refreshToken: `ENC:v1:k1:refresh-${name}`,
    accessTokenFingerprint: `a-${name}`,
    refreshTokenFingerprint: `r-${name}`,
    expiresAt: fromNow(120 * MINUTE).toISOString(),
    refreshTokenExpiresAt: null,
    scopes: ['scope'],
    obtainedAt: NOW.toISOString(),
    attemptId,
    ...overrides,
  };
}

export type AccountInput = Partial<NewAccount> & { expiresInMs?: number; refreshedAgoMs?: number };

export function newAccount({
  expiresInMs = MINUTE,
  refreshedAgoMs = 30 * MINUTE,
  ...overrides
}: AccountInput = {}): NewAccount {
  const id = overrides.id ?? unique('acc');
  return {
    id,
    organisation: 'org_a',
    provider: 'ebay',
    environment: 'production',
    externalId: `shop-${id}`,
    label: `Shop ${id}`,
    kind: null,
    grant: grantOf(null, { expiresAt: fromNow(expiresInMs).toISOString() }),
    lastRefreshedAt: fromNow(-refreshedAgoMs),
    ...overrides,
  };
}

export const addAccount = (store: Store, input: AccountInput = {}) =>
  store.accounts.create(newAccount(input), NOW);

export async function accountOf(store: Store, id: string): Promise<Account> {
  const account = await store.grants.read(id);
  if (account === null) throw new Error(`no account ${id}`);
  return account;
}

export function claimOf(account: Account, attemptId: string, input: Partial<ClaimInput> = {}) {
  return {
    accountId: account.id,
    attemptId,
    worker: 'worker-1',
    source: 'scheduled' as const,
    now: NOW,
    supersedes: [],
    unlessAttemptedSince: null,
    ...input,
  };
}

export function commitOf(account: Account, grant: SealedGrant, now = NOW) {
  return {
    account,
    generation: account.generation,
    grant,
    source: 'scheduled' as const,
    now,
  };
}

export function settlementOf(
  account: Account,
  attemptId: string,
  code: RefreshFailureCode,
): Settlement {
  const failure = refreshFailure(code, { status: 400, detail: 'no', retryAfterMs: 1000 });
  return {
    account,
    attemptId,
    source: 'scheduled',
    failure,
    decision: settlementDecision(failure, account.failedAttempts, POLICY, NOW),
    now: NOW,
  };
}

export function entryOf(overrides: Partial<LogEntry> = {}): LogEntry {
  return {
    id: unique('attempt'),
    created_at: NOW.toISOString(),
    organisation: 'org_a',
    environment: 'production',
    provider: 'ebay',
    account_id: 'acc_1',
    account_label: 'Shop',
    action: 'token_refreshed',
    source: 'scheduled',
    outcome: 'ok',
    request: null,
    response: null,
    error: null,
    diagnostics: null,
    generation: 1,
    workflow_id: 'refresh-account/acc_1',
    run_id: 'run',
    message: 'Refreshed.',
    ...overrides,
  };
}
