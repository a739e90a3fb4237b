/** Waits for MongoDB in one retried activity, so that an outage of any length adds one activity to the history. */
import { proxyActivities, sleep } from '@temporalio/workflow';
import type { Activities } from '../activities';
import { retryPauseMs } from '../domain/account/due-times';

const { awaitDatabase } = proxyActivities<Activities>({
  startToCloseTimeout: '60s',
  heartbeatTimeout: '5s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '10s' },
});

/**
 * @param waiting the name of the waiting work, for people
 * @param failures consecutive failures of that work; more than one means that MongoDB accepts writes, yet the work
 * fails
 */
export async function untilDatabaseIsBack(waiting: string, failures: number): Promise<void> {
  if (failures > 1) await sleep(retryPauseMs(failures - 1));
  await awaitDatabase.executeWithOptions({ summary: `${waiting}: wait for MongoDB` }, []);
}
