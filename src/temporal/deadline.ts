/** Temporal is to answer soon or be said to be away: the SDK alone would go on trying for longer than anyone waits. */
import type { Client } from '@temporalio/client';

const ANSWERS_WITHIN_MS = 10_000;

export function answering<T>(client: Client, ask: () => Promise<T>): Promise<T> {
  return client.withDeadline(Date.now() + ANSWERS_WITHIN_MS, ask);
}
