/** Checks the promises: joins the provider's ledger with Evergrant's records. */
import { ATTEMPT_ACTIONS, type LogAction } from '../../src/domain/logs/log-entry';
import { type LedgerEntry, refreshTokenFingerprint } from '../../src/sandbox/ledger';
import { grantPlace } from '../../src/vault/vault';
import type { Harness } from '../support/harness';
import { type Victim, WINDOW } from './_lab';

/** Counts over accounts; {@link broken} says which must be 0. */
export interface Tally {
  accounts: number;
  /** Refresh tokens that the provider received. */
  presented: number;
  /** Refresh tokens received again by a provider that rotates. */
  replays: number;
  /** P1: replays without a recorded unknown outcome or throttling before them. */
  unexplainedReplays: number;
  /** Refresh tokens that the provider issued in place of others. */
  rotations: number;
  /** Rotated refresh tokens that were neither stored nor ever presented. */
  rotationsLost: number;
  /** P2: rotations lost although no kill hit the window between the request and the first durable write. */
  rotationsLostOutsideWindow: number;
  /** Accounts that no longer have a working grant. */
  familiesLost: number;
  /** Lost accounts whose state does not say so. */
  silent: number;
  /** R1.2: requests at the provider without a log entry. */
  unlogged: number;
  /** Pairs of entries that claim the same success. */
  doubleEntries: number;
  /** Attempts that still hold a claim when everything is over. */
  claimsLeft: number;
}

const SAFE_OUTCOMES: readonly (string | null)[] = ['unknown', 'throttled'];

export async function checkPromises(
  h: Harness,
  ids: readonly string[],
  victims: readonly Victim[] = [],
): Promise<Tally> {
  const tally: Tally = {
    accounts: ids.length,
    presented: 0,
    replays: 0,
    unexplainedReplays: 0,
    rotations: 0,
    rotationsLost: 0,
    rotationsLostOutsideWindow: 0,
    familiesLost: 0,
    silent: 0,
    unlogged: 0,
    doubleEntries: 0,
    claimsLeft: 0,
  };
  const ofSubject = new Map(ids.map((id): [string, LedgerEntry[]] => [id, []]));
  for (const entry of h.sandbox.ledger) ofSubject.get(entry.subject ?? '')?.push(entry);
  for (const [id, ledger] of ofSubject) await checkAccount(h, id, ledger, victims, tally);
  return tally;
}

/** The names of the counts that break a promise; empty if all hold. */
export function broken(tally: Tally): (keyof Tally)[] {
  const forbidden: (keyof Tally)[] = [
    'unexplainedReplays',
    'rotationsLostOutsideWindow',
    'silent',
    'unlogged',
    'doubleEntries',
    'claimsLeft',
  ];
  return forbidden.filter((name) => tally[name] > 0);
}

async function checkAccount(
  h: Harness,
  id: string,
  ledger: readonly LedgerEntry[],
  victims: readonly Victim[],
  tally: Tally,
): Promise<void> {
  const account = await h.account(id);
  const actions: readonly LogAction[] = ATTEMPT_ACTIONS;
  const entries = (await h.entries(id)).filter(({ action }) => actions.includes(action));
  const presented = ledger
    .filter(({ event }) => event === 'received')
    .map((entry) => entry.refreshTokenFingerprint ?? '');
  const minted = ledger.flatMap((entry) => entry.mintedRefreshTokenFingerprint ?? []);
  const rotates = minted.length > 0 || ledger.some((e) => e.rotatedTokenPresented);

  const replays = rotates ? presented.length - new Set(presented).size : 0;
  const explained = entries.filter(({ outcome }) => SAFE_OUTCOMES.includes(outcome)).length;
  tally.presented += presented.length;
  tally.replays += replays;
  tally.unexplainedReplays += Math.max(0, replays - explained);

  const kept = [account.current, account.previous, ...account.orphanedGrants]
    .filter((grant) => grant !== null)
    .flatMap(({ refreshToken, generation }) => {
      const place = grantPlace(account, generation);
      return refreshToken === null ? [] : h.vault.openToken(refreshToken, place, 'refresh_token');
    })
    .map(refreshTokenFingerprint);
  const durable = new Set([...kept, ...presented]);
  const lost = [...new Set(minted)].filter((fingerprint) => !durable.has(fingerprint)).length;
  const inWindow = victims.some((victim) => victim.id === id && WINDOW.includes(victim.phase));
  tally.rotations += new Set(minted).size;
  tally.rotationsLost += lost;
  if (!inWindow) tally.rotationsLostOutsideWindow += lost;

  const place = grantPlace(account, account.generation);
  const accessToken = h.vault.openToken(account.current.accessToken ?? '', place, 'access_token');
  const [current = ''] = kept;
  const spent = rotates && presented.includes(current);
  const works = h.sandbox.isAccessTokenActive(accessToken) && !spent;
  if (!works) tally.familiesLost += 1;
  if (!works && account.state === 'active') tally.silent += 1;

  const logged = entries.filter(({ outcome }) => outcome !== 'not_sent').length;
  tally.unlogged += Math.max(0, presented.length - logged);
  const successes = entries.filter(({ outcome }) => outcome === 'ok').length;
  tally.doubleEntries += Math.max(0, successes - (account.generation - 1));
  if (account.claim !== null) tally.claimsLeft += 1;
}

/** The histories, worker output and API logs that contain an internal error. */
export async function internalErrors(
  h: Harness,
  accountIds: readonly string[],
  workerOutput: readonly string[],
): Promise<string[]> {
  const histories = await Promise.all(
    accountIds.map((id) => h.client.workflow.getHandle(`refresh-account/${id}`).fetchHistory()),
  );
  return [JSON.stringify(histories), workerOutput.join(''), h.logs.join('')].filter(
    (text) => text.includes('internal_error') || text.includes('request failed'),
  );
}
