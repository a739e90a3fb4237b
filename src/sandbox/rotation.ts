/**
 * What becomes of a refresh token that was used, and what a second presentation of it means: the part of a family
 * that decides whether a lost answer can be made good.
 */
import { z } from 'zod';

/**
 * `none`: the refresh token stays. `strict`: each use brings a new one, and the old one is dead at once. `grace`: for
 * so long the old one brings the same successor again. `until_successor_used`: the old one brings another successor
 * until one of them is used, for at most so many seconds.
 */
export const rotationSchema = z.discriminatedUnion('mode', [
  z.strictObject({ mode: z.literal('none') }),
  z.strictObject({ mode: z.literal('strict') }),
  z.strictObject({ mode: z.literal('grace'), seconds: z.number() }),
  z.strictObject({ mode: z.literal('until_successor_used'), seconds: z.number() }),
]);
export type Rotation = z.infer<typeof rotationSchema>;

export interface RotationState {
  rotation?: Rotation | undefined;
  /** SHA-256 of every refresh token the family has had, oldest first. */
  refreshTokenHashes: string[];
  /** The refresh token that was used last. */
  predecessorHash?: string | undefined;
  /** How many at the end of the list came of the predecessor and are unused; absent: one. */
  successors?: number | undefined;
  /** When the predecessor was used first. */
  rotatedAtMs?: number | undefined;
}

/**
 * `current`: its first use. `repeated`: used before, and forgiven. `replayed`: used before, and taken for theft.
 * @see [RFC 9700 §4.14.2](https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2)
 */
export type Presentation = 'current' | 'repeated' | 'replayed';

export function presentationOf(family: RotationState, hash: string, nowMs: number): Presentation {
  if (unusedHashes(family).includes(hash)) return 'current';
  const { rotation, predecessorHash, rotatedAtMs = 0 } = family;
  if (hash !== predecessorHash) return 'replayed';
  if (rotation?.mode !== 'grace' && rotation?.mode !== 'until_successor_used') return 'replayed';
  return nowMs <= rotatedAtMs + rotation.seconds * 1000 ? 'repeated' : 'replayed';
}

/** Records that `presented` brought `successor`. */
export function rotate(
  family: RotationState,
  presented: string,
  successor: string,
  nowMs: number,
): void {
  if (presented === family.predecessorHash) {
    family.successors = (family.successors ?? 1) + 1;
  } else {
    family.predecessorHash = presented;
    family.rotatedAtMs = nowMs;
    family.successors = 1;
  }
  family.refreshTokenHashes.push(successor);
}

function unusedHashes({ refreshTokenHashes, successors = 1 }: RotationState): string[] {
  return refreshTokenHashes.slice(-successors);
}
