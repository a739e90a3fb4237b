/** The decision after an attempt, as tables. Times are in seconds from now. */
import type { HoldReason } from '../../../src/domain/limits/app-limiter';
import {
  decideNext,
  decideNextOfCandidate,
  isCircuitOpen,
  type NextStep,
  nothingTried,
  type Tried,
  withAttempt,
} from '../../../src/domain/refresh/next-step';
import type {
  AttemptOutcome,
  RefreshGrantResult,
  RefreshRequest,
} from '../../../src/domain/refresh/refresh-attempt';
import {
  type RefreshFailureCode,
  refreshFailure,
} from '../../../src/domain/refresh/refresh-failure';
import type { ReplayRule } from '../../../src/domain/refresh/replay';

const NOW = new Date('2026-11-29T12:00:00.000Z');
const at = (seconds: number) => new Date(NOW.getTime() + seconds * 1000).toISOString();

const SAFE: ReplayRule = { kind: 'safe' };
const UNTIL_USED: ReplayRule = { kind: 'until_successor_used' };
const WITHIN: ReplayRule = { kind: 'within', seconds: 10 };
const NEVER: ReplayRule = { kind: 'never' };

/** Expiry of an access token: far away, close, and past. */
const LIVES = 600;
const ENDING = 30;
const EXPIRED = -10;

interface Input {
  attempt?: Partial<AttemptOutcome>;
  failure?: RefreshFailureCode;
  retryAfter?: number;
  /** Seconds since the unanswered request was sent. */
  unansweredFor?: number;
  /** Failures, including this one. */
  failures?: number;
  replayed?: boolean;
  rule?: ReplayRule | null;
  expires?: number | null;
  refreshExpires?: number;
  adopted?: boolean;
  source?: RefreshRequest['source'];
  probe?: boolean;
}

function situationOf(input: Input) {
  const { failure: code, retryAfter, unansweredFor, expires = LIVES, refreshExpires } = input;
  const failure =
    code === undefined
      ? null
      : refreshFailure(code, retryAfter === undefined ? {} : { retryAfterMs: retryAfter * 1000 });
  const sentAt = unansweredFor === undefined ? null : at(-unansweredFor);
  const result: RefreshGrantResult = {
    attempt: {
      accountId: 'acc_1',
      outcome: failure === null ? 'skipped' : 'failed',
      reason: code ?? 'fresh',
      exchange: null,
      failure,
      generation: 1,
      expiresAt: null,
      logEntryId: null,
      ...input.attempt,
    },
    accessTokenExpiresAt: expires === null ? null : at(expires),
    refreshTokenExpiresAt: refreshExpires === undefined ? null : at(refreshExpires),
    obtainedAt: at(-3600),
    sentAt,
    replayRule: input.rule ?? null,
    orphanAdopted: input.adopted ?? false,
    rotatedTo: null,
    unwritten: null,
  };
  const tried: Tried = {
    failures: input.failures ?? 1,
    replayed: input.replayed ?? false,
    unansweredSince: sentAt,
  };
  const { source = 'scheduled', probe = false } = input;
  return { result, tried, request: { source, probe }, now: NOW };
}

const END = 'end';
/** A retry after this many seconds, with its flags. */
type Retry = [seconds: number, ...('interruptible' | 'holdsSlot' | 'isReplay')[]];
type Expected = typeof END | Retry;
type Row = [title: string, input: Input, expected: Expected];

function stepOf(expected: Expected): NextStep {
  if (expected === END) return { retrying: false };
  const [seconds, ...flags] = expected;
  const has = (flag: (typeof flags)[number]) => flags.includes(flag);
  return {
    retrying: true,
    pauseMs: seconds * 1000,
    interruptible: has('interruptible'),
    holdsSlot: has('holdsSlot'),
    isReplay: has('isReplay'),
  };
}

