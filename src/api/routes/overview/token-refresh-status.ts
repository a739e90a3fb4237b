/** `GET /api/oauth/token-refresh/status`: counts of the `booking` and `stopsale` accounts. */
import { createRoute, z } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { accountSummary } from '../../../services/overview/account-summary';
import { sum } from '../../../services/overview/sum';

const KINDS = ['booking', 'stopsale'] as const;
const isKind = (kind: string | null) => KINDS.some((one) => one === kind);

const count = z.number().int();
const soon = count.openapi({
  description: "Accounts whose access token expires within the provider's refreshBefore",
});
const expired = count.openapi({
  description: 'Accounts whose access token has expired, including accounts that need a reconnect',
});

const StatusBody = z
  .object({
    running: z.boolean().openapi({
      description:
        'A worker is running, and each of these providers has a schedule that is not paused',
    }),
    check_interval_seconds: z.number().nullable().openapi({
      description:
        'The interval of the schedules in Temporal, the shortest if providers differ. null: an operator replaced the interval with another specification.',
    }),
    refresh_before_expiry_minutes: z.number().nullable().openapi({
      description: 'The longest if providers differ. null: no provider is configured.',
    }),
    stats: z.object({
      booking_oauth_count: count,
      stopsale_oauth_count: count,
      booking_expiring_soon: soon,
      stopsale_expiring_soon: soon,
      booking_expired: expired,
      stopsale_expired: expired,
    }),
  })
  .openapi('TokenRefreshStatus', {
    example: {
      running: true,
      check_interval_seconds: 300,
      refresh_before_expiry_minutes: 10,
      stats: {
        booking_oauth_count: 40,
        stopsale_oauth_count: 12,
        booking_expiring_soon: 1,
        stopsale_expiring_soon: 0,
        booking_expired: 0,
        stopsale_expired: 0,
      },
    },
  });

const route = createRoute({
  method: 'get',
  path: '/api/oauth/token-refresh/status',
  operationId: 'getTokenRefreshStatus',
  tags: ['Overview'],
  summary: "Get the refresh status of your organisation's booking and stopsale accounts",
  ...forScope('read'),
  responses: {
    200: {
      description: 'The status',
      headers: z.object({
        'last-modified': z.string().optional().openapi({
          description:
            'When the accounts were counted. Absent if no worker has counted them yet: the numbers then cover only some of the accounts.',
        }),
      }),
      content: { 'application/json': { schema: StatusBody } },
    },
    ...errorResponses,
  },
});

export function registerTokenRefreshStatus(app: ApiApp, deps: ApiDependencies) {
  const { schedules, workflows, providers, now } = deps;
  return app.openapi(route, async (c) => {
    const { organisation } = c.get('principal');
    const [summary, held, workers] = await Promise.all([
      accountSummary(deps, organisation, now()),
      schedules.list(),
      workflows.workers(),
    ]);
    // The members of the body are fixed, so the time of the counts is a header.
    if (summary.asOf !== null) c.header('Last-Modified', summary.asOf.toUTCString());
    const groups = summary.counts.accounts.filter(({ kind }) => isKind(kind));
    // The providers with such accounts; before the first account is connected, all providers.
    const used = new Set(groups.map(({ provider }) => provider));
    const concerned = providers.all.filter(({ id }) => used.size === 0 || used.has(id));
    const ids = new Set(concerned.map(({ id }) => id));
    const theirs = held.filter(({ provider }) => ids.has(provider));
    const intervals = theirs.map(({ everyMs }) => everyMs).filter((everyMs) => everyMs !== null);
    const of = (kind: (typeof KINDS)[number]) => {
      const own = groups.filter((group) => group.kind === kind);
      return {
        count: sum(own.map(({ total }) => total)),
        soon: sum(own.map(({ byStatus }) => byStatus.expiring_soon)),
        expired: sum(own.map(({ accessTokenEnded }) => accessTokenEnded)),
      };
    };
    const [booking, stopsale] = [of('booking'), of('stopsale')];
    return c.json(
      {
        running:
          workers > 0 &&
          theirs.length > 0 &&
          theirs.length === concerned.length &&
          theirs.every(({ paused }) => !paused),
        check_interval_seconds: intervals.length === 0 ? null : Math.min(...intervals) / 1000,
        refresh_before_expiry_minutes:
          concerned.length === 0
            ? null
            : Math.max(...concerned.map(({ policy }) => policy.refreshBeforeMs)) / 60_000,
        stats: {
          booking_oauth_count: booking.count,
          stopsale_oauth_count: stopsale.count,
          booking_expiring_soon: booking.soon,
          stopsale_expiring_soon: stopsale.soon,
          booking_expired: booking.expired,
          stopsale_expired: stopsale.expired,
        },
      },
      200,
    );
  });
}
