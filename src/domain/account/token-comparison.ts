/** R1.7: whether an attempt presented the refresh token that the account's attempt before it did, told by fingerprints. */

/**
 * `same`: as the attempt before. `changed`: never presented before. `reused`: presented before, but not by the attempt
 * before: a newer one had been in use in between, which a provider that rotates takes for theft.
 */
export type TokenComparison = 'same' | 'changed' | 'reused';

/** What an attempt presented; attempts that opened no token have none and are no part of this. */
export interface PresentedToken {
  entryId: string;
  accountId: string;
  /** ISO 8601 UTC. */
  at: string;
  fingerprint: string;
}

/**
 * Compares each attempt with those of the same account before it.
 * @param presented in any order
 * @returns by entry id; nothing for an account's first attempt, which has nothing to be compared with
 */
export function compareTokens(presented: readonly PresentedToken[]): Map<string, TokenComparison> {
  const compared = new Map<string, TokenComparison>();
  const before = new Map<string, { last: string; all: Set<string> }>();
  for (const { entryId, accountId, fingerprint } of presented.toSorted(oldestFirst)) {
    const earlier = before.get(accountId);
    if (earlier === undefined) {
      before.set(accountId, { last: fingerprint, all: new Set([fingerprint]) });
      continue;
    }
    if (earlier.last === fingerprint) compared.set(entryId, 'same');
    else compared.set(entryId, earlier.all.has(fingerprint) ? 'reused' : 'changed');
    earlier.last = fingerprint;
    earlier.all.add(fingerprint);
  }
  return compared;
}

function oldestFirst(a: PresentedToken, b: PresentedToken): number {
  if (a.at !== b.at) return a.at < b.at ? -1 : 1;
  return a.entryId < b.entryId ? -1 : 1;
}
