/** `GET /api/admin/terminal-logs/stream`: new log entries as server-sent events. */
import { createRoute, z } from '@hono/zod-openapi';
import { visible } from '../../../domain/text/visible-text';
import { forScope, isStillAllowed } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import { streamEntries } from '../../../http/entry-stream';
import type { ApiApp } from '../../../http/env';
import { errorResponses, tooManyStreamsResponse } from '../../../http/errors';
import type { OpenStreams } from '../../../http/open-streams';
import type { Authenticator } from '../../../services/access/authenticator';
import type { LogTail } from '../../../services/logs/log-tail';
import { logEntryBody } from './log-entry-body';
import { AnyLogFilterQuery, logFilter } from './log-query';

const route = createRoute({
  method: 'get',
  path: '/api/admin/terminal-logs/stream',
  operationId: 'streamTerminalLogs',
  tags: ['Terminal'],
  summary: 'Stream new log entries as server-sent events',
  description:
    'The data of each event is a LogEntry. To resume after an interruption without loss or repetition, send the id of the last event as Last-Event-ID. If more than 500 entries were written since then, the stream sends the newest 500, after an event `entries_left_out` whose data has a `message` and, in `list`, the path of the list with the other entries. After 15 s without an event, the server sends a comment. The stream ends when the key is revoked or the JWT expires. A process serves at most 20 streams to one key or JWT subject, and 50 to one organisation.',
  ...forScope('read'),
  request: {
    query: AnyLogFilterQuery,
    headers: z.object({
      'last-event-id': z.string().optional().openapi({
        description: 'The id of the last received event. The stream resumes after it.',
      }),
    }),
  },
  responses: {
    200: {
      description: 'Events, until the connection closes',
      content: { 'text/event-stream': { schema: z.string() } },
    },
    ...errorResponses,
    ...tooManyStreamsResponse,
  },
});

interface Dependencies extends ApiDependencies {
  authenticator: Authenticator;
  logTail: LogTail;
  streams: OpenStreams;
}

export function registerStreamTerminalLogs(app: ApiApp, deps: Dependencies) {
  return app.openapi(route, async (c) =>
    streamEntries(c, deps, {
      owner: c.get('principal'),
      filter: logFilter(c.req.valid('query'), c.get('principal').organisation),
      messages: async (entries) =>
        entries.map(({ entry }) => ({ data: visible(JSON.stringify(logEntryBody(entry))) })),
      leftOut: (before) => {
        const query = new URLSearchParams({ ...c.req.query(), before });
        const list = `/api/admin/terminal-logs?${query.toString()}`;
        const message = `Entries were left out of this stream. GET ${list} returns them, newest first.`;
        return { event: 'entries_left_out', data: visible(JSON.stringify({ message, list })) };
      },
      isAllowed: () => isStillAllowed(c, deps.authenticator, 'read'),
    }),
  );
}
