/** How webhooks are delivered: when a delivery is tried again, when it is given up, and on which task queue. Pure. */

export const DELIVERY_STATES = ['pending', 'delivered', 'failed', 'skipped'] as const;
/** `skipped`: its endpoint was disabled or removed before it was delivered. */
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** Durations in milliseconds. Part of each workflow's input, so that what runs keeps the one it began with. */
export interface DeliveryPolicy {
  /** Before the second try, the third, …; after the last of them the delivery is given up. */
  pausesMs: readonly number[];
  /** Of one try, from the name's resolution to the last byte that is read. */
  timeoutMs: number;
  /** An endpoint that fails is left alone by all its deliveries: this long at first, doubling up to the longest. */
  holdFirstMs: number;
  holdMaxMs: number;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/**
 * Ten tries in three days.
 * @see [Standard Webhooks, retry schedule](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md)
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

/** Pauses are longer by up to this part of them, so that what failed together does not come again together. */
const JITTER = 0.1;

/**
 * How long to wait for the next try; `null`: that was the last one.
 * @param tries those that were made
 * @param retryAfterMs what the receiver asked for
 * @param random from 0 to 1
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

/** Whether no try follows this one. */
export function isLastTry({ pausesMs }: DeliveryPolicy, triesBefore: number): boolean {
  return triesBefore >= pausesMs.length;
}

/** How long an endpoint is left alone after so many failures in a row. */
export function holdMs(
  policy: DeliveryPolicy,
  failures: number,
  retryAfterMs: number | null,
): number {
  const doubled = policy.holdFirstMs * 2 ** Math.min(Math.max(failures - 1, 0), 30);
  return Math.max(Math.min(doubled, policy.holdMaxMs), retryAfterMs ?? 0);
}

/** Deliveries have workers of their own: receivers that hang never take a seat from a refresh. */
export function webhookTaskQueue(taskQueue: string): string {
  return `${taskQueue}-webhooks`;
}

export interface AttemptDeliveryInput {
  deliveryId: string;
  policy: DeliveryPolicy;
}

export interface AttemptDeliveryResult {
  state: DeliveryState;
  /** Until the next try; `null`: there is none. */
  pauseMs: number | null;
}
