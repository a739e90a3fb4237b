/** The answer to a token request, by the state of the account, the lifetime of its token, its fallback and the refresh. */
import { type Account, AccountState } from '../../../src/domain/account/account';
import type { SealedGrant } from '../../../src/domain/account/grant';
import type { AttemptOutcome } from '../../../src/domain/refresh/refresh-attempt';
import {
  type RefreshFailureCode,
  refreshFailure,
} from '../../../src/domain/refresh/refresh-failure';
import { ServiceError } from '../../../src/domain/service-error';
import {
  type AnswerInput,
  attemptToExplain,
  type Renewal,
  tokenAnswer,
  usesFallback,
} from '../../../src/services/tokens/token-answer';
import { ruleOf } from '../../domain/_grants';

const NOW = new Date('2026-11-22T12:00:00Z');
const inSeconds = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);
const OWN = 'own-token';
const FALLBACK = 'fallback-token';
const MIN_VALID_SECONDS = 600;

const RULE = ruleOf({
  enabled: true,
  sweepEveryMs: 600_000,
  perAccountUpTo: 500,
  batchesAtOnce: 4,
  refreshBeforeMs: 900_000,
  notBeforeMs: null,
  refreshAfterAgeMs: null,
  jitterMs: 0,
  backOffFirstMs: 10_000,
  backOffMaxMs: 3600_000,
  validateEveryMs: null,
});
const NOT_BEFORE = { ...RULE, policy: { ...RULE.policy, notBeforeMs: 60_000 } };

function failed(code: RefreshFailureCode, agoSeconds = 5): Partial<Account> {
  const at = inSeconds(-agoSeconds);
  return {
    lastAttempt: { attemptId: 'run-failed', outcome: 'failed', source: 'api', finishedAt: at },
    lastError: { ...refreshFailure(code), at },
    failedAttempts: 1,
  };
}

function renewal(outcome: Partial<AttemptOutcome>): Renewal {
  return {
    error: null,
    outcome: {
      accountId: 'acc_1',
      outcome: 'failed',
      reason: 'access_token_expires',
      exchange: null,
      failure: null,
      generation: 1,
      expiresAt: null,
      logEntryId: null,
      ...outcome,
    },
  };
}
const failure = (code: RefreshFailureCode) => renewal({ failure: refreshFailure(code) });
const held = renewal({ outcome: 'skipped', reason: 'provider_outage', heldForMs: 42_000 });
const skipped = renewal({ outcome: 'skipped', reason: 'replay_held' });
const unreachable: Renewal = {
  outcome: null,
  error: new ServiceError('temporal_unavailable', 'Temporal is unreachable. Try again.'),
};

interface Case {
  state?: AccountState;
  account?: Partial<Account>;
  grant?: Partial<SealedGrant>;
  /** How long the own token still lives, in seconds; `null`: it does not expire. */
  lives?: number | null;
  opens?: boolean;
  /** How long the fallback token still lives, in seconds; `null`: unknown. Absent: there is none. */
  fallback?: number | null;
  fallbackOpens?: boolean;
  renewal?: Renewal | null;
  source?: AnswerInput['source'];
  rule?: AnswerInput['rule'];
  entry?: { code: string; message: string };
}

const expiry = (lives: number | null) => (lives === null ? null : inSeconds(lives).toISOString());

function inputOf(given: Case): AnswerInput {
  const { state = AccountState.active, lives = 3600, fallback, opens = true } = given;
  const account = {
    id: 'acc_1',
    state,
    stateReason: state === AccountState.active ? null : `It is ${state}.`,
    stateAt: inSeconds(-30),
    quarantine: false,
    staleRestore: false,
    generation: 7,
    previous: null,
    policy: null,
    lastRefreshedAt: null,
    refreshTokenWarnedDays: null,
    validatedAt: null,
    nextAttemptAt: null,
    lastAttempt: null,
    lastError: null,
    failedAttempts: 0,
    ...given.account,
    fallback:
      fallback === undefined
        ? null
        : { accessToken: '', accessTokenFingerprint: 'of-fallback', expiresAt: expiry(fallback) },
    current: {
      accessToken: 'sealed',
      refreshToken: 'sealed',
      accessTokenFingerprint: 'of-own',
      refreshTokenFingerprint: '',
      expiresAt: expiry(lives),
      refreshTokenExpiresAt: null,
      scopes: ['sell'],
      obtainedAt: inSeconds(-3600).toISOString(),
      attemptId: 'run-1',
      generation: 7,
      ...given.grant,
    },
  } as unknown as Account;
  return {
    account,
    accessToken: opens ? OWN : null,
    source: given.source ?? 'store',
    minValidSeconds: MIN_VALID_SECONDS,
    rule: given.rule ?? RULE,
    renewal: given.renewal ?? null,
  };
}

