import type { SealedGrant } from '../../../src/domain/account/grant';
import {
  resultOf,
  resultSentences,
  revocationPauseMs,
} from '../../../src/domain/connect/disconnection';
import {
  isFinished,
  refreshInFlightMs,
  storedTokens,
} from '../../../src/domain/connect/stored-tokens';

const NOW = new Date('2026-11-30T12:00:00.000Z');

function grant(name: string, members: Partial<SealedGrant> = {}): SealedGrant {
  return {
    accessToken: `ENC:access-${name}`,
    refreshToken: `ENC:refresh-${name}`,
    accessTokenFingerprint: `a-${name}`,
    refreshTokenFingerprint: `r-${name}`,
    expiresAt: null,
    refreshTokenExpiresAt: null,
    scopes: [],
    obtainedAt: NOW.toISOString(),
    attemptId: name,
    generation: 3,
    ...members,
  };
}

const NONE = {
  candidate: null,
  replaced: null,
  previous: null,
  fallback: null,
  orphanedGrants: [],
};

describe('storedTokens', () => {
  it('lists refresh tokens before access tokens, and the current grant first', () => {
    const tokens = storedTokens({
      ...NONE,
      current: grant('current'),
      orphanedGrants: [grant('orphan', { generation: 2 })],
      fallback: { accessToken: 'ENC:f', accessTokenFingerprint: 'f', expiresAt: null },
    });
    expect(tokens.map(({ grant: place, fingerprint }) => [place, fingerprint])).toEqual([
      ['current', 'r-current'],
      ['orphaned', 'r-orphan'],
      ['current', 'a-current'],
      ['orphaned', 'a-orphan'],
      ['fallback', 'f'],
    ]);
    expect(tokens[1]).toMatchObject({ sealed: 'ENC:refresh-orphan', generation: 2 });
  });

  it('lists a token that two grants share once', () => {
    const shared = { refreshTokenFingerprint: 'r-same' };
    const tokens = storedTokens({
      ...NONE,
      current: grant('current', shared),
      previous: grant('previous', shared),
    });
    expect(tokens.map(({ fingerprint }) => fingerprint)).toEqual([
      'r-same',
      'a-current',
      'a-previous',
    ]);
    expect(tokens[0]).toMatchObject({ grant: 'current', sealed: 'ENC:refresh-current' });
  });

  it('lists nothing of an account without tokens', () => {
    const empty = grant('x', { accessToken: null, refreshToken: null });
    expect(storedTokens({ ...NONE, current: empty })).toEqual([]);
  });
});

describe('refreshInFlightMs', () => {
  const claim = {
    attemptId: 'in-flight',
    worker: 'w',
    source: 'api' as const,
    at: NOW,
    leaseUntil: new Date(NOW.getTime() + 30_000),
  };
  const account = { current: grant('current'), orphanedGrants: [] };

  it.each([
    ['waits for a sent request until its grant must have arrived', { sentAt: NOW }, NOW, 90_000],
    ['does not wait for a request that was never sent', {}, NOW, 0],
    ['does not wait for a lost worker', { sentAt: NOW }, new Date(NOW.getTime() + 90_000), 0],
  ])('%s', (_title, sent, now, expected) => {
    expect(refreshInFlightMs({ ...account, claim: { ...claim, ...sent } }, now)).toBe(expected);
  });

  it('does not wait for a grant that has arrived', () => {
    const sent = { ...claim, sentAt: NOW };
    const arrived = { ...account, orphanedGrants: [grant('in-flight')], claim: sent };
    expect(refreshInFlightMs(arrived, NOW)).toBe(0);
  });
});

describe('revocationPauseMs', () => {
  it.each([
    [1, 0, 10_000],
    [2, 0, 20_000],
    [30, 0, 3_600_000],
    [1, 120_000, 120_000],
    [30, 60_000, 3_600_000],
  ])('after round %s, asked to wait %s ms, is %s ms', (round, asked, expected) => {
    expect(revocationPauseMs(round, asked)).toBe(expected);
  });
});

it('resultSentences names the result of each token', () => {
  const tokens = [
    { grant: 'current', token: 'refresh_token', fingerprint: 'r', result: 'revoked', at: NOW },
    { grant: 'fallback', token: 'access_token', fingerprint: 'f', result: 'refused', at: NOW },
  ] as const;
  expect(resultOf(tokens, 'refresh_token')).toBe('revoked');
  expect(resultOf(tokens, 'access_token')).toBeNull();
  expect(resultSentences(tokens)).toBe(
    'Refresh token: revoked. Access token (fallback): the provider refused the revocation, so it may still work.',
  );
});

it('a disconnection has finished once the tokens are deleted', () => {
  const disconnection = {
    id: 'x',
    startedAt: NOW,
    startedBy: 'k',
    finishedAt: null,
    attempts: 0,
    nextAttemptAt: null,
    tokens: [],
  };
  const state = 'disconnected' as const;
  expect(isFinished({ state, disconnection })).toBe(false);
  expect(isFinished({ state, disconnection: { ...disconnection, finishedAt: NOW } })).toBe(true);
  expect(isFinished({ state: 'active', disconnection: null })).toBe(false);
});