describe('an attempt with a known outcome', () => {
  it.each<Row>([
    ['ends after a refresh', { attempt: { outcome: 'refreshed', exchange: 'ok' } }, END],
    ['ends if nothing was due', { attempt: { outcome: 'skipped' } }, END],
    ['ends if it failed without a recorded failure', { attempt: { outcome: 'failed' } }, END],
    [
      'retries at once with an adopted grant',
      { failure: 'invalid_grant', attempt: { exchange: 'rejected' }, adopted: true },
      [0],
    ],
    [
      'retries at once with an adopted grant although the access token has expired',
      { failure: 'invalid_grant', adopted: true, expires: EXPIRED },
      [0],
    ],
  ])('%s', (_title, input, expected) => {
    expect(decideNext(situationOf(input))).toEqual(stepOf(expected));
  });

  const rules = [null, SAFE, UNTIL_USED, WITHIN, NEVER];
  const dueTimes = [LIVES, ENDING, EXPIRED];
  const everywhere = rules.flatMap((rule) => dueTimes.map((expires) => ({ rule, expires })));

  it.each<RefreshFailureCode>([
    'invalid_grant',
    'replay_refused',
    'row_corrupt',
    'invalid_client',
    'unauthorized_client',
    'key_mismatch',
    'provider_not_configured',
    'database_unavailable',
  ])('ends after %s, for any replay rule and time', (failure) => {
    for (const { rule, expires } of everywhere)
      expect(decideNext(situationOf({ failure, rule, expires }))).toEqual(stepOf(END));
  });

  it.each<[title: string, input: Input, lives: Expected, ending: Expected]>([
    [
      'a first 5xx',
      { failure: 'provider_unavailable' },
      [10, 'interruptible'],
      [10, 'interruptible'],
    ],
    ['a third 5xx', { failure: 'provider_unavailable', failures: 3 }, [40, 'interruptible'], END],
    ['a fifth 5xx', { failure: 'provider_unavailable', failures: 5 }, [160, 'interruptible'], END],
    ['a sixth 5xx', { failure: 'provider_unavailable', failures: 6 }, [300, 'interruptible'], END],
    [
      'no connection',
      { failure: 'provider_unreachable' },
      [10, 'interruptible'],
      [10, 'interruptible'],
    ],
    [
      'an unknown error',
      { failure: 'unrecognized_error' },
      [10, 'interruptible'],
      [10, 'interruptible'],
    ],
    ['a 429', { failure: 'rate_limited' }, [10], [10]],
    ['a 429 that asks for 2 s', { failure: 'rate_limited', retryAfter: 2 }, [10], [10]],
    ['a 429 that asks for 25 s', { failure: 'rate_limited', retryAfter: 25 }, [25], [25]],
    ['a 429 that asks for 60 s', { failure: 'rate_limited', retryAfter: 60 }, [60], END],
    ['a 429 that asks for 600 s', { failure: 'rate_limited', retryAfter: 600 }, END, END],
  ])('after %s retries only while the access token lives', (_title, input, lives, ending) => {
    for (const rule of rules) {
      const known: Input = { ...input, rule, attempt: { exchange: 'rejected' } };
      expect(decideNext(situationOf({ ...known, expires: LIVES }))).toEqual(stepOf(lives));
      expect(decideNext(situationOf({ ...known, expires: ENDING }))).toEqual(stepOf(ending));
      expect(decideNext(situationOf({ ...known, expires: EXPIRED }))).toEqual(stepOf(END));
      expect(decideNext(situationOf({ ...known, expires: null }))).toEqual(stepOf(END));
    }
  });

  it.each<Row>([
    [
      'retries once more before the refresh token expires',
      { failure: 'provider_unavailable', failures: 6, refreshExpires: 120 },
      [60],
    ],
    [
      'waits as long as the provider asked, although the refresh token expires meanwhile',
      { failure: 'rate_limited', retryAfter: 100, refreshExpires: 120 },
      [100],
    ],
    [
      'waits until shortly before the expiry if the provider refuses to refresh earlier',
      { failure: 'too_early', expires: 300 },
      [240, 'interruptible'],
    ],
    [
      'waits half of the remaining time if the provider refuses close to the expiry',
      { failure: 'too_early', expires: 30 },
      [15, 'interruptible'],
    ],
    [
      'leaves a retry after too_early to a sweep if the wait is long',
      { failure: 'too_early', expires: 3600 },
      END,
    ],
    [
      'ends after too_early if the token has expired',
      { failure: 'too_early', expires: EXPIRED },
      END,
    ],
  ])('%s', (_title, input, expected) => {
    expect(decideNext(situationOf(input))).toEqual(stepOf(expected));
  });
});

