/** The check for a restore, over given marks and generations. */
import { MockActivityEnvironment } from '@temporalio/testing';
import type { GenerationMark } from '../../src/domain/refresh/generation-mark';
import { RestoreGuard } from '../../src/refresh/restore-guard';
import { accountOf, addAccount, NOW, storeForTest, type TestStore } from '../store/_store';

let store: TestStore;
beforeAll(async () => {
  store = await storeForTest();
});
afterAll(() => store?.close());

/** A guard over marks that a test may change; `before` are those of workflows that were over two minutes ago. */
function guardOver(all: GenerationMark[], before: GenerationMark[] = all) {
  const asked: (Date | null)[] = [];
  const state = { away: false };
  const guard = new RestoreGuard({
    store,
    now: () => NOW,
    marks: {
      async *newest(closedBefore) {
        asked.push(closedBefore);
        if (state.away) throw new Error('the index is unreachable');
        for (const mark of closedBefore === null ? all : before) yield [mark];
      },
    },
  });
  const environment = new MockActivityEnvironment();
  return { asked, state, confirm: () => environment.run(() => guard.confirm()) };
}

it('an account with the generation of its mark, or a higher one, is unchanged', async () => {
  const { id } = await addAccount(store);
  await guardOver([{ accountId: id, generation: 1 }]).confirm();
  expect(await accountOf(store, id)).toMatchObject({ state: 'active', staleRestore: false });
});

it('an account behind its newest mark is marked as stale, and the next check finds nothing more', async () => {
  const { id } = await addAccount(store);
  const marks = [3, 2].map((generation) => ({ accountId: id, generation }));
  const guard = guardOver(marks);
  await guard.confirm();
  expect(await accountOf(store, id)).toMatchObject({
    state: 'needs_reconnect',
    staleRestore: true,
    generation: 3,
  });
  expect(await store.restores.compare(marks)).toEqual({ known: 1, behind: [] });
});

it('marks of accounts that MongoDB does not have do not hide stale accounts', async () => {
  const { id } = await addAccount(store);
  const gone = Array.from({ length: 250 }, (_, at) => ({ accountId: `gone-${at}`, generation: 9 }));
  await guardOver([...gone, { accountId: id, generation: 2 }]).confirm();
  expect(await accountOf(store, id)).toMatchObject({ staleRestore: true });
});

it('refreshes after the restore do not hide stale accounts', async () => {
  const [stale, fresh] = await Promise.all([addAccount(store), addAccount(store)]);
  const since = Array.from({ length: 150 }, () => ({ accountId: fresh.id, generation: 1 }));
  const before = [{ accountId: stale.id, generation: 2 }];
  await guardOver([...since, ...before], before).confirm();
  expect(await accountOf(store, stale.id)).toMatchObject({ staleRestore: true });
  expect(await accountOf(store, fresh.id)).toMatchObject({ staleRestore: false });
});

it('concurrent and soon repeated calls share one check', async () => {
  const { id } = await addAccount(store);
  const guard = guardOver([{ accountId: id, generation: 1 }]);
  await Promise.all(Array.from({ length: 1000 }, guard.confirm));
  await guard.confirm();
  expect(guard.asked).toHaveLength(2);
});

it('a process without a successful check sends nothing, and checks again at the next call', async () => {
  const { id } = await addAccount(store);
  const guard = guardOver([{ accountId: id, generation: 2 }]);
  guard.state.away = true;
  await expect(guard.confirm()).rejects.toMatchObject({ type: 'restore_unknown' });
  guard.state.away = false;
  await guard.confirm();
  expect(await accountOf(store, id)).toMatchObject({ staleRestore: true });
});

it('a disabled account stays disabled, and is marked as stale, too', async () => {
  const { id, organisation } = await addAccount(store);
  await store.accounts.patch(organisation, id, { state: 'disabled' }, NOW);
  await guardOver([{ accountId: id, generation: 2 }]).confirm();
  expect(await accountOf(store, id)).toMatchObject({ state: 'disabled', staleRestore: true });
});
