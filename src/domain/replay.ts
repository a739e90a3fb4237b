/**
 * What may be done after a request was sent and no answer came. The refresh token may have been spent: whether it
 * can be presented once more is the provider's rule, and the workflow's decision.
 */

/** What the provider does when a refresh token is presented a second time. */
export type ReplayRule =
  /** Refresh tokens are not rotated: presenting one again is the normal case. */
  | { kind: 'safe' }
  /** The same successor is answered again for so long after the first use. */
  | { kind: 'within'; seconds: number }
  /** The old refresh token works until its successor was used. */
  | { kind: 'until_successor_used' }
  /** Reuse is taken for theft and revokes the whole family, the living access token included. */
  | { kind: 'never' };

export type ReplayDecision = { replay: true; afterMs: number } | { replay: false };

const REPLAY_PAUSE_MS = 1_000;
const BEFORE_EXPIRY_MS = 60_000;

/** When to replay once; `never` waits until the access token that a replay could kill is nearly over anyway. */
export function replayDecision(
  rule: ReplayRule,
  sentAt: Date,
  accessTokenExpiresAt: Date,
  now: Date,
): ReplayDecision {
  switch (rule.kind) {
    case 'safe':
    case 'until_successor_used':
      return { replay: true, afterMs: REPLAY_PAUSE_MS };
    case 'within': {
      const leftMs = sentAt.getTime() + rule.seconds * 1000 - now.getTime();
      // Past the grace a replay is a reuse: then, as with `never`, the living access token comes first.
      return leftMs > 0 ? { replay: true, afterMs: 0 } : nearExpiry(accessTokenExpiresAt, now);
    }
    case 'never':
      return nearExpiry(accessTokenExpiresAt, now);
  }
}

function nearExpiry(accessTokenExpiresAt: Date, now: Date): ReplayDecision {
  return {
    replay: true,
    afterMs: Math.max(0, accessTokenExpiresAt.getTime() - BEFORE_EXPIRY_MS - now.getTime()),
  };
}
