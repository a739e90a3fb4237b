/** The error that services throw, with a code and a message for the caller. `http/errors.ts` maps it to a response. */
import { notFoundText } from './text/messages';

export const ERROR_CODES = [
  'invalid_request',
  'unauthenticated',
  'forbidden',
  'not_found',
  'unknown_provider',
  'conflict',
  'grant_refused',
  'no_consent_flow',
  'request_timeout',
  'payload_too_large',
  'unsupported_media_type',
  'too_many_failures',
  'too_many_streams',
  'headers_too_large',
  'still_running',
  'database_unavailable',
  'temporal_unavailable',
  'jwks_unavailable',
  'audit_unavailable',
  'internal_error',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** A failure whose message tells the caller what is wrong and what to do. */
export class ServiceError extends Error {
  override name = 'ServiceError';
  readonly code: ErrorCode;
  readonly retryAfterSeconds: number | null;
  constructor(code: ErrorCode, message: string, retryAfterSeconds: number | null = null) {
    super(message);
    this.code = code;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export function notFound(what: string): ServiceError {
  return new ServiceError('not_found', notFoundText(what));
}
