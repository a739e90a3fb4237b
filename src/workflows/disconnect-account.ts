/**
 * Disconnects one account: takes it out of service, revokes its tokens at the provider for up to a day, and then deletes
 * them. The workflow id is derived from the account, so that one disconnection runs per account.
 */
import { proxyActivities, sleep, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { Activities } from '../activities';
import type { RevocationResult } from '../domain/connect/disconnection';
import { visible } from '../domain/text/visible-text';
import { EvergrantOutcome } from './search-attributes';

// Retried without limit: each step can be repeated, and an account must not stay half disconnected.
const { beginDisconnection, revokeTokens, finishDisconnection } = proxyActivities<Activities>({
  startToCloseTimeout: '10m',
  heartbeatTimeout: '5s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
});

export interface DisconnectAccountInput {
  accountId: string;
  /** For people, in summaries. */
  label: string;
  /** The caller that requested the disconnection. */
  by: string;
}

export interface DisconnectAccountResult {
  outcome: 'disconnected' | 'deleted' | 'superseded';
  results: RevocationResult[];
}

export function disconnectAccountWorkflowId(accountId: string): string {
  return `disconnect/${accountId}`;
}

export async function disconnectAccountWorkflow({
  accountId,
  label,
  by,
}: DisconnectAccountInput): Promise<DisconnectAccountResult> {
  const input = { accountId, disconnectionId: workflowInfo().firstExecutionRunId };
  const name = visible(label);
  const hasBegun = await beginDisconnection.executeWithOptions(
    { summary: `${name}: stop refreshing` },
    [{ ...input, by }],
  );
  if (!hasBegun) return ended('deleted');
  for (;;) {
    const round = await revokeTokens.executeWithOptions({ summary: `${name}: revoke the tokens` }, [
      input,
    ]);
    if (round.kind === 'superseded') return ended('superseded');
    if (round.kind === 'wait') {
      await sleep(round.pauseMs);
      continue;
    }
    const end = await finishDisconnection.executeWithOptions(
      { summary: `${name}: delete the tokens` },
      [input],
    );
    if (end.kind === 'superseded') return ended('superseded');
    if (end.kind === 'finished') return ended('disconnected', end.results);
  }
}

function ended(
  outcome: DisconnectAccountResult['outcome'],
  results: RevocationResult[] = [],
): DisconnectAccountResult {
  upsertSearchAttributes([{ key: EvergrantOutcome, value: outcome }]);
  return { outcome, results };
}
