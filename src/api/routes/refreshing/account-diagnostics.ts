/** `GET /api/admin/accounts/{id}/diagnostics`: compares the tokens of the last debug and the last scheduled attempt. */
import { createRoute, z } from '@hono/zod-openapi';
import { notFound } from '../../../domain/service-error';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { diagnose } from '../../../services/logs/diagnostics';
import { orNull } from '../../openapi/parts';
import { AccountParams } from '../accounts/account-body';
import { LogEntryBody, logEntryBody } from '../terminal/log-entry-body';

const Body = z
  .object({
    account_id: z.string().openapi({ example: 'acc_4b6f0c2d9e8a7b6c5d4e3f2a' }),
    last_debug: orNull(LogEntryBody).openapi({ example: null }),
    last_scheduled: orNull(LogEntryBody),
    comparison: z.object({
      same_token: z.boolean().nullable().openapi({
        description: 'null: one of the two attempts has not used a token yet',
        example: null,
      }),
      message: z.string().openapi({
        example: 'There is no debug attempt that opened a refresh token yet.',
      }),
    }),
  })
  .openapi('Diagnostics');

const route = createRoute({
  method: 'get',
  path: '/api/admin/accounts/{id}/diagnostics',
  operationId: 'getAccountDiagnostics',
  tags: ['Refreshing'],
  summary: 'Compare the refresh tokens of the last debug attempt and the last scheduled attempt',
  ...forScope('read'),
  request: { params: AccountParams },
  responses: {
    200: {
      description: 'Both attempts, and the comparison',
      content: { 'application/json': { schema: Body } },
    },
    ...errorResponses,
  },
});

export function registerAccountDiagnostics(app: ApiApp, { store }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { organisation } = c.get('principal');
    const { id } = c.req.valid('param');
    if ((await store.accounts.find(organisation, id)) === null) throw notFound(`account ${id}`);
    const { lastDebug, lastScheduled, comparison } = await diagnose(store, organisation, id);
    return c.json(
      {
        account_id: id,
        last_debug: lastDebug === null ? null : logEntryBody(lastDebug),
        last_scheduled: lastScheduled === null ? null : logEntryBody(lastScheduled),
        comparison: { same_token: comparison.sameToken, message: comparison.message },
      },
      200,
    );
  });
}
