/** Refresh token rotation and replays. They decide whether a client can recover from a lost answer. */
import { z } from 'zod';

/** Number of uses per new refresh token. Absent: 1. */
const every = z.number().optional();

/**
 * `none`: the refresh token stays. `strict`: each use returns a new token and invalidates the old one. `grace`: for
 * `seconds`, the old token returns the same new one again. `until_successor_used`: the old token returns further new
 * ones until one of them is used, for at most `seconds`. `tolerant`: each use returns a new token, and the old ones work.
 */
export const rotationSchema = z.discriminatedUnion('mode', [
  z.strictObject({ mode: z.literal('none') }),
  z.strictObject({ mode: z.literal('strict'), every }),
  z.strictObject({ mode: z.literal('grace'), seconds: z.number(), every }),
  z.strictObject({ mode: z.literal('until_successor_used'), seconds: z.number(), every }),
  z.strictObject({ mode: z.literal('tolerant'), every }),
]);
export type Rotation = z.infer<typeof rotationSchema>;

export interface RotationState {
  rotation?: Rotation | undefined;
  /** SHA-256 of every refresh token of the family, oldest first. */
  refreshTokenHashes: string[];
  /** The refresh token that was used last. */
  predecessorHash?: string | undefined;
  /** Number of tokens at the end of the list that replaced the predecessor and are unused. Absent: one. */
  successors?: number | undefined;
  /** Number of refreshes. Absent: none. */
  uses?: number | undefined;
  /** When the predecessor was first used. */
  rotatedAtMs?: number | undefined;
}

/**
 * `current`: the first use. `repeated`: a replay that the provider accepts. `replayed`: a replay that it treats as
 * theft.
 * @see [RFC 9700 §4.14.2](https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2)
 */
export type Presentation = 'current' | 'repeated' | 'replayed';

export function presentationOf(family: RotationState, hash: string, nowMs: number): Presentation {
  if (unusedHashes(family).includes(hash) || family.rotation?.mode === 'tolerant') return 'current';
  const { rotation, predecessorHash, rotatedAtMs = 0 } = family;
  if (hash !== predecessorHash) return 'replayed';
  if (rotation?.mode !== 'grace' && rotation?.mode !== 'until_successor_used') return 'replayed';
  return nowMs <= rotatedAtMs + rotation.seconds * 1000 ? 'repeated' : 'replayed';
}

/** Counts a use. @returns whether it returns a new refresh token */
export function isRotatedByUse(family: RotationState, rotation: Rotation): boolean {
  if (rotation.mode === 'none') return false;
  family.uses = (family.uses ?? 0) + 1;
  return family.uses % (rotation.every ?? 1) === 0;
}

/** Records that `successor` replaced `presented`. */
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
