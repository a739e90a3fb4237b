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
    ['waits briefly if tokens are not rotated', safe, { now: 20, expires: 600 }, 1],
    [
      'waits briefly under until_successor_used',
      { kind: 'until_successor_used' },
      { now: 20, expires: 600 },
      1,
    ],
    ['does not wait within the grace period', within, { now: 4, expires: 600 }, 0],
    ['does not wait with a millisecond of grace left', within, { now: 9.999, expires: 600 }, 0],
    [
      'waits until near the expiry just after the grace period',
      within,
      { now: 10, expires: 600 },
      530,
    ],
    [
      'waits until near the expiry long after the grace period',
      within,
      { now: 60, expires: 600 },
      480,
    ],
    ['waits until near the expiry under never', never, { now: 20, expires: 600 }, 520],
    ['does not wait under never with a minute left', never, { now: 540, expires: 600 }, 0],
    ['does not wait under never after the expiry', never, { now: 700, expires: 600 }, 0],
    ['keeps a pause within the grace period', within, { now: 3, expires: 600, pause: 6 }, 6],
    [
      'extends a pause beyond the grace period until near the expiry',
      within,
      { now: 3, expires: 600, pause: 7 },
      537,
    ],
    ['keeps a pause if tokens are not rotated', safe, { now: 20, expires: 600, pause: 40 }, 40],
    [
      'extends a pause under never until near the expiry',
      never,
      { now: 20, expires: 600, pause: 40 },
      520,
    ],
    ['keeps a pause near the expiry', never, { now: 590, expires: 600, pause: 40 }, 40],
    [
      'waits under never for a token of 75 s, sent halfway',
      never,
      { now: 0, expires: 37.5, obtained: -37.5 },
      30,
    ],
    [
      'waits after the grace period for a token of 75 s, sent halfway',
      within,
      { now: 10, expires: 37.5, obtained: -37.5 },
      20,
    ],
    ['waits under never for a token of 5 s', never, { now: 0, expires: 5 }, 4.5],
    [
      'ends under never before the refresh token expires first',
      never,
      { now: 0, expires: 510, refreshExpires: 90, obtained: -90 },
      72,
    ],
    [
      'ends under never before both tokens expire at the same time',
      never,
      { now: 0, expires: 300, refreshExpires: 300, obtained: -300 },
      240,
    ],
    [
      'shortens a pause if the refresh token expires first',
      safe,
      { now: 0, expires: 510, refreshExpires: 90, obtained: -90, pause: 300 },
      72,
    ],
    [
      'keeps a pause if the refresh token is about to expire',
      safe,
      { now: 80, expires: 510, refreshExpires: 90, obtained: -90, pause: 10 },
      10,
    ],
    [
      'keeps a pause if the refresh token has expired',
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
    ['keeps the pause if the expiry is unknown', { now: 0, expires: 600 }, 300, 300],
    ['keeps a short pause', { now: 0, expires: 600, refreshExpires: 100 }, 30, 30],
    [
      'ends before the last tenth of the lifetime',
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
      'does not become zero after that time',
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
    ['holds a token under the rule never', never, unanswered, grant, 20, 520],
    ['releases it near the expiry', never, unanswered, grant, 540, 0],
    ['releases a token within its grace period', within, unanswered, grant, 4, 0],
    ['holds it after its grace period', within, unanswered, grant, 11, 529],
    ['releases a token that is not rotated', safe, unanswered, grant, 0, 0],
    ['releases a token whose request was answered', never, null, grant, 20, 0],
    [
      'releases another token',
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
    ['waits until the last tenth of a lifetime of 90 s', { now: 70, expires: 90 }, 11],
    ['waits until the last minute of a lifetime of 2 h', { now: 6300, expires: 7200 }, 840],
    ['waits half of the remaining time after that', { now: 82, expires: 90 }, 4],
    ['waits at least a second', { now: 89.5, expires: 90 }, 1],
    ['returns null after the access token has expired', { now: 90, expires: 90 }, null],
    ['ends before the refresh token expires', { now: 10, expires: 600, refreshExpires: 100 }, 80],
  ])('%s', (_what, { now, ...grant }, seconds) => {
    const pauseMs = tooEarlyPauseMs(grantOf(grant), later(now));
    expect(pauseMs).toBe(seconds === null ? null : seconds * 1000);
  });

  it('reaches a window of 5 s at the end of 90 s with three requests', () => {
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
    ['with another code', refreshFailure('invalid_client'), unanswered, 'the one'],
  ])('leaves a refusal %s unchanged', (_what, failure, lost, fingerprint) => {
    expect(withLostAnswer(failure, lost, fingerprint)).toBe(failure);
  });
});
