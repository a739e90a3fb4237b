/** A rolling upgrade between two versions with different workflow code, on the embedded server. */
import { randomUUID } from 'node:crypto';
import { eventually } from '../support/eventually';
import { type Receiver, startReceiver, status } from '../webhooks/_receiver';
import { BUNDLED_MS, startVersions, type Versions } from './_versions';

/** The pause between the tries of a delivery. */
const PAUSE_MS = 500;
/** `VersioningBehavior` of Temporal's API. */
const [PINNED, AUTO_UPGRADE] = [1, 2];

let versions: Versions;
let receiver: Receiver;
beforeAll(async () => {
  receiver = await startReceiver();
  const pausesMs = Array.from({ length: 500 }, () => PAUSE_MS);
  versions = await startVersions({ delivery: { pausesMs, holdFirstMs: 1, holdMaxMs: 50 } });
}, BUNDLED_MS);
afterAll(async () => {
  await versions.stop();
  await receiver.stop();
});

interface Versioning {
  version: string | undefined;
  behaviour: number | undefined;
}

async function versioningOf(workflowId: string): Promise<Versioning> {
  const { raw } = await versions.h.client.workflow.getHandle(workflowId).describe();
  const { behavior, deploymentVersion } = raw.workflowExecutionInfo?.versioningInfo ?? {};
  return { version: deploymentVersion?.buildId ?? undefined, behaviour: behavior ?? undefined };
}

const ofRefresh = (accountId: string) => versioningOf(`refresh-account/${accountId}`);
const committed = () => versions.h.sandbox.ledger.filter(({ event }) => event === 'committed');

it('M2.4 refreshes that an older version began end on it, and new ones begin on the current version', async () => {
  const { h, key } = versions;
  const before = committed().length;
  await versions.start('1');
  await eventually(() =>
    h.logs.some((line) =>
      /set-current-version --deployment-name evergrant --build-id 1/.test(line),
    ),
  );
  await versions.makeCurrent('1');
  const begun = await versions.accountsInRefresh();
  await versions.start('2', 'next');
  await versions.makeCurrent('2');

  const results = await Promise.all(begun.map((id) => versions.workflow(id).result()));
  for (const result of results) expect(result).toMatchObject({ outcome: 'refreshed' });
  const { id: later } = await h.addAccount();
  const path = `/api/admin/accounts/${later}/refresh`;
  expect((await h.request(key, 'POST', path, { force: true })).body).toMatchObject({
    outcome: 'refreshed',
  });

  for (const id of begun) {
    expect(await ofRefresh(id)).toEqual({ version: '1', behaviour: PINNED });
    expect(await versions.failedTasks(id)).toBe(0);
  }
  expect(await ofRefresh(later)).toEqual({ version: '2', behaviour: PINNED });
  expect(committed()).toHaveLength(before + begun.length + 1);
});

it('M2.4 a sweep ends on the version that began it, a delivery moves to the next one, and the old worker stops', async () => {
  const { h, key } = versions;
  const before = committed().length;
  const old = await versions.start('3');
  await versions.makeCurrent('3');

  receiver.reply = status(500);
  const path = `/${randomUUID()}`;
  await h.request(key, 'POST', '/api/admin/webhooks', { url: receiver.url(path) });
  const revoked = await h.addAccount();
  h.sandbox.revoke(revoked.plain.refreshToken);
  await h.request(key, 'POST', `/api/admin/accounts/${revoked.id}/refresh`, { force: true });
  await eventually(() => receiver.at(path).length > 0);
  const delivery = await eventually(
    async () => (await running(`WorkflowType = 'deliverEventWorkflow'`))[0],
  );
  expect(await versioningOf(delivery)).toEqual({ version: '3', behaviour: AUTO_UPGRADE });

  const sweepId = `sweep/${randomUUID()}`;
  const begun = await versions.accountsInRefresh(() =>
    h.client.workflow.start('sweepWorkflow', {
      workflowId: sweepId,
      taskQueue: 'evergrant',
      args: [{ provider: 'ebay' }],
    }),
  );
  await versions.start('4', 'next');
  await versions.makeCurrent('4');

  expect(await h.client.workflow.getHandle(sweepId).result()).toMatchObject({
    refreshed: begun.length,
  });
  for (const workflowId of [sweepId, ...begun.map((id) => `refresh-account/${id}`)])
    expect(await versioningOf(workflowId)).toEqual({ version: '3', behaviour: PINNED });
  expect(committed()).toHaveLength(before + begun.length);

  // Nothing waits for the old version any more.
  await old.stop();
  receiver.reply = status(204);
  await h.client.workflow.getHandle(delivery).result();
  expect(await versioningOf(delivery)).toEqual({ version: '4', behaviour: AUTO_UPGRADE });
  const short = `WorkflowType IN ('sweepWorkflow', 'refreshAccountWorkflow')`;
  await eventually(async () => (await running(short)).length === 0);
});

/** The ids of running workflows. Temporal lists a workflow some time after it has begun or ended. */
async function running(query: string): Promise<string[]> {
  const found: string[] = [];
  const wanted = `ExecutionStatus = 'Running' AND ${query}`;
  for await (const { workflowId } of versions.h.client.workflow.list({ query: wanted }))
    found.push(workflowId);
  return found;
}
