import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { ApiApp } from '../app';
import { bearerOf, forScope, hasScope } from '../authenticate';
import type { Authenticator } from '../authenticator';
import type { ApiDependencies, ApiEnv } from '../dependencies';
import { streamEntries } from '../entry-stream';
import { ApiError, errorResponses } from '../errors';
import { AnyLogFilterQuery, logFilter } from '../log-query';
import type { LogTail } from '../log-tail';
import { logEntryBody } from '../schemas';

const route = createRoute({
  method: 'get',
  path: '/api/admin/terminal-logs/stream',
  operationId: 'streamTerminalLogs',
  tags: ['Terminal'],
  summary: 'The token refresh terminal as it is written, as server-sent events',
  description:
    'The data of each event is a LogEntry. Send the id of the last event as Last-Event-ID to go on after it, with nothing lost or repeated. A comment comes every 15 s where nothing else does. The stream ends with the key or the JWT.',
  ...forScope('read'),
  request: {
    query: AnyLogFilterQuery,
    headers: z.object({
      'last-event-id': z.string().optional().openapi({
        description: 'The id of the last event that came: the stream goes on after it',
      }),
    }),
  },
  responses: {
    200: {
      description: 'Events, for as long as the connection lasts',
      content: { 'text/event-stream': { schema: z.string() } },
    },
    ...errorResponses,
  },
});

interface Dependencies extends ApiDependencies {
  authenticator: Authenticator;
  logTail: LogTail;
}

export function registerStreamTerminalLogs(app: ApiApp, deps: Dependencies) {
  return app.openapi(route, async (c) =>
    streamEntries(c, deps, {
      filter: logFilter(c.req.valid('query'), c.get('principal').organisation),
      messages: async (batch) =>
        batch.map(({ entry }) => ({ data: JSON.stringify(logEntryBody(entry)) })),
      isAllowed: () => isStillAllowed(c, deps.authenticator),
    }),
  );
}

/** Only a refusal ends the stream: where the store is away for a moment, nobody can say that the key is no more. */
async function isStillAllowed(c: Context<ApiEnv>, authenticator: Authenticator): Promise<boolean> {
  try {
    const { organisation } = c.get('principal');
    const principal = await authenticator(bearerOf(c) ?? '');
    return hasScope(principal, 'read') && principal.organisation === organisation;
  } catch (error) {
    return !(error instanceof ApiError && error.code === 'unauthenticated');
  }
}
