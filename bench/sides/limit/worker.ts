/** Pages through the due list and refreshes accounts concurrently, with the functions of Evergrant's activities. */
import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { Runtime } from '@temporalio/worker';
import type { RefreshDependencies } from '../../../src/refresh/dependencies';
import { Limiter } from '../../../src/limits/limiter';
import { listDueAccounts } from '../../../src/activities/list-due-accounts';
import { AttemptSteps } from '../../../src/refresh/attempt-steps';
import { refreshGrant } from '../../../src/refresh/refresh-grant';
import { RestoreGuard } from '../../../src/refresh/restore-guard';
import type { DueCursor } from '../../../src/domain/refresh/sweep';
import { createLogger } from '../../../src/process/logging';
import { installTemporalRuntime } from '../../../src/process/temporal-runtime';
import { createTransport } from '../../../src/providers/exchange/transport';
import { openStoreAndVault } from '../accounts';
import { PROVIDER } from '../side';
import { serveWorker } from '../worker-process';

const PAGE = 1_000;
const now = () => new Date();
const PLACE = { workflowId: 'bench', runId: 'bench' };

async function* dueAccounts(deps: RefreshDependencies): AsyncGenerator<string> {
  let cursor: DueCursor | null = { scan: 'expiring', at: null, accountId: null };
  let asOf: string | null = null;
  while (cursor !== null) {
    const page = await listDueAccounts(deps, {
      provider: PROVIDER,
      environment: null,
      cursor,
      asOf,
      limit: PAGE,
    });
    asOf = page.asOf;
    cursor = page.next;
    for (const { accountId } of page.accounts) yield accountId;
  }
}

async function refresh(deps: RefreshDependencies, accountId: string): Promise<void> {
  const requestedAt = new Date().toISOString();
  const { attempt } = await refreshGrant(
    deps,
    {
      accountId,
      attemptId: randomUUID(),
      supersedes: null,
      retry: false,
      request: { source: 'scheduled', caller: 'bench', requestedAt, force: false, capture: false },
    },
    PLACE,
    new AttemptSteps(null),
  );
  if (attempt.outcome !== 'refreshed') throw new Error(`${accountId}: ${attempt.reason}`);
}

serveWorker(async (setting) => {
  installTemporalRuntime(createLogger('info'), null);
  const { store, vault, providers } = await openStoreAndVault(setting);
  const transport = createTransport();
  // Without Temporal, only the database knows generations.
  const marks = { async *newest() {} };
  const deps: RefreshDependencies = {
    store,
    vault,
    providers,
    transport,
    appLimiter: new Limiter(store.limiters, store.dueAccounts, async () => undefined),
    restoreGuard: new RestoreGuard({ store, marks, now }),
    worker: 'bench',
    stopping: new AbortController().signal,
    now,
  };
  // The logger of activities needs an activity's context; nothing else of Temporal is used.
  const environment = new MockActivityEnvironment({}, { logger: Runtime.instance().logger });
  return {
    refreshDue: () =>
      environment.run(async () => {
        const due = dueAccounts(deps);
        let refreshed = 0;
        // All loops take from one list, so that none waits for another.
        const loop = async () => {
          for (let next = await due.next(); next.done !== true; next = await due.next()) {
            await refresh(deps, next.value);
            refreshed += 1;
          }
        };
        await Promise.all(Array.from({ length: setting.concurrency }, loop));
        return refreshed;
      }),
    async stop() {
      await store.close();
    },
  };
});