function answer(given: Case) {
  const input = inputOf(given);
  return tokenAnswer(
    input,
    {
      fallbackToken: given.fallbackOpens === false ? null : FALLBACK,
      attemptFailure: given.entry ?? null,
    },
    NOW,
  );
}

const own = (notice: string | null = null) => ({
  active: true,
  accessToken: OWN,
  accessTokenFingerprint: 'of-own',
  notice: notice === null ? null : { code: notice, message: expect.stringMatching(/\S/) },
});
const none = (code: string, retryAfterSeconds: number | null) => ({
  active: false,
  reason: { code, message: expect.stringMatching(/\S/) },
  retryAfterSeconds,
});

describe("the account's own token", () => {
  it.each<[string, Case, ReturnType<typeof own>]>([
    ['lives long enough', {}, own()],
    ['lives exactly as long as asked', { lives: MIN_VALID_SECONDS }, own()],
    ['does not expire', { lives: null, grant: { refreshToken: null } }, own()],
    [
      'lives long enough although the last refresh failed',
      { account: failed('invalid_client') },
      own(),
    ],
    [
      'lives long enough although the refresh failed',
      { renewal: failure('invalid_client') },
      own(),
    ],
    ['lives long enough although Temporal is unreachable', { renewal: unreachable }, own()],
    ['lives long enough although a fallback exists', { fallback: null }, own()],
    ['lives long enough in quarantine', { account: { quarantine: true } }, own()],
    [
      'is short and the refresh failed',
      { lives: 60, renewal: failure('provider_unavailable') },
      own('provider_unavailable'),
    ],
    [
      'is short and Temporal is unreachable',
      { lives: 60, renewal: unreachable },
      own('temporal_unavailable'),
    ],
    [
      'is short and the app limiter holds the refresh back',
      { lives: 60, renewal: held },
      own('provider_outage'),
    ],
    [
      'is short and in quarantine',
      { lives: 60, account: { quarantine: true } },
      own('quarantined'),
    ],
    [
      'is short and the stored grant cannot be decrypted',
      { lives: 60, renewal: failure('key_missing') },
      own('grant_unreadable'),
    ],
    ['is short and the refresh was skipped', { lives: 60, renewal: skipped }, own('not_refreshed')],
    [
      'is short although a fallback exists',
      { lives: 60, fallback: null, renewal: failure('rate_limited') },
      own('rate_limited'),
    ],
    [
      'is short because the last attempt failed',
      { lives: 60, account: failed('invalid_client') },
      own('invalid_client'),
    ],
    [
      'is short and refreshed only shortly before it expires',
      { lives: 300, rule: NOT_BEFORE },
      own('not_before'),
    ],
    [
      'never lives as long as requested',
      { lives: 110, grant: { obtainedAt: inSeconds(-10).toISOString() } },
      own('short_lived'),
    ],
    [
      'remains after a restore that made the refresh token stale',
      { state: 'needs_reconnect', account: { staleRestore: true } },
      own(),
    ],
    [
      'remains after only the refresh token expired',
      {
        state: 'needs_reconnect',
        account: failed('invalid_grant'),
        grant: { refreshTokenExpiresAt: inSeconds(-60).toISOString() },
      },
      own(),
    ],
    [
      'is short after a restore that made the refresh token stale',
      { state: 'needs_reconnect', lives: 60, account: { staleRestore: true } },
      own('needs_reconnect'),
    ],
  ])('is served if it %s', (_when, given, expected) => {
    expect(answer(given)).toMatchObject(expected);
    expect(usesFallback(inputOf(given), NOW)).toBe(false);
  });

  it.each(['memory', 'store', 'refresh'] as const)('is served with its source: %s', (source) => {
    expect(answer({ source })).toEqual({
      ...own(),
      expiresAt: inSeconds(3600).toISOString(),
      scopes: ['sell'],
      source,
      generation: 7,
      at: NOW,
    });
  });
});

