/**
 * Verifies a key rotation: which processes encrypt with the key, how many records other keys still encrypt, and whether
 * grants wait in Temporal. A key that is no longer needed is retired, and processes may then start without it.
 */
import { getClient } from '@temporalio/activity';
import type { RotationVerdict } from '../domain/encryption-rotation';
import type { RefreshDependencies } from '../refresh/dependencies';

/** The activities that can hold a grant which is stored nowhere else. */
const HOLDS_GRANT: readonly string[] = ['persistGrant', 'refreshBatch'];
/** Upper bound, in ms, on how long a batch holds a grant before the account's own workflow takes it over. */
const HANDED_ON_WITHIN_MS = 180_000;

type Dependencies = Pick<RefreshDependencies, 'store' | 'vault' | 'now'>;

/** The processes that do not encrypt with the key yet; if there are none, the number of records left to re-encrypt. */
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
  /** Number of records that no key decrypts, by the key they name. They do not require their key to be kept. */
  unreadable: Record<string, number>;
  /** Since when every process has encrypted with the key. */
  switchedAt: string;
  /** Whether the last pass found nothing to do. A key may be retired only then. */
  clean: boolean;
}

export async function verifyRotation(
  { store, vault, now }: Dependencies,
  input: VerifyRotationInput,
): Promise<RotationVerdict> {
  const { to, unreadable, switchedAt, clean } = input;
  const onRecord = await store.encryptionKeys.list();
  const others = new Set([...onRecord.map(({ id }) => id), ...vault.keyIds]);
  others.delete(to);
  // Grants before records: a grant written between the two checks is then counted by the second.
  const waitingGrants = await countWaitingGrants(switchedAt);
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

/** Counts refreshes that began before every process encrypted with the key and may hold an unstored grant. */
async function countWaitingGrants(switchedAt: string): Promise<number> {
  const client = getClient();
  const begunBy = new Date(Date.parse(switchedAt) + HANDED_ON_WITHIN_MS).toISOString();
  const query = `WorkflowType IN ("refreshAccountWorkflow", "refreshBatchWorkflow") AND ExecutionStatus = "Running" AND StartTime <= "${begunBy}"`;
  let waiting = 0;
  for await (const { workflowId, runId } of client.workflow.list({ query })) {
    const described = client.workflow.getHandle(workflowId, runId).describe();
    // The workflow may have completed since it was listed.
    const raw = await described.then(({ raw: info }) => info).catch(() => null);
    const holds = raw?.pendingActivities?.some(({ activityType }) =>
      HOLDS_GRANT.includes(activityType?.name ?? ''),
    );
    // Between two activities, the grant is in an event that the workflow has not processed yet.
    if (holds === true || (raw?.pendingWorkflowTask ?? null) !== null) waiting += 1;
  }
  return waiting;
}

function withoutNone(counts: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}
