/** Replays a webhook delivery: it starts again with its first attempt, under the same `webhook-id` header. */
import { notFound, ServiceError } from '../../domain/service-error';
import type { Store } from '../../store/store';
import type { WebhookDelivery } from '../../store/webhooks/webhook-delivery-model';
import { requireValid } from '../../store/webhooks/webhook-endpoints';

/** @throws {ServiceError} `not_found`; `conflict` if its webhook is deleted or disabled */
export async function replayDelivery(
  { store, now }: { store: Pick<Store, 'webhookDeliveries' | 'webhookEndpoints'>; now: () => Date },
  organisation: string,
  id: string,
): Promise<WebhookDelivery> {
  const before = await store.webhookDeliveries.find(organisation, id);
  if (before === null) throw notFound(`delivery ${id}`);
  const endpoint = await store.webhookEndpoints.find(organisation, before.endpointId);
  if (endpoint !== null) requireValid(endpoint);
  if (endpoint?.state !== 'enabled') {
    throw new ServiceError(
      'conflict',
      endpoint === null
        ? 'The webhook of the delivery was deleted, so the delivery cannot be replayed.'
        : `The webhook of the delivery is disabled. Enable it first: POST /api/admin/webhooks/${endpoint.id}/enable.`,
    );
  }
  const delivery = await store.webhookDeliveries.replay(organisation, id, now());
  if (delivery === null) throw notFound(`delivery ${id}`);
  return delivery;
}

export interface ReplayResult {
  id: string;
  /** Why the delivery cannot be replayed; `null`: it is. */
  problem: string | null;
}

/** Replays deliveries one after the other. A refusal concerns one delivery; another failure ends the replay. */
export async function replayDeliveries(
  deps: Parameters<typeof replayDelivery>[0],
  organisation: string,
  ids: readonly string[],
): Promise<ReplayResult[]> {
  const results: ReplayResult[] = [];
  for (const id of ids) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- many at once would occupy MongoDB
      await replayDelivery(deps, organisation, id);
      results.push({ id, problem: null });
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      results.push({ id, problem: error.message });
    }
  }
  return results;
}
