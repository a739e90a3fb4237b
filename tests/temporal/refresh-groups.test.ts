/** The choice between single and batched requests, and the outcome that each caller receives; without engines. */

import type { Account } from '../../src/domain/account/account';
import type { AttemptOutcome, RefreshRequest } from '../../src/domain/refresh/refresh-attempt';
import type { BatchResult } from '../../src/domain/refresh/refresh-batch';
import type { AttemptSnapshot } from '../../src/store/accounts/grants';
import type { Store } from '../../src/store/store';
import { RefreshGroups, type Wanted } from '../../src/temporal/refresh-groups';

const request = { source: 'api', minValidSeconds: 60 } as RefreshRequest;
const accountOf = (id: string, provider = 'ebay') =>
  ({ id, provider, generation: 1, lastAttempt: null }) as unknown as Account;
const outcomeOf = (accountId: string, reason: string) =>
  ({ accountId, outcome: 'skipped', reason }) as AttemptOutcome;

/** Records the single and the batched requests; a batch ends on command. */
class Recorder {
  readonly asked: string[][] = [];
  readonly snapshots = new Map<string, AttemptSnapshot>();
  readonly #ends: ((result: Promise<BatchResult>) => void)[] = [];
  readonly #alone = new Map<string, (outcome: AttemptOutcome) => void>();
  away: Error | null = null;
  /** The signal that ends the polling of the latest batch. */
  followedUntil: AbortSignal | null = null;

  readonly groups = new RefreshGroups(
    {
      grants: {
        snapshots: async (ids: readonly string[]) =>
          ids.flatMap((id) => this.snapshots.get(id) ?? []),
      },
      logEntries: { read: async () => null },
    } as unknown as Store,
    {
      alone: (account) => {
        this.asked.push([account.id]);
        return new Promise((resolve) => this.#alone.set(account.id, resolve));
      },
      together: async (wanted: readonly Wanted[]) => {
        this.asked.push(wanted.map(({ account }) => account.id));
        if (this.away !== null) throw this.away;
        return {
          result: (until) => {
            this.followedUntil = until;
            return new Promise((resolve) => this.#ends.push(resolve));
          },
        };
      },
    },
  );

  refresh(id: string, provider?: string): Promise<AttemptOutcome> {
    return this.groups.refresh(accountOf(id, provider), request);
  }

  endAlone(id: string): void {
    this.#alone.get(id)?.(outcomeOf(id, 'alone'));
  }

  endBatch(result: Promise<BatchResult>): void {
    this.#ends.shift()?.(result);
  }

  isThrough(id: string, generation: number): void {
    this.snapshots.set(id, { id, generation, lastAttempt: null, expiresAt: null });
  }
}

let recorder: Recorder;
beforeEach(() => {
  recorder = new Recorder();
});

const result = (outcomes?: AttemptOutcome[]) =>
  Promise.resolve({ outcomes } as unknown as BatchResult);

it('the first request is made alone at once, and requests that arrive meanwhile are batched per provider', async () => {
  const first = recorder.refresh('a');
  const others = [recorder.refresh('b'), recorder.refresh('c'), recorder.refresh('z', 'etsy')];
  expect(recorder.asked).toEqual([['a'], ['z']]);
  recorder.endAlone('a');
  recorder.endAlone('z');
  expect(await first).toMatchObject({ reason: 'alone' });
  recorder.isThrough('b', 2);
  recorder.isThrough('c', 2);
  await Promise.all(others);
  expect(recorder.asked).toEqual([['a'], ['z'], ['b', 'c']]);
});

it('a slow refresh delays queued requests only briefly', async () => {
  void recorder.refresh('slow');
  const other = recorder.refresh('b');
  recorder.refresh('c').catch(() => undefined);
  recorder.isThrough('b', 2);
  expect(await other).toMatchObject({ accountId: 'b', generation: 2 });
});

it('each caller is answered as soon as its account is done, while the batch continues', async () => {
  void recorder.refresh('a');
  const [b, c] = [recorder.refresh('b'), recorder.refresh('c')];
  recorder.endAlone('a');
  recorder.isThrough('b', 2);
  await b;
  expect(await Promise.race([c, Promise.resolve('waiting')])).toBe('waiting');
  recorder.endBatch(result([outcomeOf('c', 'throttled')]));
  expect(await c).toMatchObject({ reason: 'throttled' });
});

it('a batch is no longer polled once each caller has an answer', async () => {
  void recorder.refresh('a');
  const asked = [recorder.refresh('b'), recorder.refresh('c')];
  recorder.endAlone('a');
  recorder.isThrough('b', 2);
  await asked[0];
  expect(recorder.followedUntil?.aborted).toBe(false);
  recorder.isThrough('c', 2);
  await asked[1];
  await new Promise((resolve) => setImmediate(resolve));
  expect(recorder.followedUntil?.aborted).toBe(true);
});

it.each([
  ['fails', Promise.reject(new Error('terminated'))],
  ['does not report them', result()],
])('the accounts of a batch that %s are requested alone', async (_what, ended) => {
  ended.catch(() => undefined);
  void recorder.refresh('a');
  const asked = [recorder.refresh('b'), recorder.refresh('c')];
  recorder.endAlone('a');
  await new Promise((resolve) => setImmediate(resolve));
  recorder.endBatch(ended);
  for (const id of ['b', 'c'])
    while (!recorder.asked.some((ids) => ids.length === 1 && ids[0] === id))
      await new Promise((resolve) => setImmediate(resolve));
  recorder.endAlone('b');
  recorder.endAlone('c');
  expect(await Promise.all(asked)).toMatchObject([{ reason: 'alone' }, { reason: 'alone' }]);
});

it('a batch that cannot be started fails each of its callers, and the next batch is tried', async () => {
  void recorder.refresh('a');
  recorder.away = new Error('away');
  const asked = [recorder.refresh('b'), recorder.refresh('c')];
  recorder.endAlone('a');
  for (const one of await Promise.allSettled(asked)) expect(one.status).toBe('rejected');
  recorder.away = null;
  const next = recorder.refresh('d');
  // It may have been requested just after the batch, and then waits as long as it does.
  while (!recorder.asked.some(([id]) => id === 'd'))
    await new Promise((resolve) => setImmediate(resolve));
  recorder.endAlone('d');
  expect(await next).toMatchObject({ reason: 'alone' });
});
