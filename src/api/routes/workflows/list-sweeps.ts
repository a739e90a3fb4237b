/** `GET /api/admin/sweeps`: running sweeps first, then the newest. */
import { createRoute, z } from '@hono/zod-openapi';
import { summaryLine } from '../../../domain/refresh/sweep';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { pageCursor, pageLimit, pageOfItems } from '../../../http/paging';
import { type ListedSweep, WORKFLOW_STATUSES } from '../../../temporal/workflow-client';
import { anyOf, ofProviders } from '../../openapi/parts';

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
        deferred: count,
        validation_due: count,
        validated: count,
        invalid: count,
        failures: z
          .record(z.string(), count)
          .openapi({ description: 'The number of failures by code' }),
      })
      .nullable()
      .openapi({
        description: 'null while the sweep runs, if it has no result, and without "operator"',
      }),
    failure: z.string().nullable().openapi({ description: 'null without "operator"' }),
  })
  .openapi('Sweep', {
    example: {
      workflow_id: 'sweep/ebay-2026-11-22T18:30:00Z',
      run_id: '019aad5e-0a11-7c42-8f3d-6e5d4c3b2a10',
      provider: 'ebay',
      source: 'scheduled',
      status: 'completed',
      started_at: '2026-11-22T18:30:00.000Z',
      ended_at: '2026-11-22T18:30:07.480Z',
      duration_ms: 7480,
      result: {
        text: 'ebay: refreshed 8/10, failed 2 (2 to reconnect)',
        due: 10,
        refreshed: 8,
        failed: 2,
        needs_reconnect: 2,
        retrying: 0,
        in_flight: 0,
        skipped: 0,
        deferred: 0,
        validation_due: 0,
        validated: 0,
        invalid: 0,
        failures: { invalid_grant: 2 },
      },
      failure: null,
    },
  });

const route = createRoute({
  method: 'get',
  path: '/api/admin/sweeps',
  operationId: 'listSweeps',
  tags: ['Workflows'],
  summary: 'List the sweeps, running ones first, then the newest',
  description:
    'Sweeps serve all organisations. Only operators see the results of a sweep, which count the accounts of all organisations.',
  ...forScope('read', 'operator'),
  request: {
    query: z.object({
      provider: ofProviders,
      status: anyOf(z.enum(WORKFLOW_STATUSES), { description: 'Only these statuses' }),
      limit: pageLimit(100, 20),
      cursor: pageCursor,
    }),
  },
  responses: {
    200: pageOfItems(SweepBody),
    ...errorResponses,
  },
});

export function registerListSweeps(app: ApiApp, { workflows }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { limit, cursor, ...filters } = c.req.valid('query');
    const { items, next } = await workflows.sweeps(c.get('principal'), filters, { limit, cursor });
    return c.json({ items: items.map(sweepBody), next_cursor: next }, 200);
  });
}

function sweepBody(sweep: ListedSweep): z.infer<typeof SweepBody> {
  const { summary } = sweep;
  // A sweep that continued as new began when its first run did.
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
            deferred: summary.deferred,
            validation_due: summary.validation_due,
            validated: summary.validated,
            invalid: summary.invalid,
            failures: summary.failures,
          },
    failure: sweep.failure,
  };
}
