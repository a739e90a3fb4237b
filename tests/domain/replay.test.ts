import { type ReplayRule, replayDecision } from '../../src/domain/replay';

const SENT = new Date('2026-11-22T12:00:00.000Z');
const later = (seconds: number) => new Date(SENT.getTime() + seconds * 1000);

const within: ReplayRule = { kind: 'within', seconds: 10 };
const never: ReplayRule = { kind: 'never' };

describe('replayDecision', () => {
  it.each<[string, ReplayRule, { now: number; expires: number }, number]>([
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
  ])('%s', (_rule, rule, { now, expires }, afterSeconds) => {
    expect(replayDecision(rule, SENT, later(expires), later(now))).toEqual({
      replay: true,
      afterMs: afterSeconds * 1000,
    });
  });
});
