/** Reads from Temporal which refreshes brought a new refresh token: its records outlive a restore of MongoDB. */
import type { Client } from '@temporalio/client';
import type { RotationMarks } from '../activities/restore-guard';
import type { GenerationMark } from '../domain/generation-mark';
import { ROTATED_MEMO } from '../domain/refresh-batch';
import { EvergrantAccount, EvergrantGeneration } from '../workflows/search-attributes';

/** As many as one look goes by, and it looks every few seconds; only after a restore are there more pages. */
const PAGE = 100;

/** Temporal lists what closed last first, and keeps it for as long as the namespace's retention says. */
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
