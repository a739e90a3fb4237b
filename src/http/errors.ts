/** The API's error shape, and the translation of every failure into it. */
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Logger } from 'pino';
import { InsufficientScope } from '../domain/access/principal';
import type { ErrorCode } from '../domain/service-error';
import { ERROR_CODES, ServiceError } from '../domain/service-error';
import { describeError } from '../services/describe-error';

export const STATUS: Record<ErrorCode, ContentfulStatusCode> = {
  invalid_request: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  unknown_provider: 404,
  conflict: 409,
  grant_refused: 422,
  no_consent_flow: 422,
  request_timeout: 408,
  payload_too_large: 413,
  unsupported_media_type: 415,
  too_many_failures: 429,
  too_many_streams: 429,
  headers_too_large: 431,
  still_running: 504,
  database_unavailable: 503,
  temporal_unavailable: 503,
  jwks_unavailable: 503,
  audit_unavailable: 503,
  internal_error: 500,
};

const ErrorBody = z
  .object({
    error: z.object({
      code: z.enum(ERROR_CODES).openapi({ example: 'not_found' }),
      message: z.string().openapi({ example: 'Your organisation has no account acc_5f…' }),
      request_id: z.string().openapi({
        description:
          'Identifies the request in the log. Also in the header X-Request-Id of the response.',
        example: '4f7f1a52-6d0b-4a55-9f63-0c4d6c1f2f10',
      }),
    }),
  })
  .openapi('Error');

const described = (description: string) => ({
  description,
  content: { 'application/json': { schema: ErrorBody } },
});

/** Responses to requests that Node refuses before any route. */
export const serverResponses = {
  408: described(
    'The request did not arrive in time. The limit is 10 s for the headers and 30 s for the body.',
  ),
  431: described('The URL and the headers are larger than 16 kB together.'),
};

/** Spread into each route without a body. */
export const errorResponses = {
  ...serverResponses,
  400: described('The request is malformed. The message names the member.'),
  401: described('The API key or JWT is missing or not accepted. The message has the reason.'),
  403: described('The key or the JWT lacks the scope.'),
  404: described('Your organisation has no such resource.'),
  409: described('The request conflicts with the current state. The message has the reason.'),
  429: described(
    'The key or JWT was refused, after too many refusals for your address. Wait as long as Retry-After says. An accepted key or JWT never gets this response.',
  ),
  500: described('Evergrant failed. The log has the cause under the request id.'),
  503: described(
    'MongoDB, Temporal or the issuer of JWTs is unreachable, or the audit cannot be written. Try again after the time in Retry-After.',
  ),
  504: described('The action is still running. Check its log entry or workflow for the result.'),
};

/** Spread into each route that accepts a grant. */
export const grantRefusedResponse = {
  422: described(
    'The provider refused the submitted grant. The account keeps its current grant. The message has the provider’s reason.',
  ),
};

/** Spread into each route that creates a link. */
export const noConsentFlowResponse = {
  422: described('The provider has no authorization endpoint, so it has no consent flow.'),
};

/** Spread into each route that streams. */
export const tooManyStreamsResponse = {
  429: described(
    'The key or JWT has 20 streams open in this process, or the organisation has 50. Close one, and wait as long as Retry-After says. Or the key or JWT was refused, after too many refusals for your address.',
  ),
};

/** Spread into each route with a body. */
export const bodyErrorResponses = {
  ...errorResponses,
  413: described('The body is too large.'),
  415: described('The body is not declared as JSON.'),
};

/** The error for a parameter or a body that its schema refuses. It names each member and its problem. */
export function invalidRequest({ issues }: Pick<z.ZodError, 'issues'>): ServiceError {
  const problems = issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`);
  return new ServiceError('invalid_request', problems.join('; '));
}

/** By then the MongoDB driver has looked for its server again. */
const RETRY_AFTER_SECONDS = 5;

/** Turns anything thrown into the error shape. Only the message of a {@link ServiceError} is passed on. */
export function errorResponse(error: unknown, c: Context, logger: Logger): Response {
  const { code, message } = apiErrorOf(error);
  if (code === 'internal_error')
    logger.error({ err: error, request_id: c.get('requestId') }, 'request failed');
  if (code === 'unauthenticated') {
    const isGiven = c.req.header('authorization') !== undefined;
    c.header('WWW-Authenticate', isGiven ? challenge('invalid_token') : challenge());
  }
  if (error instanceof InsufficientScope)
    c.header('WWW-Authenticate', `${challenge('insufficient_scope')}, scope="${error.scope}"`);
  const wait = error instanceof ServiceError ? error.retryAfterSeconds : null;
  if (wait !== null) c.header('Retry-After', String(wait));
  else if (STATUS[code] === 503) c.header('Retry-After', String(RETRY_AFTER_SECONDS));
  return c.json({ error: { code, message, request_id: c.get('requestId') } }, STATUS[code]);
}

/**
 * The `WWW-Authenticate` value; without an error code if the request had no credentials.
 * @see [RFC 6750 §3](https://www.rfc-editor.org/rfc/rfc6750#section-3)
 */
function challenge(error?: 'invalid_token' | 'insufficient_scope'): string {
  return `Bearer realm="evergrant"${error === undefined ? '' : `, error="${error}"`}`;
}

/** The error code and message for anything thrown. */
export function apiErrorOf(error: unknown): { code: ErrorCode; message: string } {
  if (error instanceof HTTPException) {
    if (error.status === 413)
      return { code: 'payload_too_large', message: 'The body is too large. Send a smaller one.' };
    if (error.status === 415) {
      return {
        code: 'unsupported_media_type',
        message: 'Send the body as JSON, with Content-Type: application/json.',
      };
    }
    return { code: 'invalid_request', message: 'The body is not valid JSON.' };
  }
  return describeError(error);
}
