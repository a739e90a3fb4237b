/** The queue that producer and worker share. */
import type { Setting } from '../side';

export const QUEUE = 'refresh';

export function redisConnection(setting: Setting) {
  const { hostname, port } = new URL(setting.redisUrl);
  return { host: hostname, port: Number(port), maxRetriesPerRequest: null };
}
