import { refreshFailure } from '../../../src/domain/refresh/refresh-failure';
import {
  type GrantLife,
  pauseBeforeReplayMs,
  pauseWithinLifeMs,
  type ReplayRule,
  replayHoldMs,
  tooEarlyPauseMs,
  type UnansweredSend,
  withLostAnswer,
} from '../../../src/domain/refresh/replay';

const SENT = new Date('2026-11-22T12:00:00.000Z');
const later = (seconds: number) => new Date(SENT.getTime() + seconds * 1000);
const iso = (seconds: number) => later(seconds).toISOString();

/** Times in seconds from the unanswered request. The grant was obtained at 0 unless stated. */
interface Times {
  now: number;
  expires: number;
  refreshExpires?: number;
  obtained?: number;
  pause?: number;
}

const grantOf = ({ expires, refreshExpires, obtained = 0 }: Omit<Times, 'now'>): GrantLife => ({
  expiresAt: iso(expires),
  refreshTokenExpiresAt: refreshExpires === undefined ? null : iso(refreshExpires),
  obtainedAt: iso(obtained),
});

const within: ReplayRule = { kind: 'within', seconds: 10 };
const never: ReplayRule = { kind: 'never' };
const safe: ReplayRule = { kind: 'safe' };

describe('pauseBeforeReplayMs', () => {
  it.each<[string, ReplayRule, Times, number]>([
    ['not rotated: soon', safe, { now: 20, expires: 600 }, 1],
    [
      'until the successor is used: soon',
      { kind: 'until_successor_used' },
      { now: 20, expires: 600 },
      1,
    ],
    ['within the grace: at once', within, { now: 4, expires: 600 }, 0],
    ['a millisecond of grace left: at once', within, { now: 9.999, expires: 600 }, 0],
    ['the grace just over: near expiry', within, { now: 10, expires: 600 }, 530],
    ['the grace long over: near expiry', within, { now: 60, expires: 600 }, 480],
    ['never: near expiry', never, { now: 20, expires: 600 }, 520],
    ['never, a minute left: at once', never, { now: 540, expires: 600 }, 0],
    ['never, expired: at once', never, { now: 700, expires: 600 }, 0],
    ['a pause within the grace: as it is', within, { now: 3, expires: 600, pause: 6 }, 6],
    ['a pause beyond the grace: near expiry', within, { now: 3, expires: 600, pause: 7 }, 537],
    ['a pause, not rotated: as it is', safe, { now: 20, expires: 600, pause: 40 }, 40],
    ['a pause, never: near expiry', never, { now: 20, expires: 600, pause: 40 }, 520],
    ['a pause, near expiry: as it is', never, { now: 590, expires: 600, pause: 40 }, 40],
    [
      'never, a token of 75 s, sent half way',
      never,
      { now: 0, expires: 37.5, obtained: -37.5 },
      30,
    ],
    [
      'the grace over, a token of 75 s, sent half way',
      within,
      { now: 10, expires: 37.5, obtained: -37.5 },
      20,
    ],
    ['never, a token of 5 s', never, { now: 0, expires: 5 }, 4.5],
    [
      'never, the refresh token expires first: before that',
      never,
      { now: 0, expires: 510, refreshExpires: 90, obtained: -90 },
      72,
    ],
    [
      'never, the refresh token expires at the same time: before that',
      never,
      { now: 0, expires: 300, refreshExpires: 300, obtained: -300 },
      240,
    ],
    [
      'a pause, not rotated, the refresh token expires first: before that',
      safe,
      { now: 0, expires: 510, refreshExpires: 90, obtained: -90, pause: 300 },
      72,
    ],
    [
      'a pause, the refresh token is about to expire: as it is',
      safe,
      { now: 80, expires: 510, refreshExpires: 90, obtained: -90, pause: 10 },
      10,
    ],
    [
      'a pause, the refresh token has expired: as it is',
      safe,
      { now: 100, expires: 510, refreshExpires: 90, obtained: -90, pause: 10 },
      10,
    ],
  ])('R2.2 %s', (_rule, rule, { now, pause = 0, ...grant }, seconds) => {
    const pauseMs = pauseBeforeReplayMs(rule, SENT, grantOf(grant), later(now), pause * 1000);
    expect(pauseMs).toBe(seconds * 1000);
  });
});

