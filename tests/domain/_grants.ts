/** Grants and rules for the domain's tests. Only their times matter. */
import type { RefreshRule } from '../../src/domain/account/due-times';
import type { SealedGrant } from '../../src/domain/account/grant';
import type { RefreshPolicy } from '../../src/domain/account/policy';

const MINUTE = 60_000;

/** eBay's policy (R0.3), without jitter. */
export const POLICY: RefreshPolicy = {
  enabled: true,
  sweepEveryMs: 10 * MINUTE,
  perAccountUpTo: 500,
  batchesAtOnce: 4,
  refreshBeforeMs: 15 * MINUTE,
  notBeforeMs: null,
  refreshAfterAgeMs: 60 * MINUTE,
  jitterMs: 0,
  backOffFirstMs: 10_000,
  backOffMaxMs: 3600_000,
  validateEveryMs: null,
};

/** The rule of a provider without settings for refresh tokens, unless overridden. */
export function ruleOf(policy: RefreshPolicy, more: Partial<RefreshRule> = {}): RefreshRule {
  return {
    policy,
    accessTokenLifeSeconds: 7200,
    refreshTokenLifeSeconds: null,
    replayRule: { kind: 'never' },
    ...more,
  };
}

export const ENDLESS: SealedGrant = {
  ...grantUntil(new Date(0)),
  refreshToken: null,
  refreshTokenFingerprint: null,
  expiresAt: null,
};

export function grantUntil(expiresAt: Date): SealedGrant {
  return {
    accessToken: 'ENC:v1:k1:AAAA',
    refreshToken: 'ENC:v1:k1:BBBB',
    accessTokenFingerprint: 'aaaaaaaaaaaa',
    refreshTokenFingerprint: 'bbbbbbbbbbbb',
    expiresAt: expiresAt.toISOString(),
    refreshTokenExpiresAt: null,
    scopes: [],
    obtainedAt: '2026-11-22T10:00:00.000Z',
    attemptId: null,
    generation: 1,
  };
}
