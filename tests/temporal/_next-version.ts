/** The workflows of a next version, whose refresh has another history: older histories do not replay on it. */
import { setWorkflowOptions, sleep } from '@temporalio/workflow';
import { refreshAccountWorkflow as refreshOfThisVersion } from '../../src/workflows/refresh-account';
import { pinnedToItsVersion } from '../../src/workflows/versioning';

export * from '../../src/workflows';

export async function refreshAccountWorkflow(
  input: Parameters<typeof refreshOfThisVersion>[0],
): ReturnType<typeof refreshOfThisVersion> {
  const timer = sleep(1);
  const outcome = await refreshOfThisVersion(input);
  await timer;
  return outcome;
}
setWorkflowOptions(pinnedToItsVersion, refreshAccountWorkflow);
