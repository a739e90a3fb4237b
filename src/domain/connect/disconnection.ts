/**
 * A disconnection revokes an account's tokens at its provider, and then deletes them. Types and pure decisions; the
 * workflow `disconnect/<account id>` takes the steps.
 */
/** `unknown`: the provider gave no usable response within {@link REVOKE_FOR_MS}, so the token may still be valid. */
export const REVOCATION_RESULTS = ['revoked', 'not_supported', 'refused', 'unknown'] as const;
export type RevocationResult = (typeof REVOCATION_RESULTS)[number];

/** The place of a token on its account. */
export const TOKEN_PLACES = [
  'current',
  'candidate',
  'replaced',
  'orphaned',
  'previous',
  'fallback',
] as const;
export type TokenPlace = (typeof TOKEN_PLACES)[number];

/** Names a token without containing it. */
export interface TokenName {
  grant: TokenPlace;
  token: 'refresh_token' | 'access_token';
  fingerprint: string;
}

export interface DisconnectedToken extends TokenName {
  /** `null`: not decided yet. */
  result: RevocationResult | null;
  /** When the provider last responded, or failed to. */
  at: Date | null;
}

export interface Disconnection {
  /** The id of the workflow's first run: one disconnection per run. */
  id: string;
  startedAt: Date;
  /** The caller that requested the disconnection. */
  startedBy: string;
  /** When the tokens were deleted. `null`: their revocation is in progress. */
  finishedAt: Date | null;
  /** Rounds of revocation requests so far. */
  attempts: number;
  nextAttemptAt: Date | null;
  /** Empty until the refresh in flight, if any, has finished. */
  tokens: DisconnectedToken[];
}

/** How long, in ms, a failed revocation is retried. The tokens are deleted afterwards, whatever the provider says. */
export const REVOKE_FOR_MS = 24 * 3600_000;
const FIRST_PAUSE_MS = 10_000;
const PAUSE_MAX_MS = 3600_000;

/** Pause, in ms, before the next round: 10 s, doubling up to 1 h, or longer if the provider asks for it. */
export function revocationPauseMs(rounds: number, retryAfterMs: number): number {
  const ownMs = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(Math.max(0, rounds - 1), 20), PAUSE_MAX_MS);
  return Math.max(ownMs, retryAfterMs);
}

/** The result for the current grant's token of this kind; `null`: the account has no such token. */
export function resultOf(
  tokens: readonly DisconnectedToken[],
  kind: TokenName['token'],
): RevocationResult | null {
  return tokens.find(({ grant, token }) => grant === 'current' && token === kind)?.result ?? null;
}

/** Describes the results in one sentence per token, such as "Refresh token: revoked." */
export function resultSentences(tokens: readonly DisconnectedToken[]): string {
  if (tokens.length === 0) return 'The account had no tokens.';
  return tokens
    .map(({ grant, token, result }) => {
      const name = `${token === 'refresh_token' ? 'Refresh' : 'Access'} token`;
      const place = grant === 'current' ? '' : ` (${grant})`;
      return `${name}${place}: ${RESULT_WORDS[result ?? 'unknown']}.`;
    })
    .join(' ');
}

/** Each result in words. */
export const RESULT_WORDS: Readonly<Record<RevocationResult, string>> = {
  revoked: 'revoked',
  not_supported: 'the provider cannot revoke it, so it works until it expires',
  refused: 'the provider refused the revocation, so it may still work',
  unknown: 'the provider did not confirm the revocation, so it may still work',
};
