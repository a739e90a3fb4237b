/** `GET /api/admin/status`: accounts by status, the next sweeps, and the running workflows. */
import { createRoute, z } from '@hono/zod-openapi';
import { hasScope } from '../../../domain/access/principal';
import { ACCOUNT_STATUSES } from '../../../domain/account/account';
import { type CircuitState } from '../../../domain/limits/app-limiter';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { accountSummary } from '../../../services/overview/account-summary';
import { appStatus } from '../../../services/overview/app-status';
import { sum } from '../../../services/overview/sum';
import { orNull } from '../../openapi/parts';
import { asOf } from './as-of';

const time = z.iso.datetime();
const count = z.number().int();
const ByStatus = z.object({
  ok: count,
  expiring_soon: count,
  expired: count,
  needs_reconnect: count,
  inactive: count,
  disabled: count,
  disconnected: count,
});

const NONE: z.infer<typeof ByStatus> = {
  ok: 0,
  expiring_soon: 0,
  expired: 0,
  needs_reconnect: 0,
  inactive: 0,
  disabled: 0,
  disconnected: 0,
};

const StatusBody = z
  .object({
    at: time,
    as_of: asOf('the accounts and their validations'),
    total: count.nullable().openapi({ description: 'null without "read"' }),
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
        note: z.string().nullable().openapi({ description: 'null without "operator"' }),
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
            description:
              'Accounts found valid within the last hour, or within twice validateEvery if that is longer',
          }),
          invalid: count.openapi({
            description: 'Accounts whose current access token was refused',
          }),
        })
        .openapi('ValidationCounts'),
    ),
    apps: z.array(
      z
        .object({
          provider: z.string(),
          environment: z.string(),
          state: z.enum(['closed', 'open']).openapi({
            description:
              'The circuit breaker of the OAuth app. closed: requests are sent. open: only probes are sent, until one succeeds.',
          }),
          cause: z.enum(['credentials', 'outage']).nullable().openapi({
            description:
              'Why the circuit is open. credentials: the provider refuses the app. outage: the provider fails for all accounts.',
          }),
          since: time.nullable(),
          reason: orNull(
            z.object({
              code: z.string(),
              message: z.string(),
              detail: z.string().nullable().openapi({
                description:
                  'The error message of the provider, masked. null until the provider has sent it for more than one account.',
              }),
            }),
          ),
          next_probe_at: time.nullable(),
          throttled_until: time.nullable(),
          used_today: count.nullable().openapi({
            description:
              'Requests of all organisations since midnight UTC. null without "operator".',
          }),
          quota: count
            .nullable()
            .openapi({ description: 'Allowed requests per day. null: no limit is set.' }),
          rate_per_second: z.number().nullable(),
          forecast_per_day: count.nullable().openapi({
            description:
              'Expected requests per day for the accounts of all organisations, if no refresh fails. null without "operator", and until a worker has counted the accounts.',
          }),
          warning: z.string().nullable().openapi({ description: 'null without "operator"' }),
        })
        .openapi('AppLimiter', {
          description:
            'One OAuth app: an environment of a provider. Without "operator", the list has only the apps that your accounts use.',
        }),
    ),
    running: z.object({
      sweeps: count.openapi({ description: 'Running sweeps, which serve all organisations' }),
      refreshes: count.openapi({ description: 'Running refreshes of your organisation' }),
      workers: count.openapi({ description: 'Workers seen in the last 90 seconds' }),
    }),
  })
  .openapi('Status', {
    example: {
      at: '2026-11-22T18:35:00.000Z',
      as_of: '2026-11-22T18:35:00.000Z',
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
      apps: [
        {
          provider: 'ebay',
          environment: 'production',
          state: 'closed',
          cause: null,
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
  summary: 'Get the counts of your accounts, the next sweeps and the running workflows',
  description:
    'Accounts are counted for a caller with "read" or "admin". With "operator" alone, the counts of accounts are 0. Only operators see counts and notes that concern all organisations.',
  ...forScope('read', 'operator'),
  responses: {
    200: { description: 'The status', content: { 'application/json': { schema: StatusBody } } },
    ...errorResponses,
  },
});

export function registerStatus(app: ApiApp, deps: ApiDependencies) {
  const { schedules, workflows, now } = deps;
  return app.openapi(route, async (c) => {
    const principal = c.get('principal');
    const { organisation } = principal;
    const [reads, operates] = [hasScope(principal, 'read'), hasScope(principal, 'operator')];
    const at = now();
    const [summary, held, running, workers, limiters] = await Promise.all([
      reads ? accountSummary(deps, organisation, at) : null,
      schedules.list(),
      workflows.running(reads ? organisation : null),
      workflows.workers(),
      appStatus(deps),
    ]);
    const { accounts: groups, validations } = summary?.counts ?? { accounts: [], validations: [] };
    const usesApp = ({ provider, environment }: { provider: string; environment: string }) =>
      groups.some((group) => group.provider === provider && group.environment === environment);
    const byStatus = { ...NONE };
    for (const status of ACCOUNT_STATUSES)
      byStatus[status] = sum(groups.map((group) => group.byStatus[status]));
    return c.json(
      {
        at: at.toISOString(),
        as_of: summary === null ? at.toISOString() : (summary.asOf?.toISOString() ?? null),
        total: reads ? sum(groups.map(({ total }) => total)) : null,
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
          note: operates ? schedule.note : null,
          every_seconds: schedule.everyMs === null ? null : schedule.everyMs / 1000,
          next_run_at: schedule.nextRunAt?.toISOString() ?? null,
          running: schedule.running.length > 0,
        })),
        validations: validations.map(({ provider, validatedRecently, invalid }) => ({
          provider,
          validated_recently: validatedRecently,
          invalid,
        })),
        apps: limiters.filter(operates ? () => true : usesApp).map((limiter) => ({
          provider: limiter.provider,
          environment: limiter.environment,
          state: limiter.state === 'closed' ? ('closed' as const) : ('open' as const),
          cause: CAUSES[limiter.state],
          since: limiter.since?.toISOString() ?? null,
          reason:
            limiter.failure === null
              ? null
              : {
                  code: limiter.failure.code,
                  message: limiter.failure.message,
                  detail: limiter.failure.detail ?? null,
                },
          next_probe_at: limiter.nextProbeAt?.toISOString() ?? null,
          throttled_until: limiter.throttledUntil?.toISOString() ?? null,
          used_today: operates ? limiter.usedToday : null,
          quota: limiter.rule.perDay,
          rate_per_second: limiter.rule.perSecond,
          forecast_per_day: operates ? limiter.forecastPerDay : null,
          warning: operates ? limiter.warning : null,
        })),
        running: { ...running, workers },
      },
      200,
    );
  });
}

const CAUSES = {
  closed: null,
  open_credentials: 'credentials',
  open_outage: 'outage',
} as const satisfies Record<CircuitState, string | null>;
