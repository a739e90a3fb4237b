/** Claims and fencing against a model: any order of claims, sends, commits, failures and delays. */
import { randomUUID } from 'node:crypto';
import * as fc from 'fast-check';
import type { Account } from '../../../src/domain/account/account';
import { LEASE_MS } from '../../../src/store/accounts/grants';
import { propertyRuns } from '../../support/property-runs';
import {
  accountOf,
  addAccount,
  claimOf,
  commitOf,
  failureRecordOf,
  fromNow,
  grantOf,
  storeForTest,
  type TestStore,
} from '../_store';

let store: TestStore;
beforeAll(async () => {
  store = await storeForTest();
});
afterAll(() => store.close());

/** Three workers with one attempt each, and a clock. */
const WORKERS = 3;
const worker = fc.nat(WORKERS - 1);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ does: fc.constant('claim' as const), worker }) },
  { weight: 4, arbitrary: fc.record({ does: fc.constant('send' as const), worker }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constant('commit' as const), worker }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('fail' as const), worker }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('release' as const), worker }) },
  {
    weight: 2,
    arbitrary: fc.record({ does: fc.constant('wait' as const), ms: fc.nat(2 * LEASE_MS) }),
  },
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** A fixed example in which every kind of event occurs. */
const ALL: Step[] = [
  ...([
    ['claim', 0],
    ['claim', 1],
    ['send', 0],
    ['release', 0],
    ['claim', 1],
    ['send', 1],
  ] as const),
  ...([
    ['commit', 1],
    ['commit', 0],
    ['claim', 2],
  ] as const),
].map(([does, by]) => ({ does, worker: by }));
ALL.push({ does: 'wait', ms: 2 * LEASE_MS }, { does: 'claim', worker: 1 });

interface Attempt {
  id: string;
  /** As read at the claim. */
  account: Account;
}

function assertAgreed(got: unknown, predicted: unknown): void {
  expect(got).toBe(predicted);
}

it('P1: one attempt per generation may send until its outcome is recorded, and no grant is lost', async () => {
  const seen = {
    claimed: 0,
    sent: 0,
    committed: 0,
    orphanedGrants: 0,
    abandoned: 0,
    claimed_elsewhere: 0,
  };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async (steps) => {
      const { id: accountId } = await addAccount(store);
      const attempts: (Attempt | undefined)[] = [];
      const model = {
        now: 0,
        generation: 1,
        claim: null as { attempt: string; until: number } | null,
        current: null as string | null,
        /** The attempt that sent each generation's refresh token, if its outcome is not recorded yet. */
        unheard: new Map<number, string>(),
        received: new Set<string>(),
      };
      for (const one of steps) {
        if (one.does === 'wait') {
          model.now += one.ms;
          continue;
        }
        const now = fromNow(model.now);
        const attempt = attempts[one.worker];
        if (one.does === 'claim') {
          const id = randomUUID();
          const account = await accountOf(store, accountId);
          const { kind, ...rest } = await store.grants.claim(claimOf(account, id, { now }));
          const free = model.claim === null;
          const over = model.claim !== null && model.claim.until <= model.now;
          assertAgreed(kind, free ? 'claimed' : over ? 'abandoned' : 'claimed_elsewhere');
          if (kind === 'claimed' && 'account' in rest) {
            seen.claimed += 1;
            attempts[one.worker] = { id, account: rest.account };
            model.claim = { attempt: id, until: model.now + LEASE_MS };
          } else seen[kind === 'abandoned' ? 'abandoned' : 'claimed_elsewhere'] += 1;
          continue;
        }
        if (attempt === undefined) continue;
        const { id, account } = attempt;
        const { generation } = account;
        const isHolder = model.claim?.attempt === id;
        const isCurrent = model.generation === generation;
        if (one.does === 'send') {
          const may = await store.grants.recordSendIntent(
            { accountId, attemptId: id, generation, refreshTokenFingerprint: 'fp' },
            now,
          );
          assertAgreed(may, isHolder && isCurrent && (model.claim?.until ?? 0) > model.now);
          if (!may) continue;
          seen.sent += 1;
          assertAgreed(model.unheard.get(generation) ?? id, id);
          model.unheard.set(generation, id);
          model.claim = { attempt: id, until: model.now + LEASE_MS };
        } else if (one.does === 'commit') {
          const done = await store.grants.commit(commitOf(account, grantOf(id), now));
          model.received.add(id);
          model.unheard.delete(generation);
          assertAgreed(done, isCurrent || model.current === id ? 'committed' : 'kept_as_orphan');
          if (isCurrent) {
            seen.committed += 1;
            Object.assign(model, { generation: generation + 1, claim: null, current: id });
          } else if (done === 'kept_as_orphan') seen.orphanedGrants += 1;
        } else {
          const fails = one.does === 'fail';
          if (fails) {
            const record = { ...failureRecordOf(account, id, 'provider_unavailable'), now };
            const recorded = await store.grants.recordFailure(record);
            assertAgreed(recorded, isHolder && isCurrent);
          } else await store.grants.release(accountId, id);
          if (isHolder && (isCurrent || !fails)) {
            model.claim = null;
            model.unheard.delete(generation);
          }
        }
        const after = await accountOf(store, accountId);
        assertAgreed(after.generation, model.generation);
        assertAgreed(after.claim?.attemptId ?? null, model.claim?.attempt ?? null);
        assertAgreed(after.current.attemptId, model.current);
        const kept = [after.current, after.previous, ...after.orphanedGrants].map(
          (grant) => grant?.attemptId,
        );
        if (one.does === 'commit') assertAgreed(kept.includes(id), true);
      }
    }),
    { numRuns: propertyRuns(40, 0.01), examples: [[ALL]] },
  );
  // Every event must occur, or the model would prove nothing.
  for (const [_what, times] of Object.entries(seen)) expect(times).toBeGreaterThan(0);
});
