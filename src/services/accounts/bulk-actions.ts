/** Actions on many accounts: a preview of the effect on each account, and a result per account. */
import { type Account, AccountState } from '../../domain/account/account';
import { validationSentence } from '../../domain/account/validation';
import { outcomeSentence } from '../../domain/refresh/refresh-attempt';
import type { ConfiguredProviders } from '../../providers/config/configured-providers';
import type { Store } from '../../store/store';
import type { RefreshClient } from '../../temporal/refresh-client';
import { callerName } from '../access/authenticator';
import { describeError } from '../describe-error';

export const BULK_ACTIONS = ['refresh', 'validate', 'disable', 'enable', 'release'] as const;
export type BulkAction = (typeof BULK_ACTIONS)[number];

/** Accounts of one action. More would keep a request, and the person, waiting for minutes. */
export const BULK_MAX = 500;
/** Accounts that are changed at the same time, so that one person does not occupy all workers. */
const AT_ONCE = 20;

interface BulkDependencies {
  store: Pick<Store, 'accounts'>;
  providers: ConfiguredProviders;
  refreshes: RefreshClient;
  now: () => Date;
}

export interface BulkCaller {
  organisation: string;
  keyId: string;
}

export interface BulkResult {
  account: Account;
  outcome: 'done' | 'failed' | 'skipped';
  /** A sentence. */
  text: string;
  logEntryId: string | null;
}

/** Why the action does not apply to the account; `null`: it applies. */
export function bulkObstacle(
  { providers }: Pick<BulkDependencies, 'providers'>,
  action: BulkAction,
  { state, quarantine, provider: id }: Account,
): string | null {
  const isDisabled = state === AccountState.disabled;
  if (state === AccountState.disconnected && action !== 'release')
    return 'The account is disconnected.';
  switch (action) {
    case 'refresh':
    case 'validate':
      if (isDisabled) return 'The account is disabled.';
      if (quarantine) return 'The account is in quarantine.';
      return providers.find(id) === undefined ? 'The provider is not configured.' : null;
    case 'disable':
      return isDisabled ? 'The account is disabled already.' : null;
    case 'enable':
      return isDisabled || state === AccountState.inactive
        ? null
        : 'The account is enabled already.';
    case 'release':
      return quarantine ? null : 'The account is not in quarantine.';
  }
}

/** Acts on each account. A failure of one account does not stop the others. */
export async function actOnAccounts(
  deps: BulkDependencies,
  caller: BulkCaller,
  {
    action,
    accounts,
    reason,
  }: { action: BulkAction; accounts: readonly Account[]; reason: string },
): Promise<BulkResult[]> {
  const results = new Map<string, BulkResult>();
  const waiting = [...accounts];
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const account = next;
      // oxlint-disable-next-line no-await-in-loop -- each worker acts on one account at a time
      results.set(account.id, await resultOf(deps, caller, { action, account, reason }));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return accounts.flatMap(({ id }) => results.get(id) ?? []);
}

async function resultOf(
  deps: BulkDependencies,
  caller: BulkCaller,
  { action, account, reason }: { action: BulkAction; account: Account; reason: string },
): Promise<BulkResult> {
  const result = (
    outcome: BulkResult['outcome'],
    text: string,
    more: Partial<Pick<BulkResult, 'logEntryId'>> = {},
  ): BulkResult => ({ account, outcome, text, logEntryId: null, ...more });
  const obstacle = bulkObstacle(deps, action, account);
  if (obstacle !== null) return result('skipped', obstacle);
  const { store, refreshes, now } = deps;
  const { organisation, keyId } = caller;
  const patch = async (change: Parameters<typeof store.accounts.patch>[2], done: string) =>
    (await store.accounts.patch(organisation, account.id, change, now())) === null
      ? result('failed', 'The account was deleted or disconnected in the meantime.')
      : result('done', done);
  try {
    switch (action) {
      case 'refresh': {
        const attempt = await refreshes.refresh(account, {
          source: 'admin',
          caller: callerName(keyId),
          requestedAt: now().toISOString(),
          force: true,
          capture: false,
        });
        const { logEntryId, failure, reason: why } = attempt;
        if (attempt.outcome === 'refreshed') return result('done', 'Refreshed.', { logEntryId });
        const text =
          failure?.message ?? outcomeSentence({ failure, reason: why }) ?? `Not refreshed: ${why}.`;
        return result(attempt.outcome === 'failed' ? 'failed' : 'skipped', text, { logEntryId });
      }
      case 'validate': {
        const validation = await refreshes.validate(account, {
          source: 'admin',
          caller: callerName(keyId),
          capture: false,
        });
        const { logEntryId } = validation;
        if (validation.outcome === 'valid')
          return result('done', 'The provider accepts the access token.', { logEntryId });
        const text = validationSentence(validation) ?? `Not validated: ${validation.reason}.`;
        return result('failed', text, { logEntryId });
      }
      case 'disable': {
        const stateReason = reason === '' ? 'Disabled by an admin.' : reason;
        return await patch({ state: AccountState.disabled, stateReason }, 'Disabled.');
      }
      case 'enable':
        return await patch({ state: AccountState.active, stateReason: null }, 'Enabled.');
      case 'release':
        return await patch({ quarantine: false }, 'Released from quarantine.');
    }
  } catch (error) {
    // Any failure is the result of this account only, so that the results of all others are shown.
    return result('failed', describeError(error).message);
  }
}
