/** The metrics of an attempt, from its log entry and its commit. */
import type { LogEntry } from '../../src/domain/logs/log-entry';
import { refreshFailure } from '../../src/domain/refresh/refresh-failure';
import { allowProviders } from '../../src/metrics/label-values';
import { stopRecording } from '../../src/metrics/registry';
import { AttemptSteps } from '../../src/refresh/attempt-steps';
import { countAttempt, measureCommit } from '../../src/refresh/count-attempt';
import { logEntry } from '../api/_log-entry';
import { increaseOf } from '../support/metrics';

const NOW = new Date('2026-11-22T12:00:00.000Z');
const APP = 'provider="ebay",environment="production"';

beforeAll(() => allowProviders([{ id: 'ebay', environments: ['production'] }]));

const entry = (more: Partial<LogEntry> = {}): LogEntry => ({
  ...logEntry(),
  action: 'token_refreshed',
  source: 'scheduled',
  outcome: 'ok',
  error: null,
  response: { status: 200, duration_ms: 40 },
  ...more,
});

describe('a logged attempt', () => {
  it('counts as one attempt and one request to the provider, with its duration', async () => {
    const increase = await increaseOf(() => countAttempt(entry()));
    expect(increase).toMatchObject({
      [`evergrant_refresh_attempts_total{${APP},source="scheduled",outcome="ok",failure_code="none"}`]: 1,
      [`evergrant_provider_requests_total{${APP},kind="refresh",status="200"}`]: 1,
      [`evergrant_provider_request_duration_seconds_sum{${APP},kind="refresh"}`]: 0.04,
    });
  });

  it('counts its failure code, an unknown outcome, and a request without an answer', async () => {
    const lost = entry({
      outcome: 'unknown',
      error: refreshFailure('answer_lost'),
      response: null,
    });
    const increase = await increaseOf(() => countAttempt(lost));
    expect(increase).toEqual({
      [`evergrant_refresh_attempts_total{${APP},source="scheduled",outcome="unknown",failure_code="answer_lost"}`]: 1,
      [`evergrant_unknown_outcomes_total{${APP}}`]: 1,
      [`evergrant_provider_requests_total{${APP},kind="refresh",status="none"}`]: 1,
    });
  });

  it('counts a grant as lost if the provider refuses the refresh token after a lost answer', async () => {
    const refused = entry({ outcome: 'rejected', error: refreshFailure('replay_refused') });
    expect(await increaseOf(() => countAttempt(refused))).toMatchObject({
      [`evergrant_grants_lost_total{${APP}}`]: 1,
    });
  });

  it('counts no request if nothing was sent', async () => {
    const unsent = entry({
      outcome: 'not_sent',
      error: refreshFailure('key_missing'),
      response: null,
    });
    expect(Object.keys(await increaseOf(() => countAttempt(unsent)))).toEqual([
      `evergrant_refresh_attempts_total{${APP},source="scheduled",outcome="not_sent",failure_code="key_missing"}`,
    ]);
  });

  it('counts a validation only as a request', async () => {
    const validated = entry({ action: 'token_validated' });
    const names = Object.keys(await increaseOf(() => countAttempt(validated)));
    expect(names).toContain(
      `evergrant_provider_requests_total{${APP},kind="validation",status="200"}`,
    );
    expect(names.join()).not.toContain('attempts');
  });

  it('does not name a provider that is not configured', async () => {
    const names = Object.keys(
      await increaseOf(() => countAttempt(entry({ provider: 'secret-shop' }))),
    );
    expect(names.join()).toContain('provider="other"');
    expect(names.join()).not.toContain('secret-shop');
  });
});

describe('a commit', () => {
  const account = (dueAgoMs: number, remainingMs: number, obtainedAgoMs = 3600_000) => ({
    provider: 'ebay',
    dueTimes: { dueAt: new Date(NOW.getTime() - dueAgoMs) },
    current: {
      expiresAt: new Date(NOW.getTime() + remainingMs).toISOString(),
      obtainedAt: new Date(NOW.getTime() - obtainedAgoMs).toISOString(),
    },
  });
  const measure = (given: ReturnType<typeof account>, source: 'scheduled' | 'api' = 'scheduled') =>
    increaseOf(() => measureCommit(given as never, source, NOW));

  it.each([
    ['a third of its margin late', account(60_000, 120_000), 1 / 3, 120],
    ['twice its margin late', account(120_000, -60_000), 2, 0],
    ['entered after it was due, from its entry on', account(600_000, 90_000, 10_000), 0.1, 90],
  ])('is measured as %s', async (_, given, ratio, remaining) => {
    const increase = await measure(given);
    expect(increase['evergrant_refresh_lateness_ratio_sum{provider="ebay"}']).toBeCloseTo(ratio);
    const left =
      increase['evergrant_access_token_remaining_at_commit_seconds_sum{provider="ebay"}'];
    expect(left ?? 0).toBe(remaining);
    expect(
      increase['evergrant_access_token_remaining_at_commit_seconds_count{provider="ebay"}'],
    ).toBe(1);
  });

  it.each([
    ['a caller asked for it', account(60_000, 120_000), 'api'],
    ['it was not due', account(-60_000, 120_000), 'scheduled'],
    ['it became due after its expiry', account(10_000, -60_000), 'scheduled'],
  ] as const)('is not late if %s', async (_, given, source) => {
    expect(Object.keys(await measure(given, source)).join()).not.toContain('lateness');
  });
});

describe('the steps of an attempt', () => {
  it('are measured whether or not they are captured, and kept only if they are', async () => {
    const plain = new AttemptSteps(null);
    const reported: string[][] = [];
    const captured = new AttemptSteps((steps) => reported.push(steps.map(({ step }) => step)));
    const increase = await increaseOf(() => {
      for (const steps of [plain, captured]) {
        steps.begin('claim', NOW);
        steps.begin('decrypt', NOW);
        steps.end();
      }
    });
    expect(increase['evergrant_refresh_step_duration_seconds_count{step="claim"}']).toBe(2);
    expect(increase['evergrant_refresh_step_duration_seconds_count{step="decrypt"}']).toBe(2);
    expect(plain.soFar()).toEqual([]);
    expect(captured.soFar().map(({ step }) => step)).toEqual(['claim', 'decrypt']);
    expect(reported).toEqual([['claim'], ['claim', 'decrypt']]);
  });
});

it('records nothing once METRICS_PORT is off', async () => {
  stopRecording();
  expect(await increaseOf(() => countAttempt(entry()))).toEqual({});
});
