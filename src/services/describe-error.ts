/** Describes errors for callers and for log entries. */
import { WorkflowUpdateRPCTimeoutOrCancelledError } from '@temporalio/client';
import { type ErrorCode, ServiceError } from '../domain/service-error';
import { AccountExistsError, RefreshTokenHeldError } from '../store/accounts/accounts';
import { InvalidRowError } from '../store/encryption/row-integrity';
import { isDatabaseUnavailable } from '../store/mongo/unavailability';
import { GrpcStatus, grpcStatus } from '../temporal/grpc-status';

/** Statuses of a server that is unreachable or overloaded. Any other status is Evergrant's own fault. */
const UNAVAILABLE: readonly (number | null)[] = [
  GrpcStatus.deadlineExceeded,
  GrpcStatus.resourceExhausted,
  GrpcStatus.unavailable,
];

function isTemporalUnavailable(error: unknown): boolean {
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return true;
  return UNAVAILABLE.includes(grpcStatus(error));
}

/** The error code and message for anything thrown; `internal_error` for Evergrant's own faults. */
export function describeError(error: unknown): { code: ErrorCode; message: string } {
  if (error instanceof ServiceError) return error;
  if (error instanceof AccountExistsError) {
    return {
      code: 'conflict',
      message:
        'An account with this provider, environment, external_id and kind already exists. To replace its tokens, PATCH it.',
    };
  }
  if (error instanceof RefreshTokenHeldError) {
    return {
      code: 'conflict',
      message:
        'refresh_token: another request stored the same token for another account of your organisation. Connect this account with a separate grant.',
    };
  }
  if (error instanceof InvalidRowError) return { code: 'conflict', message: error.message };
  if (isDatabaseUnavailable(error)) {
    return {
      code: 'database_unavailable',
      message:
        'MongoDB is unreachable or has no primary. Try again. The change in your request may have been made or not.',
    };
  }
  if (isTemporalUnavailable(error)) {
    return { code: 'temporal_unavailable', message: 'Temporal is unreachable. Try again.' };
  }
  return {
    code: 'internal_error',
    message: 'Evergrant failed. Search its log for the request id of this response.',
  };
}
