/**
 * What a rotation has come to: who seals with the key, how many records are left of others, and whether grants wait in
 * Temporal. A key that nothing needs any more is retired: from then on a process may start without it.
 */
import { getClient } from '@temporalio/activity';
import type { RotationVerdict } from '../domain/rotation';
import type { ActivityDependencies } from './dependencies';

/** The activities that can have a grant which exists nowhere else. */
const HOLDS_GRANT: readonly string[] = ['persistGrant', 'refreshBatch'];
/** Longer than a batch keeps a grant before the account's own workflow begins with it. */
const HANDED_ON_WITHIN_MS = 180_000;

type Dependencies = Pick<ActivityDependencies, 'store' | 'vault' | 'now'>;

/** The processes that do not seal with the key yet; and, once there are none, the records that are left to do. */
export async function surveyRotation(
  { store }: Pick<Dependencies, 'store'>,
  { to }: { to: string },
): Promise<{ lagging: string[]; total: number }> {
  const living = await store.processes.living();
  const lagging = living.filter(({ sealingKeyId }) => sealingKeyId !== to).map(({ name }) => name);
  const total = lagging.length > 0 ? 0 : await store.sealedRecords.countWithout([to]);
  return { lagging, total };
}

export interface VerifyRotationInput {
  to: string;
  /** Records that no key opens, by the key they name: no key need be kept for them. */
  unreadable: Record<string, number>;
  /** Since when every process has sealed with the key. */
  settledAt: string;
  /** Whether the last pass found nothing to do: only then may a key be retired. */
  clean: boolean;
}

export async function verifyRotation(
  { store, vault, now }: Dependencies,
  input: VerifyRotationInput,
): Promise<RotationVerdict> {
  const { to, unreadable, settledAt, clean } = input;
  const onRecord = await store.encryptionKeys.list();
  const others = new Set([...onRecord.map(({ id }) => id), ...vault.keyIds]);
  others.delete(to);
  // Grants first: one that is written between the two looks is seen by the second.
  const waitingGrants = await countWaitingGrants(settledAt);
  const remaining: Record<string, number> = {};
  for (const id of [...others].toSorted()) remaining[id] = await store.sealedRecords.countWith(id);
  const removable: string[] = [];
  if (clean && waitingGrants === 0) {
    for (const { id, needed } of onRecord.filter((key) => key.id !== to)) {
      const left = remaining[id] ?? 0;
      if (left > (unreadable[id] ?? 0)) continue;
      if (needed) await store.encryptionKeys.retire(id, left, now());
      removable.push(id);
    }
  }
  return { remaining: withoutNone(remaining), waitingGrants, removable };
}

/** Refreshes that began before every process sealed with the key, and hold a grant that is not written yet. */
async function countWaitingGrants(settledAt: string): Promise<number> {
  const client = getClient();
  const begunBy = new Date(Date.parse(settledAt) + HANDED_ON_WITHIN_MS).toISOString();
  const query = `WorkflowType IN ("refreshAccountWorkflow", "refreshBatchWorkflow") AND ExecutionStatus = "Running" AND StartTime <= "${begunBy}"`;
  let waiting = 0;
  for await (const { workflowId, runId } of client.workflow.list({ query })) {
    const described = client.workflow.getHandle(workflowId, runId).describe();
    // It may have ended since it was listed.
    const raw = await described.then(({ raw: info }) => info).catch(() => null);
    const holds = raw?.pendingActivities?.some(({ activityType }) =>
      HOLDS_GRANT.includes(activityType?.name ?? ''),
    );
    // Between two activities the grant is in what the workflow has not seen yet.
    if (holds === true || (raw?.pendingWorkflowTask ?? null) !== null) waiting += 1;
  }
  return waiting;
}

function withoutNone(counts: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}
