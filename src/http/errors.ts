/** The one error shape of the API, and how every failure becomes it. */
import { z } from '@hono/zod-openapi';
import {
  isGrpcServiceError,
  ServiceError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Logger } from 'pino';
import { AccountExistsError } from '../store/accounts';
import { isDatabaseUnavailable } from '../store/database';

const ERROR_CODES = [
  'invalid_request',
  'unauthenticated',
  'forbidden',
  'not_found',
  'unknown_provider',
  'conflict',
  'payload_too_large',
  'unsupported_media_type',
  'too_many_failures',
  'still_running',
  'database_unavailable',
  'temporal_unavailable',
  'jwks_unavailable',
  'internal_error',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

export const STATUS: Record<ErrorCode, ContentfulStatusCode> = {
  invalid_request: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  unknown_provider: 404,
  conflict: 409,
  payload_too_large: 413,
  unsupported_media_type: 415,
  too_many_failures: 429,
  still_running: 504,
  database_unavailable: 503,
  temporal_unavailable: 503,
  jwks_unavailable: 503,
  internal_error: 500,
};

/** A failure with a sentence for the caller: what is wrong, and what to do. */
export class ApiError extends Error {
  override name = 'ApiError';
  readonly code: ErrorCode;
  readonly retryAfterSeconds: number | null;
  constructor(code: ErrorCode, message: string, retryAfterSeconds: number | null = null) {
    super(message);
    this.code = code;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

const ErrorBody = z
  .object({
    error: z.object({
      code: z.enum(ERROR_CODES).openapi({ example: 'not_found' }),
      message: z.string().openapi({ example: 'There is no account acc_5f… in your organisation.' }),
      request_id: z.string().openapi({
        description: 'What the log has it under; X-Request-Id of the answer, too',
        example: '4f7f1a52-6d0b-4a55-9f63-0c4d6c1f2f10',
      }),
    }),
  })
  .openapi('Error');

const described = (description: string) => ({
  description,
  content: { 'application/json': { schema: ErrorBody } },
});

/** Spread into each route that takes no body. */
export const errorResponses = {
  400: described('The request is malformed; the message names the member.'),
  401: described('No API key or JWT, or one that is not accepted; the message says why.'),
  403: described('The key or the JWT lacks the scope.'),
  404: described('There is no such thing in your organisation.'),
  409: described('It conflicts with what is there.'),
  429: described('Too many keys from your address were not accepted; wait as Retry-After says.'),
  500: described('Something is wrong on our side; the log has the request id.'),
  503: described('MongoDB, Temporal or the issuer of JWTs is away; try again.'),
  504: described('It goes on, but longer than a request may wait.'),
};

/** Spread into each route that takes a body. */
export const bodyErrorResponses = {
  ...errorResponses,
  413: described('The body is too large.'),
  415: described('The body is not declared as JSON.'),
};

export function notFound(what: string): ApiError {
  return new ApiError('not_found', `There is no ${what} in your organisation.`);
}

const RETRY_AFTER_SECONDS = 5;

/** Turns anything thrown into the error shape. Only an {@link ApiError} speaks for itself. */
export function errorResponse(error: unknown, c: Context, logger: Logger): Response {
  const { code, message } = apiErrorOf(error);
  if (code === 'internal_error')
    logger.error({ err: error, request_id: c.get('requestId') }, 'request failed');
  if (code === 'unauthenticated') {
    const isGiven = c.req.header('authorization') !== undefined;
    c.header('WWW-Authenticate', isGiven ? challenge('invalid_token') : challenge());
  }
  // Whoever waits this long finds a driver that has looked for its server once more.
  const wait = error instanceof ApiError ? error.retryAfterSeconds : null;
  if (wait !== null) c.header('Retry-After', String(wait));
  else if (STATUS[code] === 503) c.header('Retry-After', String(RETRY_AFTER_SECONDS));
  return c.json({ error: { code, message, request_id: c.get('requestId') } }, STATUS[code]);
}

/**
 * What `WWW-Authenticate` says; no code to who has sent nothing.
 * @see [RFC 6750 §3](https://www.rfc-editor.org/rfc/rfc6750#section-3)
 */
export function challenge(error?: 'invalid_token' | 'insufficient_scope'): string {
  return `Bearer realm="evergrant"${error === undefined ? '' : `, error="${error}"`}`;
}

/** What anything thrown says to a caller. */
export function apiErrorOf(error: unknown): { code: ErrorCode; message: string } {
  if (error instanceof ApiError) return error;
  if (error instanceof HTTPException) {
    if (error.status === 413)
      return { code: 'payload_too_large', message: 'The body is too large.' };
    if (error.status === 415) {
      return {
        code: 'unsupported_media_type',
        message: 'Send the body as JSON, with Content-Type: application/json.',
      };
    }
    return { code: 'invalid_request', message: 'The body is not valid JSON.' };
  }
  if (error instanceof AccountExistsError) {
    return {
      code: 'conflict',
      message:
        'An account with this provider, environment, external_id and kind exists already. To give it new tokens, PATCH it.',
    };
  }
  if (isDatabaseUnavailable(error)) {
    return {
      code: 'database_unavailable',
      message: 'MongoDB does not answer. Nothing was changed; try again.',
    };
  }
  if (isTemporalUnavailable(error)) {
    return { code: 'temporal_unavailable', message: 'Temporal does not answer. Try again.' };
  }
  return {
    code: 'internal_error',
    message: 'Something is wrong on our side; the log has the request id.',
  };
}

/** gRPC's words for a server that is away or asks to come back later; any other code is a fault of ours. */
const DEADLINE_EXCEEDED = 4;
const RESOURCE_EXHAUSTED = 8;
const UNAVAILABLE = 14;

function isTemporalUnavailable(error: unknown): boolean {
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return true;
  const cause = error instanceof ServiceError ? error.cause : error;
  return (
    isGrpcServiceError(cause) &&
    [DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNAVAILABLE].includes(cause.code)
  );
}
