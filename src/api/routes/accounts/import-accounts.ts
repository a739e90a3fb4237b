/** `POST /api/admin/accounts/import`: connects accounts from a streamed JSON Lines or CSV body. */
import type { ReadableStream } from 'node:stream/web';
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { stream } from 'hono/streaming';
import { ServiceError } from '../../../domain/service-error';
import { visible } from '../../../domain/text/visible-text';
import { isStillAllowed, requireScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses } from '../../../http/errors';
import { mediaTypeOf } from '../../../http/media-type';
import type { Authenticator } from '../../../services/access/authenticator';
import { accountLines } from '../../../services/accounts/account-lines';
import { importAccounts } from '../../../services/accounts/import-accounts';
import { IMPORT_RESULTS } from '../../../services/accounts/import-lines';
import { NewAccountBody } from '../../../services/accounts/new-account';
import { yesOrNo } from '../../openapi/parts';

export const IMPORT_PATH = '/api/admin/accounts/import';
const JSON_LINES = 'application/x-ndjson';
/** For generated clients, which cannot send or read other types than JSON and bytes. */
const BYTES = 'application/octet-stream';
const FORMATS: ReadonlyMap<string, 'csv' | 'jsonl'> = new Map([
  [JSON_LINES, 'jsonl'],
  [BYTES, 'jsonl'],
  ['text/csv', 'csv'],
]);

/** Whether the body is streamed, and so has no size limit. Bodies of other media types are read whole. */
export function isImport(c: Context): boolean {
  return c.req.method === 'POST' && c.req.path === IMPORT_PATH && FORMATS.has(mediaTypeOf(c));
}

const LineResult = z
  .object({
    line: z.number().int(),
    result: z.enum(IMPORT_RESULTS),
    account_id: z.string().optional(),
    message: z.string().optional().openapi({ description: 'Why the line was refused' }),
    warnings: z.array(z.string()).openapi({
      description:
        'Likely mistakes, such as a token of another kind. The account is stored nevertheless.',
    }),
  })
  .openapi('ImportLineResult', {
    example: {
      line: 1,
      result: 'created',
      account_id: 'acc_4b6f0c2d9e8a7b6c5d4e3f2a',
      warnings: [],
    },
  });

const Counts = z
  .object({
    lines: z.number().int(),
    created: z.number().int(),
    updated: z.number().int(),
    existed: z.number().int(),
    valid: z.number().int(),
    refused: z.number().int(),
    warned: z.number().int().openapi({ description: 'Lines with warnings, whatever their result' }),
  })
  .openapi('ImportCounts');

const Failure = z
  .object({ code: z.string(), message: z.string() })
  .openapi('ImportFailure', { description: 'Why the import ended before the end of the file' });

const Result = z
  .union([
    LineResult,
    z.object({ summary: Counts }).openapi('ImportSummary'),
    z.object({ error: Failure }).openapi('ImportStopped'),
  ])
  .openapi('ImportResult', {
    example: {
      line: 1,
      result: 'created',
      account_id: 'acc_4b6f0c2d9e8a7b6c5d4e3f2a',
      warnings: [],
    },
  });

/** Bytes, as generators recognise them. */
const Bytes = z.string().openapi({
  format: 'binary',
  description: 'JSON Lines in UTF-8, as application/x-ndjson',
});

const Query = z.strictObject({
  quarantine: yesOrNo.optional().openapi({
    description:
      'true: all accounts are stored in quarantine. An existing account in quarantine receives the grant of its line ("updated").',
  }),
  dry_run: yesOrNo.optional().openapi({
    description:
      'true: every line is checked, and nothing is stored. The result of a correct line is "valid".',
  }),
});

const route = createRoute({
  method: 'post',
  path: IMPORT_PATH,
  operationId: 'importAccounts',
  tags: ['Accounts'],
  summary: 'Connect many accounts from a stream of JSON Lines or CSV',
  description:
    'Each line is a NewAccount in UTF-8. The first line of a CSV file names the members. Commas or semicolons separate them. Clients that send only bytes may send JSON Lines as application/octet-stream. The response is JSON Lines as well, with the same media type as the request, or application/x-ndjson for CSV: one ImportResult per line, as soon as the line is processed, and a summary at the end. If the summary is missing, the import was cut off. Send the file again: existing accounts are not changed ("exists"). The import stops when the key is revoked or the JWT expires. If MongoDB fails, the lines of the batch that was being stored are answered "uncertain", an error names them, and the import ends. A line is refused if an earlier line has the same account with another token. A line is also refused if another account, in the file or stored, has the same refresh token. If the provider keeps refresh tokens (replay: safe), such a line only gets a warning.',
  security: [{ bearer: ['admin'] }],
  request: {
    query: Query,
    body: {
      content: {
        [JSON_LINES]: { schema: NewAccountBody },
        [BYTES]: { schema: Bytes },
        'text/csv': {
          schema: z
            .string()
            .openapi({ example: 'provider,external_id,refresh_token\nebay,harbour-books,v^1.1#…' }),
        },
      },
      required: true,
    },
  },
  responses: {
    200: {
      description: 'The results, streamed while the lines are processed',
      content: { [JSON_LINES]: { schema: Result }, [BYTES]: { schema: Bytes } },
    },
    ...bodyErrorResponses,
  },
});

interface Dependencies extends ApiDependencies {
  authenticator: Authenticator;
}

export function registerImportAccounts(app: ApiApp, deps: Dependencies): void {
  // Documented with `registerPath`, because `app.openapi` does not support a handler that streams.
  app.openAPIRegistry.registerPath(route);
  app.post(IMPORT_PATH, requireScope('admin'), (c) => {
    const type = mediaTypeOf(c);
    const format = FORMATS.get(type);
    if (format === undefined) {
      throw new ServiceError(
        'unsupported_media_type',
        'The import does not accept this media type. Send application/x-ndjson, application/octet-stream or text/csv.',
      );
    }
    const body = c.req.raw.body as ReadableStream<Uint8Array> | null;
    if (body === null)
      throw new ServiceError('invalid_request', 'body: must have at least one line');
    const query = Query.safeParse(c.req.query());
    if (!query.success)
      throw new ServiceError(
        'invalid_request',
        'query: quarantine and dry_run must be true or false',
      );
    const options = {
      organisation: c.get('principal').organisation,
      quarantine: query.data.quarantine ?? false,
      dryRun: query.data.dry_run ?? false,
    };
    c.header('Content-Type', type === BYTES ? BYTES : JSON_LINES);
    return stream(c, async (out) => {
      const write = (result: z.infer<typeof Result>) =>
        out.writeln(visible(JSON.stringify(result)));
      for await (const result of importAccounts(
        accountLines(body, format),
        options,
        { ...deps, logger: deps.logger.child({ request_id: c.get('requestId') }) },
        () => isStillAllowed(c, deps.authenticator, 'admin'),
      ))
        await write(result);
    });
  });
}
