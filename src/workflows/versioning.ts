/** The behaviour of workflows on versioned workers. */
import type { WorkflowDefinitionOptions } from '@temporalio/common';
import { workflowInfo } from '@temporalio/workflow';

/**
 * For workflows that end within hours: the version that began the workflow also finishes it. A worker without a version
 * states no behaviour, because Temporal refuses one from it.
 */
export function pinnedToItsVersion(): WorkflowDefinitionOptions {
  const isVersioned = (workflowInfo().currentDeploymentVersion?.deploymentName ?? '') !== '';
  return isVersioned ? { versioningBehavior: 'PINNED' } : {};
}
