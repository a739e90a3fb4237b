/** Workers while a replica set has no primary: refreshes and batches wait, and nothing counts as an error of ours. */
import { RETRYABLE_CODES } from '../../src/store/mongo/unavailability';
import type { Store } from '../../src/store/store';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';
import { type MongodbProxy, refuseAll, startMongodbProxy } from '../support/mongodb-proxy';

/** More accounts than `perAccountUpTo`, so that they are refreshed in a batch. */
const BATCH = 8;

let h: Harness;
let proxy: MongodbProxy;
let store: Store;
let key: string;
beforeAll(async () => {
  h = await startHarness({ worker: false, providers: ['etsy'], policy: { perAccountUpTo: 5 } });
  proxy = await startMongodbProxy();
  store = await h.openStore({ uri: proxy.through(h.mongodbUri) });
  key = await h.key();
  await h.startWorker({ config: h.config, store });
});
afterEach(() => proxy.intervene(null));
afterAll(async () => {
  await h?.stopWorkers();
  await store?.close();
  await proxy?.stop();
  await h?.stop();
});

const received = (ids: readonly string[]) =>
  h.sandbox.ledger.filter(
    ({ event, subject = '' }) => event === 'received' && ids.includes(subject),
  );

async function failuresOf(workflowId: string): Promise<string[]> {
  const { events } = await h.client.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? []).flatMap(({ activityTaskFailedEventAttributes: failed }) =>
    failed?.failure?.applicationFailureInfo?.type
      ? [failed.failure.applicationFailureInfo.type]
      : [],
  );
}

it.each(Object.entries(RETRYABLE_CODES))(
  'F8 a refresh waits while the code %s (%s) refuses it, sends nothing meanwhile, and is made with the next primary',
  async (code, codeName) => {
    const { id } = await h.addAccount({ provider: 'etsy', rotation: { mode: 'strict' } });
    proxy.intervene(refuseAll(Number(code), codeName));
    const asked = h.request(key, 'POST', `/api/admin/accounts/${id}/refresh`, { force: true });
    const { workflow } = h.client;
    await eventually(async () => {
      const { events } = await workflow.getHandle(`refresh-account/${id}`).fetchHistory();
      return events?.some(
        (e) => e.activityTaskScheduledEventAttributes?.activityType?.name === 'awaitDatabase',
      );
    });
    expect(received([id])).toHaveLength(0);
    proxy.intervene(null);
    expect((await asked).body).toMatchObject({ outcome: 'refreshed', generation: 2 });
    expect(received([id])).toHaveLength(1);
    expect(await failuresOf(`refresh-account/${id}`)).not.toContain('internal_error');
  },
);

it('F8 a batch waits while no primary takes its claims, and starts no separate workflow for an account', async () => {
  const ids: string[] = [];
  for (let n = 0; n < BATCH; n += 1)
    ids.push((await h.addAccount({ provider: 'etsy', rotation: { mode: 'strict' } })).id);
  const noPrimary = refuseAll(10107, 'NotWritablePrimary');
  let refused = 0;
  // The list of due accounts is read before.
  proxy.intervene((command) => {
    const isClaim =
      command.collection === 'accounts' && ['findAndModify', 'update'].includes(command.name);
    if (isClaim) refused += 1;
    return refused > 0 ? noPrimary(command) : null;
  });
  const { body } = await h.request(key, 'POST', '/api/admin/internal/refresh-tokens');
  const [{ workflow_id: workflowId, run_id: runId }] = body.started;
  const waits = () =>
    h.logs.some((line) => line.includes('awaitDatabase') || line.includes('database_unavailable'));
  await eventually(async () => refused > 0 && waits());
  expect(received(ids)).toHaveLength(0);
  proxy.intervene(null);
  const summary = await h.client.workflow.getHandle(workflowId, runId).result();
  expect(summary).toMatchObject({ due: BATCH, refreshed: BATCH, failed: 0 });
  expect(received(ids)).toHaveLength(BATCH);
  const own = await Promise.all(
    ids.map((id) =>
      h.client.workflow
        .getHandle(`refresh-account/${id}`)
        .describe()
        .then(
          () => true,
          () => false,
        ),
    ),
  );
  expect(own).toEqual(ids.map(() => false));
});
