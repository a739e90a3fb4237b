/** Connects a process to Temporal at start. */
import type { Connection } from '@temporalio/client';
import { unreachableText } from '../domain/text/messages';
import { type Config } from '../process/config';
import { StartError } from '../process/start-error';
import { openConnection } from './connection';
import { GrpcStatus, grpcStatus } from './grpc-status';

const TEMPORAL_ANSWERS_WITHIN_MS = 10_000;

const REFUSED: readonly number[] = [GrpcStatus.permissionDenied, GrpcStatus.unauthenticated];

/** Connects to Temporal and verifies that the namespace exists. */
export async function connectTemporal(
  temporal: NonNullable<Config['temporal']['connection']>,
  namespace: string,
): Promise<Connection> {
  const address = temporal.address ?? 'localhost:7233';
  const unreachable = new StartError(
    unreachableText(
      'Temporal',
      address,
      'TEMPORAL_ADDRESS (and TEMPORAL_TLS… if the server requires TLS)',
    ),
  );
  let connection: Connection;
  try {
    connection = await openConnection(temporal);
  } catch {
    throw unreachable;
  }
  try {
    await connection.withDeadline(Date.now() + TEMPORAL_ANSWERS_WITHIN_MS, () =>
      connection.workflowService.describeNamespace({ namespace }),
    );
    return connection;
  } catch (error) {
    await connection.close();
    const code = grpcStatus(error);
    if (code === GrpcStatus.notFound) {
      throw new StartError(
        `Temporal at ${address} has no namespace "${namespace}". Create it (temporal operator namespace create --namespace ${namespace}), or correct TEMPORAL_NAMESPACE.`,
      );
    }
    if (code !== null && REFUSED.includes(code)) {
      throw new StartError(
        `Temporal at ${address} refuses access to the namespace "${namespace}". Correct TEMPORAL_API_KEY or the TLS certificate.`,
      );
    }
    throw code === null ? error : unreachable;
  }
}
