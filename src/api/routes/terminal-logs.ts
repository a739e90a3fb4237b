import { createRoute, z } from '@hono/zod-openapi';
import { LOG_ACTIONS, LOG_SOURCES } from '../../domain/log-entry';
import type { ApiApp } from '../app';
import { requireScope } from '../authenticate';
import type { ApiDependencies } from '../dependencies';
import { ApiError, errorResponses } from '../errors';
import { decodeCursor, encodeCursor, LogEntryBody, logEntryBody } from '../schemas';

const Query = z.object({
  env: z
    .string()
    .optional()
    .openapi({ description: "The account's environment", example: 'production' }),
  limit: z.coerce.number().int().min(1).max(500).default(100),
  source: z.enum(LOG_SOURCES).optional(),
  action: z.enum(LOG_ACTIONS).optional(),
  account_id: z.string().optional(),
  before: z.string().optional().openapi({ description: 'next_cursor of the page before' }),
});

const route = createRoute({
  method: 'get',
  path: '/api/admin/{provider}/tokens/terminal-logs',
  summary: 'The token refresh terminal: every attempt, newest first, all sources',
  middleware: requireScope('read'),
  request: {
    params: z.object({
      provider: z.string().openapi({ param: { name: 'provider', in: 'path' }, example: 'ebay' }),
    }),
    query: Query,
  },
  responses: {
    200: {
      description: 'One page',
      content: {
        'application/json': {
          schema: z.object({ items: z.array(LogEntryBody), next_cursor: z.string().nullable() }),
        },
      },
    },
    ...errorResponses,
  },
});

export function registerTerminalLogs(app: ApiApp, { store, providers }: ApiDependencies): void {
  app.openapi(route, async (c) => {
    const { provider } = c.req.valid('param');
    const { env, limit, account_id, before, ...filters } = c.req.valid('query');
    if (providers.find(provider) === undefined)
      throw new ApiError('unknown_provider', `No provider "${provider}" is configured.`);
    const cursor = before === undefined ? undefined : decodeCursor(before, 2);
    const [createdAt = '', id = ''] = cursor ?? [];
    if (cursor === null || (cursor !== undefined && Number.isNaN(Date.parse(createdAt)))) {
      throw new ApiError(
        'invalid_request',
        'before: not a cursor of ours; take it from next_cursor',
      );
    }
    const entries = await store.logEntries.list({
      organisation: c.get('principal').organisation,
      provider,
      environment: env,
      accountId: account_id,
      ...filters,
      before: cursor === undefined ? undefined : { createdAt: new Date(createdAt), id },
      limit: limit + 1,
    });
    const items = entries.slice(0, limit);
    const last = items.at(-1);
    const more = entries.length > limit && last !== undefined;
    return c.json(
      {
        items: items.map(logEntryBody),
        next_cursor: more ? encodeCursor(last.created_at, last.id) : null,
      },
      200,
    );
  });
}
