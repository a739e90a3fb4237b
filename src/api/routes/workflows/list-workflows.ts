/** `GET /api/admin/workflows`: the workflows of the organisation's accounts, and the sweeps. */
import { createRoute, z } from '@hono/zod-openapi';
import { LOG_SOURCES } from '../../../domain/logs/log-entry';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { pageCursor, pageLimit, pageOfItems } from '../../../http/paging';
import { workflowAttempts } from '../../../services/overview/workflow-attempts';
import { WORKFLOW_STATUSES, WORKFLOW_TYPES } from '../../../temporal/workflow-client';
import { anyOf, ofProviders } from '../../openapi/parts';

const time = z.iso.datetime();

const WorkflowBody = z
  .object({
    workflow_id: z.string().openapi({ example: 'refresh-account/acc_4b6f0c2d9e8a7b6c5d4e3f2a' }),
    run_id: z.string(),
    type: z.enum(WORKFLOW_TYPES),
    provider: z.string().nullable(),
    account_id: z.string().nullable(),
    source: z.string().nullable(),
    outcome: z.string().nullable().openapi({
      description:
        'The outcome of a finished refresh: refreshed, skipped, or the code of its failure',
    }),
    status: z.enum(WORKFLOW_STATUSES),
    started_at: time,
    ended_at: time.nullable(),
    duration_ms: z.number().int().nullable(),
    attempts: z.number().int().nullable().openapi({
      description:
        'The number of logged attempts of a refresh. null: the workflow is a sweep or a batch.',
    }),
  })
  .openapi('Workflow', {
    example: {
      workflow_id: 'refresh-account/acc_4b6f0c2d9e8a7b6c5d4e3f2a',
      run_id: '019aad5e-1f0c-7a53-9d6e-2b1c5f0e8a47',
      type: 'refresh',
      provider: 'ebay',
      account_id: 'acc_4b6f0c2d9e8a7b6c5d4e3f2a',
      source: 'scheduled',
      outcome: 'refreshed',
      status: 'completed',
      started_at: '2026-11-22T18:30:04.610Z',
      ended_at: '2026-11-22T18:30:05.130Z',
      duration_ms: 520,
      attempts: 1,
    },
  });

const route = createRoute({
  method: 'get',
  path: '/api/admin/workflows',
  operationId: 'listWorkflows',
  tags: ['Workflows'],
  summary:
    "List the workflows of your organisation's accounts and the sweeps, running ones first, then the newest",
  description: 'Without "read", an operator sees only sweeps and batches.',
  ...forScope('read', 'operator'),
  request: {
    query: z.object({
      type: anyOf(z.enum(WORKFLOW_TYPES), {
        description:
          'Only these types. Sweeps and batches belong to no account. Batches are listed only for operators, and only if batch is among the types',
      }),
      provider: ofProviders,
      account_id: z.string().max(64).optional().openapi({ description: 'Only this account' }),
      source: anyOf(z.enum(LOG_SOURCES), { description: 'Only workflows with these sources' }),
      outcome: anyOf(z.string().max(64), {
        description: 'Only these outcomes: refreshed, skipped, or the code of a failure',
        example: 'invalid_grant',
      }),
      status: anyOf(z.enum(WORKFLOW_STATUSES), { description: 'Only these statuses' }),
      limit: pageLimit(500, 100),
      cursor: pageCursor,
    }),
  },
  responses: {
    200: pageOfItems(WorkflowBody),
    ...errorResponses,
  },
});

export function registerListWorkflows(app: ApiApp, { workflows, store }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { limit, cursor, account_id: accountId, ...filters } = c.req.valid('query');
    const { organisation } = c.get('principal');
    const { items, next } = await workflows.list(
      c.get('principal'),
      { ...filters, accountId },
      { limit, cursor },
    );
    const attempts = await workflowAttempts(store, organisation, items);
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
          attempts: attempts(workflow),
        })),
        next_cursor: next,
      },
      200,
    );
  });
}
