/** `POST /api/admin/connect/links`: makes a reconnect link for each account of a filter. */
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { ServiceError } from '../../../domain/service-error';
import { isStillAllowed, requireScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses, invalidRequest } from '../../../http/errors';
import { isJson } from '../../../http/media-type';
import { streamReconnectLinks } from '../../../http/reconnect-links';
import type { Authenticator } from '../../../services/access/authenticator';
import {
  linksInputOf,
  ReconnectLinkBody,
  ReconnectLinksBody,
} from '../../../services/connect/reconnect-links';

const LINKS_PATH = '/api/admin/connect/links';

const Summary = z
  .object({
    summary: z.object({
      accounts: z.int(),
      links: z.int(),
      without_link: z.int(),
      after: z.string().nullable().openapi({
        description: 'The last account. If as many accounts as the limit were listed, send it.',
      }),
    }),
  })
  .openapi('ReconnectLinksSummary');

const Problem = z
  .object({ error: z.object({ code: z.string(), message: z.string() }) })
  .openapi('ReconnectLinksProblem');

const Line = z.union([ReconnectLinkBody, Summary, Problem]).openapi('ReconnectLinkLine');

const route = createRoute({
  method: 'post',
  path: LINKS_PATH,
  operationId: 'createReconnectLinks',
  tags: ['Connect'],
  summary: 'Create a link to reconnect each account of a filter',
  description:
    'One row per account, with its link, or with the problem because of which it has none. JSON Lines with a summary at the end, or CSV if Accept is text/csv. A cell that a spreadsheet would run as a formula begins with an apostrophe. At most 5000 accounts per call: to continue, send the account_id of the last row as `after`. A list that was cut off ends with the reason, and a CSV list then has it as the problem of a last row without account_id. Links that were made already stay valid until they expire.',
  security: [{ bearer: ['connect'] }, { bearer: ['admin'] }],
  request: {
    body: { content: { 'application/json': { schema: ReconnectLinksBody } }, required: true },
  },
  responses: {
    200: {
      description: 'The links, streamed while they are made',
      content: {
        'application/x-ndjson': { schema: Line },
        'text/csv': {
          schema: z.string().openapi({
            example:
              'label,external_id,reason,link,expires_at,problem,account_id,provider,environment\r\nHarbour Books,harbour-books,…',
          }),
        },
      },
    },
    ...bodyErrorResponses,
  },
});

interface Dependencies extends ApiDependencies {
  authenticator: Authenticator;
}

export function registerReconnectLinks(app: ApiApp, deps: Dependencies): void {
  // Documented with `registerPath`, because `app.openapi` does not support a handler that streams.
  app.openAPIRegistry.registerPath(route);
  app.post(LINKS_PATH, requireScope('connect', 'admin'), async (c) => {
    if (!isJson(c)) {
      throw new ServiceError(
        'unsupported_media_type',
        'Send the body as JSON, with Content-Type: application/json.',
      );
    }
    const parsed = ReconnectLinksBody.safeParse(await jsonOf(c));
    if (!parsed.success) throw invalidRequest(parsed.error);
    return streamReconnectLinks(c, deps, {
      principal: c.get('principal'),
      input: linksInputOf(parsed.data),
      format: (c.req.header('accept') ?? '').includes('text/csv') ? 'csv' : 'jsonl',
      action: `POST ${LINKS_PATH}`,
      isAllowed: () => isStillAllowed(c, deps.authenticator, 'connect'),
    });
  });
}

async function jsonOf(c: Context): Promise<unknown> {
  try {
    return await c.req.json();
  } catch {
    throw new ServiceError('invalid_request', 'The body is not valid JSON.');
  }
}
