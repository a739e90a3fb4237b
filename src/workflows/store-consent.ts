/** Stores a consent that MongoDB could not take when the person gave it. It runs until MongoDB accepts it. */
import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities';
import type { ConsentRecord } from '../domain/connect/consent-record';

// Retried without limit: the grant is stored nowhere else.
const { storeConsent } = proxyActivities<Activities>({
  startToCloseTimeout: '30s',
  heartbeatTimeout: '5s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '5s' },
});

export async function storeConsentWorkflow(
  record: ConsentRecord,
): Promise<{ failure: string | null }> {
  return storeConsent(record);
}
