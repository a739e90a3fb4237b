import { pauseBeforeReplayMs, type ReplayRule } from '../../src/domain/replay';

const SENT = new Date('2026-11-22T12:00:00.000Z');
const later = (seconds: number) => new Date(SENT.getTime() + seconds * 1000);

const within: ReplayRule = { kind: 'within', seconds: 10 };
const never: ReplayRule = { kind: 'never' };

describe('pauseBeforeReplayMs', () => {
  it.each<[string, ReplayRule, { now: number; expires: number; pause?: number }, number]>([
    ['not rotated: soon', { kind: 'safe' }, { now: 20, expires: 600 }, 1],
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
    ['a pause, not rotated: as it is', { kind: 'safe' }, { now: 20, expires: 600, pause: 40 }, 40],
    ['a pause, never: near expiry', never, { now: 20, expires: 600, pause: 40 }, 520],
    ['a pause, near expiry: as it is', never, { now: 590, expires: 600, pause: 40 }, 40],
  ])('R2.2 %s', (_rule, rule, { now, expires, pause = 0 }, seconds) => {
    const pauseMs = pauseBeforeReplayMs(rule, SENT, later(expires), later(now), pause * 1000);
    expect(pauseMs).toBe(seconds * 1000);
  });
});
