/** `GET /api/admin/workflows/{workflow_id}/history`: the events of a workflow as sentences, oldest first. */
import { createRoute, z } from '@hono/zod-openapi';
import { decodeCursor, encodeCursor } from '../../../domain/cursor';
import { ServiceError } from '../../../domain/service-error';
import { invalidCursor } from '../../../domain/text/messages';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { pageCursor, pageLimit } from '../../../http/paging';
import { WORKFLOW_STATUSES, WORKFLOW_TYPES } from '../../../temporal/workflow-client';

const time = z.iso.datetime();

const EventBody = z
  .object({
    id: z.number().int(),
    at: time,
    what: z.string().openapi({ example: 'Harbour Books: refresh (scheduled)' }),
    type: z.string().openapi({ example: 'ActivityTaskScheduled' }),
    activity: z.string().nullable().openapi({ example: 'refreshGrant' }),
    attempt: z.number().int().nullable(),
    failure: z.string().nullable(),
    next_retry_at: time.nullable(),
  })
  .openapi('WorkflowEvent', {
    example: {
      id: 5,
      at: '2026-11-22T18:30:04.655Z',
      what: 'Harbour Books: refresh (scheduled)',
      type: 'ActivityTaskScheduled',
      activity: 'refreshGrant',
      attempt: 1,
      failure: null,
      next_retry_at: null,
    },
  });

const HistoryBody = z
  .object({
    workflow_id: z.string().openapi({ example: 'refresh-account/acc_4b6f0c2d9e8a7b6c5d4e3f2a' }),
    run_id: z.string().openapi({ example: '019aad5e-1f0c-7a53-9d6e-2b1c5f0e8a47' }),
    type: z.enum(WORKFLOW_TYPES).openapi({ example: 'refresh' }),
    status: z.enum(WORKFLOW_STATUSES).openapi({ example: 'completed' }),
    temporal_ui_url: z.url().nullable().openapi({
      description: "The run in Temporal's web UI. null: the address of the UI is not configured.",
    }),
    items: z.array(EventBody),
    pending: z
      .array(
        z.object({
          activity: z.string(),
          attempt: z.number().int(),
          failure: z.string().nullable(),
          next_retry_at: time.nullable(),
        }),
      )
      .openapi({
        description: 'The activities that Temporal is running or retrying now',
        example: [],
      }),
    next_cursor: z.string().nullable(),
  })
  .openapi('WorkflowHistory');

const route = createRoute({
  method: 'get',
  path: '/api/admin/workflows/{workflow_id}/history',
  operationId: 'getWorkflowHistory',
  tags: ['Workflows'],
  summary: 'List the events of a workflow as sentences, oldest first',
  description:
    'An operator sees all events of a sweep, except the accounts of other organisations. Without "operator", a caller sees the start and the end of a sweep, and the refreshes of accounts of its organisation. Only operators see a batch.',
  ...forScope('read', 'operator'),
  request: {
    params: z.object({
      workflow_id: z.string().openapi({
        param: { name: 'workflow_id', in: 'path' },
        description: 'Percent-encode the id: its slash becomes %2F',
        example: 'refresh-account/acc_4b6f0c2d9e8a7b6c5d4e3f2a',
      }),
    }),
    query: z.object({
      run_id: z.uuid().optional().openapi({ description: 'Default: the newest run' }),
      limit: pageLimit(1000, 200),
      cursor: pageCursor,
    }),
  },
  responses: {
    200: {
      description: 'One page',
      content: { 'application/json': { schema: HistoryBody } },
    },
    ...errorResponses,
  },
});

export function registerWorkflowHistory(app: ApiApp, { workflows }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { workflow_id } = c.req.valid('param');
    const { run_id, limit, cursor } = c.req.valid('query');
    // The cursor names the run, so that all pages are of the same run even if a new one has started.
    const [runId = run_id, lastId = '0'] = cursorParts(cursor);
    const history = await workflows.history(c.get('principal'), workflow_id, runId);
    const after = history.events.filter(({ id }) => id > Number(lastId));
    const events = after.slice(0, limit);
    const last = events.at(-1);
    return c.json(
      {
        workflow_id: history.workflowId,
        run_id: history.runId,
        type: history.type,
        status: history.status,
        temporal_ui_url: history.uiUrl,
        items: events.map(({ nextRetryAt, at, ...event }) => ({
          ...event,
          at: at.toISOString(),
          next_retry_at: nextRetryAt?.toISOString() ?? null,
        })),
        pending: history.pending.map(({ nextRetryAt, ...activity }) => ({
          ...activity,
          next_retry_at: nextRetryAt?.toISOString() ?? null,
        })),
        next_cursor:
          after.length > events.length && last !== undefined
            ? encodeCursor(history.runId, String(last.id))
            : null,
      },
      200,
    );
  });
}

const CursorParts = z.tuple([z.uuid(), z.string().regex(/^\d{1,9}$/)]);

function cursorParts(cursor: string | undefined): [string?, string?] {
  if (cursor === undefined) return [];
  const parts = CursorParts.safeParse(decodeCursor(cursor, 2));
  if (parts.success) return parts.data;
  throw new ServiceError('invalid_request', invalidCursor('cursor'));
}
