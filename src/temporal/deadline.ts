/** How long a call waits for Temporal, in ms. The SDK alone would retry for longer than callers wait. */
import type { Client } from '@temporalio/client';

const ANSWERS_WITHIN_MS = 10_000;

export function answering<T>(client: Client, ask: () => Promise<T>): Promise<T> {
  return client.withDeadline(Date.now() + ANSWERS_WITHIN_MS, ask);
}
