/** Whether a process can do its work: MongoDB and Temporal answer it. */
import type { Store } from '../store/store';

type Reachability = 'ok' | 'unreachable';

export interface Readiness {
  status: 'ready' | 'not_ready';
  mongodb: Reachability;
  temporal: Reachability;
}

export async function readiness(
  store: Pick<Store, 'ping'>,
  pingTemporal: () => Promise<void>,
): Promise<Readiness> {
  const [mongodb, temporal] = await Promise.all([answers(store.ping()), answers(pingTemporal())]);
  const isReady = mongodb === 'ok' && temporal === 'ok';
  return { status: isReady ? 'ready' : 'not_ready', mongodb, temporal };
}

function answers(ping: Promise<void>): Promise<Reachability> {
  return ping.then(
    () => 'ok' as const,
    () => 'unreachable' as const,
  );
}
