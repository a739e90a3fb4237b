import { createRoute, z } from '@hono/zod-openapi';
import { ACCOUNT_STATUSES } from '../../domain/account';
import { LANE_STATES } from '../../domain/lane';
import type { ApiApp } from '../app';
import { forScope } from '../authenticate';
import type { ApiDependencies } from '../dependencies';
import { errorResponses } from '../errors';
import { laneStatus } from '../lane-status';
import { orNull } from '../schemas';
import { sum } from '../sum';

const time = z.iso.datetime();
const count = z.number().int();
const ByStatus = z.object({
  ok: count,
  expiring_soon: count,
  expired: count,
  needs_reconnect: count,
  inactive: count,
  disabled: count,
});

const NONE: z.infer<typeof ByStatus> = {
  ok: 0,
  expiring_soon: 0,
  expired: 0,
  needs_reconnect: 0,
  inactive: 0,
  disabled: 0,
};

const StatusBody = z
  .object({
    at: time,
    total: count,
    by_status: ByStatus,
    accounts: z.array(
      z.object({
        provider: z.string(),
        environment: z.string(),
        kind: z.string().nullable(),
        total: count,
        by_status: ByStatus,
        quarantined: count,
      }),
    ),
    providers: z.array(
      z.object({
        provider: z.string(),
        schedule_id: z.string(),
        paused: z.boolean(),
        note: z.string().nullable(),
        every_seconds: z.number().nullable(),
        next_run_at: time.nullable(),
        running: z.boolean(),
      }),
    ),
    validations: z.array(
      z
        .object({
          provider: z.string(),
          validated_recently: count.openapi({
            description: 'Found valid within an hour, or twice validateEvery where that is longer',
          }),
          invalid: count.openapi({ description: 'Whose current access token was refused' }),
        })
        .openapi('ValidationCounts'),
    ),
    lanes: z.array(
      z
        .object({
          provider: z.string(),
          environment: z.string(),
          state: z.enum(LANE_STATES).openapi({
            description:
              'parked: the provider refuses the OAuth app; broken: it fails for all accounts. Both heal by themselves',
          }),
          since: time.nullable(),
          reason: orNull(z.object({ code: z.string(), message: z.string() })),
          next_probe_at: time.nullable(),
          throttled_until: time.nullable(),
          used_today: count.openapi({ description: 'Requests since midnight UTC' }),
          quota: count.nullable().openapi({ description: 'Requests a day; null: no limit is set' }),
          rate_per_second: z.number().nullable(),
          forecast_per_day: count.openapi({
            description: 'What the accounts of all organisations come to, if all goes well',
          }),
          warning: z.string().nullable(),
        })
        .openapi('Lane', { description: 'One OAuth app: an environment of a provider' }),
    ),
    running: z.object({
      sweeps: count.openapi({ description: 'Of all organisations' }),
      refreshes: count.openapi({ description: 'Of your organisation' }),
      workers: count.openapi({ description: 'Seen in the last 90 seconds' }),
    }),
  })
  .openapi('Status', {
    example: {
      at: '2026-11-22T18:35:00.000Z',
      total: 10,
      by_status: { ...NONE, ok: 8, needs_reconnect: 2 },
      accounts: [
        {
          provider: 'ebay',
          environment: 'production',
          kind: null,
          total: 10,
          by_status: { ...NONE, ok: 8, needs_reconnect: 2 },
          quarantined: 0,
        },
      ],
      providers: [
        {
          provider: 'ebay',
          schedule_id: 'sweep/ebay',
          paused: false,
          note: null,
          every_seconds: 600,
          next_run_at: '2026-11-22T18:40:00.000Z',
          running: false,
        },
      ],
      validations: [{ provider: 'ebay', validated_recently: 8, invalid: 0 }],
      lanes: [
        {
          provider: 'ebay',
          environment: 'production',
          state: 'open',
          since: null,
          reason: null,
          next_probe_at: null,
          throttled_until: null,
          used_today: 412,
          quota: 50_000,
          rate_per_second: null,
          forecast_per_day: 160,
          warning: null,
        },
      ],
      running: { sweeps: 0, refreshes: 0, workers: 1 },
    },
  });

export type Status = z.infer<typeof StatusBody>;

const route = createRoute({
  method: 'get',
  path: '/api/admin/status',
  operationId: 'getStatus',
  tags: ['Overview'],
  summary: 'How your accounts are, when the sweeps run next, and what is running',
  ...forScope('read'),
  responses: {
    200: { description: 'At a glance', content: { 'application/json': { schema: StatusBody } } },
    ...errorResponses,
  },
});

export function registerStatus(app: ApiApp, deps: ApiDependencies) {
  const { schedules, workflows, store, providers, now } = deps;
  return app.openapi(route, async (c) => {
    const { organisation } = c.get('principal');
    const at = now();
    const since = providers.all.map(
      ({ id, policy }) => [id, recentlySince(policy.validateEveryMs, at)] as const,
    );
    const [groups, held, running, workers, validations, lanes] = await Promise.all([
      store.accounts.count({ organisation, now: at }),
      schedules.list(),
      workflows.running(organisation),
      workflows.workers(),
      store.validations.count(organisation, new Map(since)),
      laneStatus(deps),
    ]);
    const byStatus = { ...NONE };
    for (const status of ACCOUNT_STATUSES)
      byStatus[status] = sum(groups.map((group) => group.byStatus[status]));
    return c.json(
      {
        at: at.toISOString(),
        total: sum(groups.map(({ total }) => total)),
        by_status: byStatus,
        accounts: groups.map(
          ({ provider, environment, kind, total, byStatus: by_status, quarantined }) => ({
            provider,
            environment,
            kind,
            total,
            by_status,
            quarantined,
          }),
        ),
        providers: held.map((schedule) => ({
          provider: schedule.provider,
          schedule_id: schedule.id,
          paused: schedule.paused,
          note: schedule.note,
          every_seconds: schedule.everyMs === null ? null : schedule.everyMs / 1000,
          next_run_at: schedule.nextRunAt?.toISOString() ?? null,
          running: schedule.running.length > 0,
        })),
        validations: validations.map(({ provider, validatedRecently, invalid }) => ({
          provider,
          validated_recently: validatedRecently,
          invalid,
        })),
        lanes: lanes.map((lane) => ({
          provider: lane.provider,
          environment: lane.environment,
          state: lane.state,
          since: lane.since?.toISOString() ?? null,
          reason:
            lane.failure === null
              ? null
              : { code: lane.failure.code, message: lane.failure.message },
          next_probe_at: lane.nextProbeAt?.toISOString() ?? null,
          throttled_until: lane.throttledUntil?.toISOString() ?? null,
          used_today: lane.usedToday,
          quota: lane.rule.perDay,
          rate_per_second: lane.rule.perSecond,
          forecast_per_day: lane.forecastPerDay,
          warning: lane.warning,
        })),
        running: { ...running, workers },
      },
      200,
    );
  });
}

const HOUR_MS = 3_600_000;

function recentlySince(validateEveryMs: number | null, now: Date): Date {
  return new Date(now.getTime() - Math.max(HOUR_MS, 2 * (validateEveryMs ?? 0)));
}
