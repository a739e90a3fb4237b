import { createRoute, z } from '@hono/zod-openapi';
import type { ApiApp } from '../app';
import { forScope } from '../authenticate';
import type { ApiDependencies } from '../dependencies';
import { errorResponses } from '../errors';
import { pageLimit } from '../schemas';
import { verifyAudit, verifyKnown } from '../verify-audit';

export const AuditVerificationBody = z
  .object({
    intact: z.boolean(),
    first: z.number().int().nullable(),
    last: z.object({ sequence: z.number().int(), hash: z.string() }).nullable().openapi({
      description: 'Keep it elsewhere: `known` says later whether the end was cut off',
    }),
    entries: z.number().int(),
    handouts: z.number().int(),
    break: z
      .object({
        sequence: z.number().int(),
        kind: z.enum(['edited', 'dropped', 'reordered']),
        message: z.string(),
      })
      .nullable()
      .openapi({ description: 'The first place where it is not as it was written' }),
    next_after: z.number().int().nullable().openapi({ description: 'Where to go on' }),
  })
  .openapi('AuditVerification', {
    example: {
      intact: true,
      first: 1,
      last: { sequence: 41, hash: 'k3VhTz0cQe5m…4vCt6yHnE' },
      entries: 41,
      handouts: 1310,
      break: null,
      next_after: null,
    },
  });

const known = z
  .string()
  .regex(
    /^[1-9]\d{0,14}:[\w-]{43}$/,
    'must be <sequence>:<hash>, as an earlier verification gave it',
  )
  .transform((text) => {
    const [sequence = '', hash = ''] = text.split(':');
    return { sequence: Number(sequence), hash };
  });

const route = createRoute({
  method: 'get',
  path: '/api/admin/audit/verify',
  operationId: 'verifyAudit',
  tags: ['Audit'],
  summary: 'Whether the audit of your organisation is as it was written',
  description:
    'Names the first entry that was changed, taken out or moved, and each batch of token hand-outs of which a row was. What is past its retention may be gone.',
  ...forScope('admin'),
  request: {
    query: z.object({
      after: z.coerce.number<number>().int().min(0).default(0).openapi({
        type: 'integer',
        description: 'Begins behind this entry; next_after of the answer before',
      }),
      limit: pageLimit(5_000, 1_000),
      known: known.optional().openapi({
        type: 'string',
        description: 'An entry that you wrote down: it must still be there, as it was',
      }),
    }),
  },
  responses: {
    200: {
      description: 'What was found; a broken chain is an answer too',
      content: { 'application/json': { schema: AuditVerificationBody } },
    },
    ...errorResponses,
  },
});

export function registerVerifyAudit(app: ApiApp, deps: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { organisation } = c.get('principal');
    const { known: wanted, ...page } = c.req.valid('query');
    const { next, ...found } = await verifyAudit(deps, { organisation, ...page });
    const missed = wanted === undefined ? null : await verifyKnown(deps, organisation, wanted);
    const first = found.break ?? missed;
    return c.json({ ...found, break: first, intact: first === null, next_after: next }, 200);
  });
}
