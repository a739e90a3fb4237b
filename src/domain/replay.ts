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

const REPLAY_PAUSE_MS = 1_000;
const BEFORE_EXPIRY_MS = 60_000;

/**
 * The pause, in ms, before the refresh token is presented again; `never` waits until the access token that a replay could
 * kill is nearly over anyway.
 * @param sentAt when the first request left whose answer is missing
 * @param pauseMs what is to pass in any case
 */
export function pauseBeforeReplayMs(
  rule: ReplayRule,
  sentAt: Date,
  accessTokenExpiresAt: Date,
  now: Date,
  pauseMs = 0,
): number {
  switch (rule.kind) {
    case 'safe':
    case 'until_successor_used':
      return Math.max(REPLAY_PAUSE_MS, pauseMs);
    case 'within': {
      const leftMs = sentAt.getTime() + rule.seconds * 1000 - now.getTime();
      // Past the grace a replay is a reuse: then, as with `never`, the living access token comes first.
      return leftMs > pauseMs ? pauseMs : nearExpiry(accessTokenExpiresAt, now, pauseMs);
    }
    case 'never':
      return nearExpiry(accessTokenExpiresAt, now, pauseMs);
  }
}

function nearExpiry(accessTokenExpiresAt: Date, now: Date, pauseMs: number): number {
  return Math.max(pauseMs, accessTokenExpiresAt.getTime() - BEFORE_EXPIRY_MS - now.getTime());
}
