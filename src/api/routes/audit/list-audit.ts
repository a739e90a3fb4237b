/** `GET /api/admin/audit`: the organisation's audit entries, newest first. */
import { createRoute, z } from '@hono/zod-openapi';
import type { AuditEntry } from '../../../domain/audit/audit';
import { decodeCursor, encodeCursor } from '../../../domain/cursor';
import { ServiceError } from '../../../domain/service-error';
import { invalidCursor } from '../../../domain/text/messages';
import { auditChain, chainQuery } from '../../../http/audit-chain';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { pageCursor, pageLimit, pageOf, pageOfItems } from '../../../http/paging';

const Body = z
  .object({
    sequence: z.number().int(),
    at: z.iso.datetime(),
    actor: z.string().openapi({
      description:
        'The id of an API key, or jwt:<sub>. For an action of an operator, details.organisation is the organisation of the operator.',
    }),
    action: z.string().openapi({ example: 'POST /api/admin/accounts/{id}/refresh' }),
    details: z.record(z.string(), z.unknown()).openapi({
      description:
        'phase: "asked" (written before the action) or "answered" (written after it). A list of links also has "completed", with the numbers of accounts and links. path: the path of the request. members: the names of the members of the body. Members that cannot contain a token also have their values.',
    }),
    hash: z.string(),
    kept_until: z.iso.datetime(),
  })
  .openapi('AuditEntry', {
    example: {
      sequence: 41,
      at: '2026-11-22T18:30:04.690Z',
      actor: '5f0c9a1be2d34786',
      action: 'POST /api/admin/accounts/{id}/refresh',
      details: {
        phase: 'asked',
        path: '/api/admin/accounts/acc_4b6f0c2d9e8a7b6c5d4e3f2a/refresh',
        body: { force: true },
      },
      hash: 'k3VhTz0cQe5m…4vCt6yHnE',
      kept_until: '2027-12-27T18:30:04.690Z',
    },
  });

const route = createRoute({
  method: 'get',
  path: '/api/admin/audit',
  operationId: 'listAudit',
  tags: ['Audit'],
  summary: 'List the audited actions in your organisation, newest first',
  description: 'With chain=operator, an operator lists the actions that concern no organisation.',
  ...forScope('admin', 'operator'),
  request: {
    query: z.object({
      chain: chainQuery,
      limit: pageLimit(500, 100),
      before: pageCursor,
    }),
  },
  responses: {
    200: pageOfItems(Body),
    ...errorResponses,
  },
});

export function registerListAudit(app: ApiApp, { store }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { chain, limit, before } = c.req.valid('query');
    const organisation = auditChain(c.get('principal'), chain);
    const entries = await store.auditEntries.newest({
      organisation,
      before: before === undefined ? undefined : placeOf(before),
      limit: limit + 1,
    });
    const page = pageOf(entries, limit, entryBody, ({ sequence }) =>
      encodeCursor(String(sequence)),
    );
    return c.json(page, 200);
  });
}

function placeOf(cursor: string): number {
  const sequence = Number(decodeCursor(cursor, 1)?.[0]);
  if (!Number.isSafeInteger(sequence))
    throw new ServiceError('invalid_request', invalidCursor('before'));
  return sequence;
}

function entryBody(entry: AuditEntry): z.infer<typeof Body> {
  const { sequence, at, actor, action, details, hash, keptUntil } = entry;
  return { sequence, at, actor, action, details, hash, kept_until: keptUntil };
}
