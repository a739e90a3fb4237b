/** The gRPC status of an error from Temporal's client, which wraps some errors. */
import { isGrpcServiceError, ServiceError } from '@temporalio/client';

/** @see [Status codes](https://grpc.io/docs/guides/status-codes/) */
export const GrpcStatus = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** `null` if the error is not a gRPC error. */
export function grpcStatus(error: unknown): number | null {
  const cause = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(cause) ? cause.code : null;
}
