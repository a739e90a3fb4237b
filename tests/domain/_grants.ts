/** Grants for the domain's tests: only their clocks matter. */
import type { SealedGrant } from '../../src/domain/grant';

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
  };
}
