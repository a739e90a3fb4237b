/** How far the refresh of an account is that runs now, as its worker tells Temporal with its heartbeats. */
import { z } from '@hono/zod-openapi';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { ATTEMPT_STEPS, type AttemptStep } from '../domain/attempt-steps';
import { refreshAccountWorkflowId } from '../workflows/refresh-account';
import { jsonOf } from './readable-history';
import { answering } from './temporal-deadline';

export interface RefreshProgress {
  startedAt: Date;
  /** Of the attempt under way; empty where it is not captured, between two attempts, and before the first is told. */
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

/** @returns `null`: none runs */
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
