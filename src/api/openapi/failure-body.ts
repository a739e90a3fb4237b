/** A failed refresh or validation in API responses. */
import { z } from '@hono/zod-openapi';
import { FailureClass, type RefreshFailure } from '../../domain/refresh/refresh-failure';

export const FailureBody = z
  .object({
    class: z.enum(FailureClass),
    code: z.string().openapi({ example: 'invalid_grant' }),
    message: z.string(),
    status: z.number().int().optional(),
    detail: z.string().optional(),
    retry_after_ms: z.number().int().optional(),
  })
  .openapi('Failure');

export function failureBody({
  class: failureClass,
  code,
  message,
  status,
  detail,
  retryAfterMs,
}: RefreshFailure): z.infer<typeof FailureBody> {
  return {
    class: failureClass,
    code,
    message,
    ...(status === undefined ? {} : { status }),
    ...(detail === undefined ? {} : { detail }),
    ...(retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs }),
  };
}
