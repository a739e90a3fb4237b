import { createRoute, z } from '@hono/zod-openapi';
import { type LogEntry, REFRESH_ACTIONS } from '../../domain/log-entry';
import type { ApiApp } from '../app';
import { requireScope } from '../authenticate';
import type { ApiDependencies } from '../dependencies';
import { errorResponses, notFound } from '../errors';
import { AccountParams, LogEntryBody, logEntryBody, orNull } from '../schemas';

const Body = z
  .object({
    account_id: z.string(),
    last_debug: orNull(LogEntryBody),
    last_scheduled: orNull(LogEntryBody),
    comparison: z.object({
      same_token: z
        .boolean()
        .nullable()
        .openapi({ description: 'null: one of the two has not used a token yet' }),
      message: z.string(),
    }),
  })
  .openapi('Diagnostics');

const route = createRoute({
  method: 'get',
  path: '/api/admin/accounts/{id}/diagnostics',
  summary: 'Whether the last debug and the last scheduled attempt used the same refresh token',
  middleware: requireScope('read'),
  request: { params: AccountParams },
  responses: {
    200: { description: 'Both, compared', content: { 'application/json': { schema: Body } } },
    ...errorResponses,
  },
});

export function registerAccountDiagnostics(app: ApiApp, { store }: ApiDependencies): void {
  app.openapi(route, async (c) => {
    const { organisation } = c.get('principal');
    const { id } = c.req.valid('param');
    if ((await store.accounts.find(organisation, id)) === null) throw notFound(`account ${id}`);
    const last = async (source: 'debug' | 'scheduled') =>
      (
        await store.logEntries.list({
          organisation,
          accountId: id,
          source,
          action: REFRESH_ACTIONS,
          limit: 1,
        })
      ).at(0) ?? null;
    const [debug, scheduled] = await Promise.all([last('debug'), last('scheduled')]);
    return c.json(
      {
        account_id: id,
        last_debug: debug === null ? null : logEntryBody(debug),
        last_scheduled: scheduled === null ? null : logEntryBody(scheduled),
        comparison: compare(debug, scheduled),
      },
      200,
    );
  });
}

function compare(
  debug: LogEntry | null,
  scheduled: LogEntry | null,
): z.infer<typeof Body>['comparison'] {
  const used = debug?.diagnostics?.refresh_token_fingerprint ?? null;
  const other = scheduled?.diagnostics?.refresh_token_fingerprint ?? null;
  if (used === null || other === null) {
    const missing = used === null ? 'debug' : 'scheduled';
    return {
      same_token: null,
      message: `There is no ${missing} attempt that opened a refresh token yet.`,
    };
  }
  return used === other
    ? {
        same_token: true,
        message: 'The last debug and the last scheduled attempt used the same refresh token.',
      }
    : {
        same_token: false,
        message:
          'The last debug and the last scheduled attempt used different refresh tokens: it was replaced in between.',
      };
}