/** Cases in which the own token cannot be served, and the answer without a fallback. */
const WITHOUT_OWN: [string, Case, ReturnType<typeof none> | 'throws'][] = [
  ['it expired and no refresh was attempted', { lives: 0 }, none('not_refreshed', 10)],
  [
    'it expired and the refresh failed',
    { lives: -60, renewal: failure('provider_unavailable') },
    none('provider_unavailable', 10),
  ],
  [
    'it expired and the refresh was skipped',
    { lives: -60, renewal: skipped },
    none('not_refreshed', 10),
  ],
  [
    'it expired and the app limiter holds the refresh back',
    { lives: -60, renewal: held },
    none('provider_outage', 42),
  ],
  ['it expired and Temporal is unreachable', { lives: -60, renewal: unreachable }, 'throws'],
  [
    'it expired in quarantine',
    { lives: -60, account: { quarantine: true } },
    none('quarantined', null),
  ],
  [
    'it expired and the last attempt failed',
    { lives: -60, account: failed('invalid_client') },
    none('invalid_client', 10),
  ],
  [
    'it expired and the provider asked to wait',
    {
      lives: -60,
      account: { ...failed('rate_limited'), lastError: null, nextAttemptAt: inSeconds(120) },
      entry: refreshFailure('rate_limited'),
    },
    none('rate_limited', 120),
  ],
  [
    'it expired and a stored grant cannot be decrypted',
    { lives: -60, renewal: failure('row_corrupt') },
    none('grant_unreadable', null),
  ],
  [
    'it expired and the last attempt could not decrypt the grant',
    { lives: -60, account: failed('key_missing') },
    none('grant_unreadable', null),
  ],
  [
    'it cannot be decrypted, and no refresh token exists',
    { opens: false, lives: null, grant: { refreshToken: null } },
    none('access_token_unreadable', null),
  ],
  [
    'it cannot be decrypted and the refresh failed',
    { opens: false, renewal: failure('invalid_client') },
    none('invalid_client', 10),
  ],
  [
    'it cannot be decrypted and the refresh was skipped',
    { opens: false, renewal: skipped },
    none('not_refreshed', 10),
  ],
  [
    'it cannot be decrypted and Temporal is unreachable',
    { opens: false, renewal: unreachable },
    'throws',
  ],
  ['the account needs a reconnect', { state: 'needs_reconnect' }, none('needs_reconnect', null)],
  [
    'the account needs a reconnect and Temporal is unreachable',
    { state: 'needs_reconnect', renewal: unreachable },
    none('needs_reconnect', null),
  ],
  [
    'the account needs a reconnect because its grant cannot be decrypted',
    { state: 'needs_reconnect', account: failed('row_corrupt') },
    none('grant_unreadable', null),
  ],
  [
    'the account needs a reconnect after the refresh token and the own token expired',
    {
      state: 'needs_reconnect',
      lives: -60,
      account: failed('invalid_grant'),
      grant: { refreshTokenExpiresAt: inSeconds(-60).toISOString() },
    },
    none('needs_reconnect', null),
  ],
  [
    'it expired after a restore',
    { state: 'needs_reconnect', lives: -60, account: { staleRestore: true } },
    none('needs_reconnect', null),
  ],
  ['the account is inactive', { state: 'inactive' }, none('inactive', null)],
];

/** The answer, or the error that is thrown instead. */
function answerOrThrown(given: Case): unknown {
  try {
    return answer(given);
  } catch (error) {
    return { thrown: error };
  }
}

const expectedOf = (given: Case, expected: unknown) =>
  expected === 'throws' ? { thrown: given.renewal?.error } : expected;

