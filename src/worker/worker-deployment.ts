/** Worker versioning: the options of a versioned worker, and a warning while its version receives no new workflows. */
import type { Client } from '@temporalio/client';
import type { WorkerOptions } from '@temporalio/worker';
import type { Logger } from 'pino';
import type { Config } from '../process/config';
import { GrpcStatus, grpcStatus } from '../temporal/grpc-status';

type Deployment = NonNullable<Config['temporal']['deployment']>;

/**
 * Workflows that do not state a behaviour themselves move to the current version.
 * @param deployment `null`: the worker is not versioned
 */
export function deploymentOptions(
  deployment: Deployment | null,
): Pick<WorkerOptions, 'workerDeploymentOptions'> {
  if (deployment === null) return {};
  const { name: deploymentName, buildId } = deployment;
  return {
    workerDeploymentOptions: {
      version: { deploymentName, buildId },
      useWorkerVersioning: true,
      defaultVersioningBehavior: 'AUTO_UPGRADE',
    },
  };
}

/** Temporal gives new workflows only to the current version, which an operator or a controller sets. */
export async function warnUnlessCurrent({
  client,
  deployment: { name, buildId },
  logger,
}: {
  client: Client;
  deployment: Deployment;
  logger: Logger;
}): Promise<void> {
  let current: string | null;
  try {
    current = await currentBuildId(client, name);
  } catch (error) {
    // Only a hint depends on it, and the worker has begun to work.
    logger.warn({ err: error, deployment: name }, 'the current version of the workers is unknown');
    return;
  }
  if (current === buildId) return;
  logger.warn(
    { deployment: name, build_id: buildId, current_build_id: current },
    `This worker receives new workflows once its version is current: temporal worker deployment set-current-version --deployment-name ${name} --build-id ${buildId}`,
  );
}

/** `null`: no version is current, or Temporal does not know the deployment yet. */
async function currentBuildId(client: Client, deploymentName: string): Promise<string | null> {
  try {
    const { workerDeploymentInfo } = await client.workflowService.describeWorkerDeployment({
      namespace: client.options.namespace,
      deploymentName,
    });
    return workerDeploymentInfo?.routingConfig?.currentDeploymentVersion?.buildId ?? null;
  } catch (error) {
    if (grpcStatus(error) === GrpcStatus.notFound) return null;
    throw error;
  }
}
