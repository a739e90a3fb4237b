/** The links that webhooks carry. A link is made for one attempt of a delivery, and is never stored with the event. */
import { LINK_LIFE_MS } from '../../domain/connect/connect-session';
import { ServiceError } from '../../domain/service-error';
import type { DeliveryLinks } from '../../webhooks/attempt-delivery';
import { type CreateSessionDependencies, createReconnectSession } from './create-session';

export function webhookLinks(deps: CreateSessionDependencies, publicUrl: URL): DeliveryLinks {
  return {
    async create({ organisation, id }, accountId) {
      try {
        const { session, token } = await createReconnectSession(
          deps,
          { organisation, accountId, createdBy: id },
          { expires_in: LINK_LIFE_MS.max / 1000 },
        );
        const url = new URL(`/connect/${token}`, publicUrl.origin).href;
        return { sessionId: session.id, url, expiresAt: session.expiresAt };
      } catch (error) {
        // No link can reconnect the account, or it was removed.
        if (error instanceof ServiceError) return null;
        throw error;
      }
    },
    async revoke({ organisation }, sessionId) {
      await deps.store.connectSessions.revoke(organisation, sessionId, deps.now());
    },
  };
}