describe('an attempt whose answer is lost', () => {
  const unknown = (input: Input): Input => ({
    failure: 'answer_lost',
    attempt: { exchange: 'unknown' },
    unansweredFor: 5,
    ...input,
  });
  const replay = (seconds: number): Retry => [seconds, 'isReplay'];
  const retry = (seconds: number): Retry => [seconds, 'interruptible', 'isReplay'];
  /** The replay rule extended the pause, so a request does not end it. */
  const held = replay;

  describe('is replayed once', () => {
    it.each<[ReplayRule, unansweredFor: number, lives: number, ending: number, expired: number]>([
      [SAFE, 5, 1, 1, 1],
      [UNTIL_USED, 5, 1, 1, 1],
      // Within the grace period the replay is immediate; after it, the replay waits until the access token is about to
      // expire.
      [WITHIN, 5, 0, 0, 0],
      [WITHIN, 20, 540, 0, 0],
      [NEVER, 5, 540, 0, 0],
      [NEVER, 20, 540, 0, 0],
    ])('%j, sent %i s ago', (rule, unansweredFor, lives, ending, expired) => {
      const step = (expires: number) =>
        decideNext(situationOf(unknown({ rule, unansweredFor, expires })));
      expect(step(LIVES)).toEqual(stepOf(replay(lives)));
      expect(step(ENDING)).toEqual(stepOf(replay(ending)));
      expect(step(EXPIRED)).toEqual(stepOf(replay(expired)));
    });
  });

  it('is retried only while the access token lives if the provider has no replay rule', () => {
    expect(decideNext(situationOf(unknown({ rule: null })))).toEqual(stepOf(retry(10)));
    expect(decideNext(situationOf(unknown({ rule: null, expires: EXPIRED })))).toEqual(stepOf(END));
  });

  describe('is retried after its replay only while the access token lives', () => {
    it.each<[ReplayRule, unansweredFor: number, lives: Expected, ending: Expected]>([
      [SAFE, 5, retry(20), retry(20)],
      [UNTIL_USED, 5, retry(20), retry(20)],
      [WITHIN, 5, held(540), retry(20)],
      [NEVER, 5, held(540), retry(20)],
    ])('%j, sent %i s ago', (rule, unansweredFor, lives, ending) => {
      const step = (expires: number) =>
        decideNext(
          situationOf(unknown({ rule, unansweredFor, expires, replayed: true, failures: 2 })),
        );
      expect(step(LIVES)).toEqual(stepOf(lives));
      expect(step(ENDING)).toEqual(stepOf(ending));
      expect(step(EXPIRED)).toEqual(stepOf(END));
    });
  });

  it.each<Row>([
    [
      'also delays the retry after a later 5xx by the same replay rule',
      { failure: 'provider_unavailable', unansweredFor: 20, rule: NEVER, replayed: true },
      [540],
    ],
    [
      'also delays the retry after a later 429 by the replay rule if that is longer',
      { failure: 'rate_limited', retryAfter: 60, unansweredFor: 20, rule: NEVER, replayed: true },
      [540],
    ],
    [
      'is replayed before the refresh token expires',
      unknown({ rule: NEVER, refreshExpires: 300 }),
      [240, 'isReplay'],
    ],
  ])('%s', (_title, input, expected) => {
    expect(decideNext(situationOf(input))).toEqual(stepOf(expected));
  });
});

describe('an attempt before notBefore', () => {
  const early: Input = { attempt: { reason: 'not_before', tooEarlyForMs: 90_000 } };
  it.each<Row>([
    ['a sweep waits until notBefore', early, [90, 'interruptible']],
    ['a probe ends', { ...early, probe: true }, END],
    ['a request over the API ends', { ...early, source: 'api' }, END],
    [
      'a request over the API waits if an answer is missing',
      { ...early, source: 'api', unansweredFor: 20, rule: NEVER },
      [90, 'interruptible'],
    ],
  ])('%s', (_title, input, expected) => {
    expect(decideNext(situationOf(input))).toEqual(stepOf(expected));
  });
});

