import { createRoute, z } from '@hono/zod-openapi';
import { summaryLine } from '../../domain/sweep';
import type { ApiApp } from '../app';
import { requireScope } from '../authenticate';
import type { ApiDependencies } from '../dependencies';
import { errorResponses } from '../errors';
import { type ListedSweep, WORKFLOW_STATUSES } from '../workflow-client';

const time = z.iso.datetime();
const count = z.number().int();

const SweepBody = z
  .object({
    workflow_id: z.string().openapi({ example: 'sweep/ebay-2026-11-22T18:30:00Z' }),
    run_id: z.string(),
    provider: z.string().nullable(),
    source: z.string().nullable(),
    status: z.enum(WORKFLOW_STATUSES),
    started_at: time,
    ended_at: time.nullable(),
    duration_ms: z.number().int().nullable(),
    result: z
      .object({
        text: z.string().openapi({ example: 'ebay: refreshed 8/10, failed 2 (2 to reconnect)' }),
        due: count,
        refreshed: count,
        failed: count,
        needs_reconnect: count,
        retrying: count,
        in_flight: count,
        skipped: count,
        left: count,
        validation_due: count,
        validated: count,
        invalid: count,
        failures: z.record(z.string(), count).openapi({ description: 'How many by failure code' }),
      })
      .nullable()
      .openapi({ description: 'null while it runs, and where it came to none' }),
    failure: z.string().nullable(),
  })
  .openapi('Sweep');

export type Sweep = z.infer<typeof SweepBody>;

const route = createRoute({
  method: 'get',
  path: '/api/admin/sweeps',
  summary:
    'The sweeps and what each came to, running ones first, then the newest; they serve all organisations',
  middleware: requireScope('read'),
  request: {
    query: z.object({
      provider: z.string().max(64).optional(),
      status: z.enum(WORKFLOW_STATUSES).optional(),
      limit: z.coerce.number().int().min(1).max(100).default(20),
      cursor: z.string().min(1).max(4096).optional(),
    }),
  },
  responses: {
    200: {
      description: 'One page',
      content: {
        'application/json': {
          schema: z.object({ items: z.array(SweepBody), next_cursor: z.string().nullable() }),
        },
      },
    },
    ...errorResponses,
  },
});

export function registerListSweeps(app: ApiApp, { workflows }: ApiDependencies): void {
  app.openapi(route, async (c) => {
    const { limit, cursor, ...filters } = c.req.valid('query');
    const { items, next } = await workflows.sweeps(filters, { limit, cursor });
    return c.json({ items: items.map(sweepBody), next_cursor: next }, 200);
  });
}

function sweepBody(sweep: ListedSweep): z.infer<typeof SweepBody> {
  const { summary } = sweep;
  // A sweep that went on in a new run began when its first run did.
  const startedAt = summary === null ? sweep.startedAt : new Date(summary.started_at);
  return {
    workflow_id: sweep.workflowId,
    run_id: sweep.runId,
    provider: sweep.provider,
    source: sweep.source,
    status: sweep.status,
    started_at: startedAt.toISOString(),
    ended_at: sweep.endedAt?.toISOString() ?? null,
    duration_ms: sweep.endedAt === null ? null : sweep.endedAt.getTime() - startedAt.getTime(),
    result:
      summary === null
        ? null
        : {
            text: summaryLine(summary),
            due: summary.due,
            refreshed: summary.refreshed,
            failed: summary.failed,
            needs_reconnect: summary.needs_reconnect,
            retrying: summary.retrying,
            in_flight: summary.in_flight,
            skipped: summary.skipped,
            left: summary.left,
            validation_due: summary.validation_due,
            validated: summary.validated,
            invalid: summary.invalid,
            failures: summary.failures,
          },
    failure: sweep.failure,
  };
}
