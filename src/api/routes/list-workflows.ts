import { createRoute, z } from '@hono/zod-openapi';
import { LOG_SOURCES } from '../../domain/log-entry';
import type { ApiApp } from '../app';
import { requireScope } from '../authenticate';
import type { ApiDependencies } from '../dependencies';
import { errorResponses } from '../errors';
import { WORKFLOW_STATUSES } from '../workflow-client';

const time = z.iso.datetime();

const WorkflowBody = z
  .object({
    workflow_id: z.string().openapi({ example: 'refresh-account/acc_4b6f0c2d9e8a7b6c5d4e3f2a' }),
    run_id: z.string(),
    type: z.enum(['refresh', 'sweep', 'validation']),
    provider: z.string().nullable(),
    account_id: z.string().nullable(),
    source: z.string().nullable(),
    outcome: z.string().nullable().openapi({
      description: 'Of a refresh that has ended: refreshed, skipped, or the code of its failure',
    }),
    status: z.enum(WORKFLOW_STATUSES),
    started_at: time,
    ended_at: time.nullable(),
    duration_ms: z.number().int().nullable(),
  })
  .openapi('Workflow');

const route = createRoute({
  method: 'get',
  path: '/api/admin/workflows',
  summary:
    "The workflows of your organisation's accounts, and the sweeps; running ones first, then the newest",
  middleware: requireScope('read'),
  request: {
    query: z.object({
      provider: z.string().max(64).optional(),
      account_id: z.string().max(64).optional(),
      source: z.enum(LOG_SOURCES).optional(),
      outcome: z.string().max(64).optional().openapi({ example: 'invalid_grant' }),
      status: z.enum(WORKFLOW_STATUSES).optional(),
      limit: z.coerce.number().int().min(1).max(500).default(100),
      cursor: z.string().min(1).max(4096).optional(),
    }),
  },
  responses: {
    200: {
      description: 'One page',
      content: {
        'application/json': {
          schema: z.object({ items: z.array(WorkflowBody), next_cursor: z.string().nullable() }),
        },
      },
    },
    ...errorResponses,
  },
});

export function registerListWorkflows(app: ApiApp, { workflows }: ApiDependencies): void {
  app.openapi(route, async (c) => {
    const { limit, cursor, account_id: accountId, ...filters } = c.req.valid('query');
    const { items, next } = await workflows.list(
      c.get('principal').organisation,
      { ...filters, accountId },
      { limit, cursor },
    );
    return c.json(
      {
        items: items.map((workflow) => ({
          workflow_id: workflow.workflowId,
          run_id: workflow.runId,
          type: workflow.type,
          provider: workflow.provider,
          account_id: workflow.accountId,
          source: workflow.source,
          outcome: workflow.outcome,
          status: workflow.status,
          started_at: workflow.startedAt.toISOString(),
          ended_at: workflow.endedAt?.toISOString() ?? null,
          duration_ms:
            workflow.endedAt === null
              ? null
              : workflow.endedAt.getTime() - workflow.startedAt.getTime(),
        })),
        next_cursor: next,
      },
      200,
    );
  });
}
