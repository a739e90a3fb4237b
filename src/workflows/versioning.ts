/** The behaviour of workflows on versioned workers. */
import type { WorkflowDefinitionOptions } from '@temporalio/common';
import { workflowInfo } from '@temporalio/workflow';

/**
 * For workflows that end within hours: the version that began one finishes it, with the same code. Without versions
 * there is no behaviour, because Temporal refuses it from a worker without a version.
 */
export function pinnedToItsVersion(): WorkflowDefinitionOptions {
  const isVersioned = (workflowInfo().currentDeploymentVersion?.deploymentName ?? '') !== '';
  return isVersioned ? { versioningBehavior: 'PINNED' } : {};
}
