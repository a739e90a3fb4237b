/** Retry schedule, hold times and task queue of webhook deliveries. Pure. */

export const DELIVERY_STATES = ['pending', 'delivered', 'failed', 'skipped'] as const;
/** `skipped`: the endpoint was disabled or removed before delivery. */
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** Durations in milliseconds. Part of the workflow's input, so that a running delivery keeps its policy. */
export interface DeliveryPolicy {
  /** Pauses before the second attempt, the third, and so on. The delivery fails after the last one. */
  pausesMs: readonly number[];
  /** Time limit of one attempt, from name resolution to the last byte read. */
  timeoutMs: number;
  /** After a failure, all deliveries to the endpoint pause: first this long, doubling up to `holdMaxMs`. */
  holdFirstMs: number;
  holdMaxMs: number;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/**
 * Ten attempts over three days.
 * @see [Standard Webhooks, retry
 * schedule](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md)
 */
export const DELIVERY_POLICY: DeliveryPolicy = {
  pausesMs: [
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
  ],
  timeoutMs: 20 * SECOND,
  holdFirstMs: 5 * SECOND,
  holdMaxMs: 5 * MINUTE,
};

/** Largest jitter, as a part of a pause, so that deliveries that failed together are not retried together. */
const JITTER = 0.1;

/**
 * Returns the pause before the next attempt.
 * @param tries number of attempts made
 * @param retryAfterMs the receiver's `Retry-After`, in ms
 * @param random from 0 to 1
 * @returns ms; `null` if no attempt is left
 */
export function pauseBeforeTryMs(
  policy: DeliveryPolicy,
  tries: number,
  retryAfterMs: number | null,
  random: number,
): number | null {
  const pauseMs = policy.pausesMs[tries - 1];
  if (pauseMs === undefined) return null;
  return Math.round(Math.max(pauseMs, retryAfterMs ?? 0) * (1 + JITTER * random));
}

/** Whether an attempt with this many attempts before it is the last one. */
export function isLastTry({ pausesMs }: DeliveryPolicy, triesBefore: number): boolean {
  return triesBefore >= pausesMs.length;
}

/** Returns how long, in ms, deliveries to an endpoint pause after this many consecutive failures. */
export function holdMs(
  policy: DeliveryPolicy,
  failures: number,
  retryAfterMs: number | null,
): number {
  const doubled = policy.holdFirstMs * 2 ** Math.min(Math.max(failures - 1, 0), 30);
  return Math.max(Math.min(doubled, policy.holdMaxMs), retryAfterMs ?? 0);
}

/** Deliveries have their own workers, so that slow receivers never occupy a worker slot that a refresh needs. */
export function webhookTaskQueue(taskQueue: string): string {
  return `${taskQueue}-webhooks`;
}

export interface AttemptDeliveryInput {
  deliveryId: string;
  policy: DeliveryPolicy;
}

export interface AttemptDeliveryResult {
  state: DeliveryState;
  /** Pause before the next attempt. `null`: there is none. */
  pauseMs: number | null;
}
