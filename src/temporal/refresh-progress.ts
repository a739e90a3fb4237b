/** The progress of an account's running refresh, from the heartbeats that its worker sends to Temporal. */
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { z } from 'zod';
import { ATTEMPT_STEPS, type AttemptStep } from '../domain/refresh/attempt-steps';
import { refreshAccountWorkflowId } from '../workflows/refresh-account';
import { answering } from './deadline';
import { jsonOf } from './readable-history';

export interface RefreshProgress {
  startedAt: Date;
  /** The running attempt's steps; empty if not captured, between two attempts, and before the first heartbeat. */
  steps: AttemptStep[];
}

const Told = z.object({
  steps: z.array(
    z.object({
      step: z.enum(ATTEMPT_STEPS),
      at: z.iso.datetime(),
      duration_ms: z.number().nullable(),
    }),
  ),
});

/** @returns `null` if no refresh is running */
export function refreshProgress(
  client: Client,
  accountId: string,
): Promise<RefreshProgress | null> {
  return answering(client, async () => {
    try {
      const handle = client.workflow.getHandle(refreshAccountWorkflowId(accountId));
      const { status, startTime: startedAt, raw } = await handle.describe();
      if (status.name !== 'RUNNING') return null;
      const [pending] = raw.pendingActivities ?? [];
      const told = Told.safeParse(jsonOf(pending?.heartbeatDetails?.payloads?.[0]));
      return { startedAt, steps: told.data?.steps ?? [] };
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return null;
      throw error;
    }
  });
}
