/** A store on a separate database, with helpers to add accounts. */
import { randomBytes } from 'node:crypto';
import type { Account } from '../../src/domain/account/account';
import type { RefreshRule } from '../../src/domain/account/due-times';
import { FIRST_GENERATION, type SealedGrant } from '../../src/domain/account/grant';
import type { LogEntry } from '../../src/domain/logs/log-entry';
import { failureEffects } from '../../src/domain/refresh/failure-effects';
import { type RefreshFailureCode, refreshFailure } from '../../src/domain/refresh/refresh-failure';
import type { NewAccount } from '../../src/store/accounts/accounts';
import type { ClaimInput, FailureRecord } from '../../src/store/accounts/grants';
import { openStore, type Store, type StoreOptions } from '../../src/store/store';
import type { KeyRing } from '../../src/vault/key-ring';
import type { Vault } from '../../src/vault/vault';
import { POLICY } from '../domain/_grants';
import { engines } from '../support/engines';
import { ringOf } from '../vault/_keys';

export const NOW = new Date('2026-11-22T12:00:00.000Z');
export const fromNow = (ms: number) => new Date(NOW.getTime() + ms);
export const MINUTE = 60_000;

const unique = (prefix: string) => `${prefix}_${randomBytes(6).toString('hex')}`;

export const RULE: RefreshRule = {
  policy: POLICY,
  accessTokenLifeSeconds: 7200,
  refreshTokenLifeSeconds: null,
  replayRule: { kind: 'safe' },
};

export interface TestStore extends Store {
  uri: string;
  vault: Vault;
  /** Reports of rows that were not written by Evergrant. */
  reports: object[];
}

export async function storeForTest({
  logRetentionDays = 30,
  rules = () => RULE,
  ring = ringOf('k1'),
  ...bounds
}: Partial<StoreOptions & { ring: KeyRing }> = {}): Promise<TestStore> {
  const uri = engines.mongodbUri(unique('evergrant_store'));
  const reports: object[] = [];
  const logger = { error: (report: object) => void reports.push(report) };
  const { store, vault } = await openStore(uri, {
    logRetentionDays,
    rules,
    ring,
    logger,
    ...bounds,
  });
  return { ...store, uri, vault, reports };
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
    generation: FIRST_GENERATION,
    ...overrides,
  };
}

/** The grant as stored in a generation of its account. */
export const inGeneration = (generation: number, grant: SealedGrant): SealedGrant => ({
  ...grant,
  generation,
});

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

export function failureRecordOf(
  account: Account,
  attemptId: string,
  code: RefreshFailureCode,
): FailureRecord {
  const failure = refreshFailure(code, { status: 400, detail: 'no', retryAfterMs: 1000 });
  return {
    account,
    attemptId,
    source: 'scheduled',
    failure,
    unanswered: account.unanswered,
    decision: failureEffects(failure, account, POLICY, NOW),
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
