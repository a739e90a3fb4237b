import { createRoute, z } from '@hono/zod-openapi';
import type { AuditEntry } from '../../domain/audit';
import type { ApiApp } from '../app';
import { requireScope } from '../authenticate';
import type { ApiDependencies } from '../dependencies';
import { ApiError, errorResponses } from '../errors';
import { decodeCursor, encodeCursor } from '../schemas';

const Body = z
  .object({
    sequence: z.number().int(),
    at: z.iso.datetime(),
    actor: z.string().openapi({
      description: 'The id of an API key, or jwt:<sub>; evergrant where it wrote down hand-outs',
    }),
    action: z.string().openapi({ example: 'POST /api/admin/accounts/{id}/refresh' }),
    details: z.record(z.string(), z.unknown()).openapi({
      description:
        'phase: asked (written before it was done) or answered; path; members of the body by name, and those that bear no token by value',
    }),
    hash: z.string(),
    kept_until: z.iso.datetime(),
  })
  .openapi('AuditEntry');

const route = createRoute({
  method: 'get',
  path: '/api/admin/audit',
  summary:
    'The audit of your organisation, newest first: every action, and the batches of hand-outs',
  middleware: requireScope('admin'),
  request: {
    query: z.object({
      limit: z.coerce.number().int().min(1).max(500).default(100),
      before: z.string().optional().openapi({ description: 'next_cursor of the page before' }),
    }),
  },
  responses: {
    200: {
      description: 'One page',
      content: {
        'application/json': {
          schema: z.object({ items: z.array(Body), next_cursor: z.string().nullable() }),
        },
      },
    },
    ...errorResponses,
  },
});

export function registerListAudit(app: ApiApp, { store }: ApiDependencies): void {
  app.openapi(route, async (c) => {
    const { organisation } = c.get('principal');
    const { limit, before } = c.req.valid('query');
    const entries = await store.auditEntries.newest({
      organisation,
      before: before === undefined ? undefined : placeOf(before),
      limit: limit + 1,
    });
    const page = entries.slice(0, limit);
    const last = page.at(-1);
    const more = entries.length > limit && last !== undefined;
    return c.json(
      {
        items: page.map(entryBody),
        next_cursor: more ? encodeCursor(String(last.sequence)) : null,
      },
      200,
    );
  });
}

function placeOf(cursor: string): number {
  const sequence = Number(decodeCursor(cursor, 1)?.[0]);
  if (!Number.isSafeInteger(sequence))
    throw new ApiError('invalid_request', 'before: not a cursor of ours; take it from next_cursor');
  return sequence;
}

function entryBody(entry: AuditEntry): z.infer<typeof Body> {
  const { sequence, at, actor, action, details, hash, keptUntil } = entry;
  return { sequence, at, actor, action, details, hash, kept_until: keptUntil };
}