describe('pauseWithinLifeMs', () => {
  it.each([
    ['orphaned_grants the pause where the expiry is unknown', { now: 0, expires: 600 }, 300, 300],
    [
      'orphaned_grants a pause that is short',
      { now: 0, expires: 600, refreshExpires: 100 },
      30,
      30,
    ],
    [
      'ends before the last tenth of the life',
      { now: 0, expires: 600, refreshExpires: 100 },
      300,
      90,
    ],
    [
      'ends a minute before a late expiry',
      { now: 0, expires: 600, refreshExpires: 6000 },
      9000,
      5940,
    ],
    [
      'does not shrink to nothing once that has passed',
      { now: 95, expires: 600, refreshExpires: 100 },
      30,
      30,
    ],
  ])('%s', (_what, { now, ...grant }, seconds, expected) => {
    expect(pauseWithinLifeMs(seconds * 1000, grantOf(grant), later(now))).toBe(expected * 1000);
  });
});

describe('replayHoldMs', () => {
  const unanswered: UnansweredSend = {
    attemptId: 'attempt-1',
    sentAt: SENT,
    refreshTokenFingerprint: 'the one',
    cause: 'network',
  };
  const grant = { ...grantOf({ expires: 600 }), refreshTokenFingerprint: 'the one' };

  it.each<[string, ReplayRule, UnansweredSend | null, typeof grant, number, number]>([
    ['holds a token that forgives no replay', never, unanswered, grant, 20, 520],
    ['lets it go near the expiry', never, unanswered, grant, 540, 0],
    ['lets a token go within its grace', within, unanswered, grant, 4, 0],
    ['holds it after its grace', within, unanswered, grant, 11, 529],
    ['lets a token go that is not rotated', safe, unanswered, grant, 0, 0],
    ['lets a token go that was answered', never, null, grant, 20, 0],
    [
      'lets another token go',
      never,
      unanswered,
      { ...grant, refreshTokenFingerprint: 'new' },
      20,
      0,
    ],
  ])('%s', (_what, rule, lost, of, now, seconds) => {
    expect(replayHoldMs(rule, lost, of, later(now))).toBe(seconds * 1000);
  });
});

describe('tooEarlyPauseMs', () => {
  it.each<[string, Times, number | null]>([
    ['waits until the last tenth of a life of 90 s', { now: 70, expires: 90 }, 11],
    ['waits until the last minute of a life of 2 h', { now: 6300, expires: 7200 }, 840],
    ['then waits for half of what is left', { now: 82, expires: 90 }, 4],
    ['waits a second at least', { now: 89.5, expires: 90 }, 1],
    ['gives up once the access token has expired', { now: 90, expires: 90 }, null],
    ['ends before the refresh token expires', { now: 10, expires: 600, refreshExpires: 100 }, 80],
  ])('%s', (_what, { now, ...grant }, seconds) => {
    const pauseMs = tooEarlyPauseMs(grantOf(grant), later(now));
    expect(pauseMs).toBe(seconds === null ? null : seconds * 1000);
  });

  it('meets a window of 5 s at the end of 90 s in three requests', () => {
    const grant = grantOf({ expires: 90 });
    const sentAt: number[] = [];
    for (let now = 70; now < 85; ) {
      const pauseMs = tooEarlyPauseMs(grant, later(now));
      if (pauseMs === null) throw new Error('the token has expired');
      now += pauseMs / 1000;
      sentAt.push(now);
    }
    expect(sentAt).toEqual([81, 85.5]);
  });
});

describe('withLostAnswer', () => {
  const unanswered: UnansweredSend = {
    attemptId: 'attempt-1',
    sentAt: SENT,
    refreshTokenFingerprint: 'the one',
    cause: 'worker_stopped',
  };
  const refused = refreshFailure('invalid_grant', { status: 400, detail: 'invalid_grant: reused' });

  it.each([
    ['worker_stopped', /^The worker stopped .* 2026-11-22 12:00:00 UTC\. The provider refused/],
    ['network', /^The network lost the answer .* 2026-11-22 12:00:00 UTC\. The provider refused/],
    [
      'provider_error',
      /^The provider sent no usable answer to the refresh at .* UTC\. The provider refused/,
    ],
  ] as const)('names the lost answer behind a refusal: %s', (cause, message) => {
    expect(withLostAnswer(refused, { ...unanswered, cause }, 'the one')).toEqual({
      class: 'account',
      code: 'replay_refused',
      message: expect.stringMatching(message),
      status: 400,
      detail: 'invalid_grant: reused',
    });
  });

  it.each([
    ['of another refresh token', refused, unanswered, 'another one'],
    ['without a lost answer', refused, null, 'the one'],
    ['of another kind', refreshFailure('invalid_client'), unanswered, 'the one'],
  ])('orphaned_grants a refusal %s as it is', (_what, failure, lost, fingerprint) => {
    expect(withLostAnswer(failure, lost, fingerprint)).toBe(failure);
  });
});
