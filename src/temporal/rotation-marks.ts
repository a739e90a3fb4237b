/** Reads from Temporal which refreshes received a new refresh token; its records survive a restore of MongoDB. */
import type { Client } from '@temporalio/client';
import type { GenerationMark } from '../domain/refresh/generation-mark';
import { ROTATED_MEMO } from '../domain/refresh/refresh-batch';
import type { RotationMarks } from '../refresh/restore-guard';
import { EvergrantAccount, EvergrantGeneration } from '../workflows/search-attributes';

/** Workflows per page. One page serves the regular check every few seconds; a restore needs more. */
const PAGE = 100;

/** Temporal lists workflows by close time, latest first, and keeps them for the namespace's retention period. */
export function rotationMarks(client: Client): RotationMarks {
  return {
    async *newest(closedBefore): AsyncIterable<readonly GenerationMark[]> {
      const before =
        closedBefore === null ? '' : ` AND CloseTime < "${closedBefore.toISOString()}"`;
      const query = `WorkflowType IN ("refreshAccountWorkflow", "refreshBatchWorkflow") AND EvergrantGeneration > 0${before}`;
      for await (const { typedSearchAttributes, memo } of client.workflow.list({
        query,
        pageSize: PAGE,
      })) {
        const accountId = typedSearchAttributes.get(EvergrantAccount);
        const generation = typedSearchAttributes.get(EvergrantGeneration);
        if (accountId !== undefined && generation !== undefined) yield [{ accountId, generation }];
        const rotated = memo?.[ROTATED_MEMO];
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the workflow's own
        if (Array.isArray(rotated)) yield (rotated as GenerationMark[]).toReversed();
      }
    },
  };
}
