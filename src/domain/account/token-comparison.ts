/** Compares the refresh token of each attempt, by fingerprint, with those of the account's earlier attempts. */

/**
 * `same`: the previous attempt used this token. `changed`: no earlier attempt used it. `reused`: an earlier attempt
 * used it, but a newer token was used in between, which a rotating provider treats as theft.
 */
export type TokenComparison = 'same' | 'changed' | 'reused';

/** The token that an attempt used. Attempts that decrypted no token are not part of the comparison. */
export interface PresentedToken {
  entryId: string;
  accountId: string;
  /** ISO 8601 UTC. */
  at: string;
  fingerprint: string;
}

/**
 * Compares each attempt with the earlier ones of the same account.
 * @param presented in any order
 * @returns by entry id; an account's first attempt is omitted
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