describe('an account without a token that can be served', () => {
  it.each(WITHOUT_OWN)('gets the reason if %s', (_when, given, expected) => {
    expect(answerOrThrown(given)).toEqual(expectedOf(given, expected));
  });

  it.each(WITHOUT_OWN)('gets its fallback token if %s', (_when, given) => {
    for (const fallback of [null, 60]) {
      expect(usesFallback(inputOf({ ...given, fallback }), NOW)).toBe(true);
      expect(answer({ ...given, fallback })).toEqual({
        active: true,
        accessToken: FALLBACK,
        accessTokenFingerprint: 'of-fallback',
        expiresAt: expiry(fallback),
        scopes: [],
        source: 'fallback',
        generation: 7,
        at: NOW,
        notice: null,
      });
    }
  });

  it.each(WITHOUT_OWN)(
    'does not get an expired or unreadable fallback token if %s',
    (_when, given, expected) => {
      for (const useless of [{ fallback: 0 }, { fallback: null, fallbackOpens: false }]) {
        const asked = { ...given, ...useless };
        expect(answerOrThrown(asked)).toEqual(expectedOf(given, expected));
      }
    },
  );
});

it.each<[string, Case]>([
  ['a valid token', {}],
  ['a fallback token', { fallback: null }],
  ['an expired token and a fallback token', { lives: -60, fallback: null }],
  ['a grant that cannot be decrypted', { account: failed('row_corrupt') }],
])('a disabled account is refused as disabled although it has %s', (_what, given) => {
  const disabled = { ...given, state: AccountState.disabled };
  expect(usesFallback(inputOf(disabled), NOW)).toBe(false);
  expect(answer(disabled)).toEqual(none('disabled', null));
});

describe('the log entry of the last attempt', () => {
  const lives = 60;
  it.each<[string, Case]>([
    ['the last attempt failed', { lives, account: failed('invalid_client') }],
    [
      'the last attempt failed and the refresh was skipped',
      { lives, account: failed('invalid_client'), renewal: skipped },
    ],
  ])('is read if %s', (_when, given) => {
    expect(attemptToExplain(inputOf(given), NOW)).toBe('run-failed');
    expect(answer({ ...given, entry: { code: 'of_entry', message: 'As logged.' } })).toMatchObject(
      own('of_entry'),
    );
  });

  const candidate = failed('invalid_grant');
  it.each<[string, Case]>([
    ['the token lives long enough', { account: failed('invalid_client') }],
    [
      'the refresh failed now',
      { lives, account: failed('invalid_client'), renewal: failure('provider_unavailable') },
    ],
    ['Temporal is unreachable', { lives, account: failed('invalid_client'), renewal: unreachable }],
    [
      'the app limiter holds the refresh back',
      { lives, account: failed('invalid_client'), renewal: held },
    ],
    [
      'the account is in quarantine',
      { lives, account: { ...failed('invalid_client'), quarantine: true } },
    ],
    [
      'the account needs a reconnect',
      { lives, state: 'needs_reconnect', account: failed('invalid_grant') },
    ],
    [
      'the attempt tried a candidate grant',
      {
        lives,
        account: {
          ...candidate,
          lastAttempt: { ...candidate.lastAttempt, ofCandidate: true } as Account['lastAttempt'],
        },
      },
    ],
    [
      'the attempt was made with an earlier grant',
      { lives, account: failed('invalid_client', 7200) },
    ],
    ['no attempt was made', { lives }],
  ])('is not read if %s', (_when, given) => {
    expect(attemptToExplain(inputOf(given), NOW)).toBeNull();
  });

  it('is replaced by the last error of the account if it is missing', () => {
    expect(answer({ lives, account: failed('invalid_client') })).toMatchObject(
      own('invalid_client'),
    );
    const forgotten = { ...failed('invalid_client'), lastError: null };
    expect(answer({ lives, account: forgotten })).toMatchObject(own('not_refreshed'));
  });
});

it('the wait grows with the account’s failed attempts', () => {
  const waits = [1, 2, 3].map((failedAttempts) =>
    answer({ lives: -60, account: { ...failed('invalid_client', 0), failedAttempts } }),
  );
  const seconds = waits.map((one) => (one.active ? null : one.retryAfterSeconds));
  expect(seconds).toEqual(seconds.toSorted((a, b) => Number(a) - Number(b)));
  expect(new Set(seconds).size).toBe(3);
});