describe('an attempt that the OAuth app limiter held back', () => {
  const held = (reason: HoldReason, seconds: number): Input => ({
    attempt: { reason, heldForMs: seconds * 1000 },
  });
  it.each<Row>([
    ['a sweep waits and holds its slot', held('throttled', 30), [30, 'interruptible', 'holdsSlot']],
    [
      'a sweep waits at least a second',
      held('rate_limited', 0.2),
      [1, 'interruptible', 'holdsSlot'],
    ],
    ['a sweep waits for two minutes', held('throttled', 120), [120, 'interruptible', 'holdsSlot']],
    ['a sweep does not wait for longer', held('throttled', 121), END],
    [
      'a sweep releases its slot while one organisation must wait',
      held('organisation_throttled', 30),
      [30, 'interruptible'],
    ],
    ['a sweep does not wait for refused credentials', held('app_incident', 5), END],
    ['a sweep does not wait for an outage of the provider', held('provider_outage', 5), END],
    ['a sweep does not wait for the next day', held('quota_exhausted', 5), END],
    ['a probe does not wait', { ...held('throttled', 30), probe: true }, END],
    ['a request over the API does not wait', { ...held('throttled', 30), source: 'api' }, END],
    [
      'a replay waits for any caller',
      { ...held('provider_outage', 30), source: 'api', unansweredFor: 5, rule: SAFE },
      [30],
    ],
    [
      'a replay waits for its rule if that is longer',
      { ...held('provider_outage', 30), unansweredFor: 5, rule: NEVER },
      [540],
    ],
    [
      'a replay of an expired token ends',
      { ...held('provider_outage', 30), unansweredFor: 5, rule: SAFE, expires: EXPIRED },
      END,
    ],
  ])('%s', (_title, input, expected) => {
    expect(decideNext(situationOf(input))).toEqual(stepOf(expected));
  });
});

describe('an attempt with a candidate grant', () => {
  const decide = (input: Input, outcome: 'refused' | 'waits', retriedFor: number) => {
    const { result, tried, now } = situationOf(input);
    const candidate = { outcome, retriedUntil: at(retriedFor) };
    return decideNextOfCandidate({ result, candidate, tried, now });
  };
  const lost: Input = {
    failure: 'answer_lost',
    attempt: { exchange: 'unknown' },
    unansweredFor: 5,
  };

  it.each<[title: string, input: Input, retriedFor: number, expected: Expected]>([
    ['retries a 5xx', { failure: 'provider_unavailable' }, 60, [10, 'interruptible']],
    [
      'retries later after several 5xx',
      { failure: 'provider_unavailable', failures: 3 },
      60,
      [40, 'interruptible'],
    ],
    ['ends after its time limit', { failure: 'provider_unavailable', failures: 4 }, 60, END],
    [
      'waits as the provider asks',
      { failure: 'rate_limited', retryAfter: 30 },
      60,
      [30, 'interruptible'],
    ],
    ['waits for the limiter', { attempt: { heldForMs: 30_000 } }, 60, [30, 'interruptible']],
    ['replays a lost answer that is safe', { ...lost, rule: SAFE }, 60, [1, 'isReplay']],
    ['replays a lost answer within the grace', { ...lost, rule: WITHIN }, 60, [0, 'isReplay']],
    [
      'replays a lost answer without waiting for the access token, which it does not serve',
      { ...lost, rule: NEVER, expires: LIVES },
      60,
      [0, 'isReplay'],
    ],
    ['replays even after its time limit', { ...lost, rule: SAFE }, -1, [1, 'isReplay']],
    ['replays once', { ...lost, rule: SAFE, replayed: true }, 60, [10, 'interruptible']],
    ['retries a lost answer without a replay rule', lost, 60, [10, 'interruptible']],
  ])('%s', (_title, input, retriedFor, expected) => {
    expect(decide(input, 'waits', retriedFor)).toEqual(stepOf(expected));
    expect(decide(input, 'refused', retriedFor)).toEqual(stepOf(END));
  });
});

describe('the history of attempts', () => {
  it('counts failures, and keeps the time of the first request without an answer', () => {
    const lost = (unansweredFor: number) =>
      situationOf({ failure: 'answer_lost', attempt: { exchange: 'unknown' }, unansweredFor });
    const once = withAttempt(nothingTried(), lost(30).result);
    expect(once).toEqual({ failures: 1, replayed: false, unansweredSince: at(-30) });
    expect(withAttempt(once, lost(5).result)).toEqual({ ...once, failures: 2 });
    expect(withAttempt(once, situationOf({}).result)).toEqual(once);
  });

  it.each<[HoldReason, boolean]>([
    ['app_incident', true],
    ['provider_outage', true],
    ['quota_exhausted', true],
    ['throttled', false],
    ['organisation_throttled', false],
    ['rate_limited', false],
    ['first_answer_awaited', false],
  ])('a limiter that holds back for %s is open for sweeps: %s', (reason, closed) => {
    expect(isCircuitOpen({ reason })).toBe(closed);
  });
});
