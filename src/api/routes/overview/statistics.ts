/** `GET /api/admin/statistics`: when the organisation's tokens expire, and how the attempts of the last day ended. */
import { createRoute, z } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import type { StatisticsReader } from '../../../services/overview/statistics';
import { asOf } from './as-of';

const time = z.iso.datetime();
const count = z.number().int();
const piece = { from: time, to: time };

const EndingBody = z.object({ ...piece, count }).openapi('TokensEnding');

const percentile = count.nullable().openapi({
  description:
    'Response time of the provider in ms, accurate to about 10 %. null: the provider sent no response.',
});

const StatisticsBody = z
  .object({
    at: time,
    accounts_as_of: asOf("the organisation's accounts"),
    attempts_as_of: asOf("the organisation's log entries of the last 24 hours"),
    access_tokens_ending: z.array(EndingBody).openapi({
      description:
        'Access tokens that expire in the next 24 hours, by hour. The first piece is the rest of the current hour.',
    }),
    refresh_tokens_ending: z.array(EndingBody).openapi({
      description:
        'Refresh tokens that expire in the next 12 months, by month (UTC). The first piece is the rest of the current month.',
    }),
    attempts: z
      .array(
        z.object({
          ...piece,
          refreshed: count,
          failed: count,
          p50_ms: percentile,
          p95_ms: percentile,
        }),
      )
      .openapi({
        description: 'Attempts of the last 24 hours, by hour. The last piece is the current hour.',
      }),
  })
  .openapi('Statistics', {
    example: {
      at: '2026-11-22T18:35:00.000Z',
      accounts_as_of: '2026-11-22T18:35:00.000Z',
      attempts_as_of: '2026-11-22T18:35:00.000Z',
      access_tokens_ending: [
        { from: '2026-11-22T18:35:00.000Z', to: '2026-11-22T19:00:00.000Z', count: 3 },
      ],
      refresh_tokens_ending: [
        { from: '2026-11-22T18:35:00.000Z', to: '2026-12-01T00:00:00.000Z', count: 0 },
      ],
      attempts: [
        {
          from: '2026-11-22T18:00:00.000Z',
          to: '2026-11-22T19:00:00.000Z',
          refreshed: 8,
          failed: 2,
          p50_ms: 410,
          p95_ms: 690,
        },
      ],
    },
  });

const route = createRoute({
  method: 'get',
  path: '/api/admin/statistics',
  operationId: 'getStatistics',
  tags: ['Overview'],
  summary:
    'Get when tokens of your organisation expire, and how the attempts of the last day ended',
  description:
    'Disabled accounts are not counted. The result may be 5 seconds old, or older if counting takes long.',
  ...forScope('read'),
  responses: {
    200: {
      description: 'The statistics',
      content: { 'application/json': { schema: StatisticsBody } },
    },
    ...errorResponses,
  },
});

export function registerStatistics(app: ApiApp, read: StatisticsReader) {
  return app.openapi(route, async (c) => {
    const statistics = await read(c.get('principal').organisation);
    const ending = (pieces: typeof statistics.accessTokensEnding) =>
      pieces.map(({ from, to, count: ends }) => ({
        from: from.toISOString(),
        to: to.toISOString(),
        count: ends,
      }));
    return c.json(
      {
        at: statistics.at.toISOString(),
        accounts_as_of: statistics.accountsAsOf?.toISOString() ?? null,
        attempts_as_of: statistics.attemptsAsOf?.toISOString() ?? null,
        access_tokens_ending: ending(statistics.accessTokensEnding),
        refresh_tokens_ending: ending(statistics.refreshTokensEnding),
        attempts: statistics.attempts.map(({ from, to, refreshed, failed, p50Ms, p95Ms }) => ({
          from: from.toISOString(),
          to: to.toISOString(),
          refreshed,
          failed,
          p50_ms: p50Ms,
          p95_ms: p95Ms,
        })),
      },
      200,
    );
  });
}
