import type { ReadableStream } from 'node:stream/web';
import { createRoute, z } from '@hono/zod-openapi';
import { stream } from 'hono/streaming';
import { type AccountLine, accountLines } from '../account-lines';
import type { ApiApp } from '../app';
import { requireScope } from '../authenticate';
import type { ApiDependencies } from '../dependencies';
import { ApiError, bodyErrorResponses } from '../errors';
import { IMPORT_RESULTS, importLines } from '../import-lines';
import { NewAccountBody } from '../new-account';
import { yesOrNo } from '../schemas';

export const IMPORT_PATH = '/api/admin/accounts/import';
/** So many are sealed and written together; the whole file is never in memory. */
const BATCH = 250;

const Result = z
  .union([
    z.object({
      line: z.number().int(),
      result: z.enum(IMPORT_RESULTS),
      account_id: z.string().optional(),
      message: z.string().optional(),
    }),
    z.object({
      summary: z.object({
        lines: z.number().int(),
        created: z.number().int(),
        updated: z.number().int(),
        existed: z.number().int(),
        valid: z.number().int(),
        refused: z.number().int(),
      }),
    }),
    z.object({ error: z.object({ code: z.string(), message: z.string() }) }),
  ])
  .openapi('ImportResult', {
    example: { line: 1, result: 'created', account_id: 'acc_4b6f0c2d9e8a7b6c5d4e3f2a' },
  });

const Query = z.strictObject({
  quarantine: yesOrNo.optional().openapi({
    description:
      'true: all lines are stored in quarantine, and an account that is there and in quarantine is given the grant of its line ("updated")',
  }),
  dry_run: yesOrNo.optional().openapi({
    description: 'true: every line is checked and none stored; what is well is answered "valid"',
  }),
});

const route = createRoute({
  method: 'post',
  path: IMPORT_PATH,
  operationId: 'importAccounts',
  tags: ['Accounts'],
  summary: 'Connect many accounts: JSON Lines or CSV, streamed; safe to run twice',
  description:
    'Each line is a NewAccount. The answer is JSON Lines too, a line for each line as it is done, and a summary at the end; without the summary the import was cut off, and can be sent again: what is there is left as it is ("exists").',
  security: [{ bearer: ['admin'] }],
  request: {
    query: Query,
    body: {
      content: {
        'application/x-ndjson': { schema: NewAccountBody },
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
    200: { description: 'As it goes', content: { 'application/x-ndjson': { schema: Result } } },
    ...bodyErrorResponses,
  },
});

export function registerImportAccounts(app: ApiApp, deps: ApiDependencies): void {
  // Described, but not by `app.openapi`: its handlers answer with values, and this one with a stream.
  app.openAPIRegistry.registerPath(route);
  app.post(IMPORT_PATH, requireScope('admin'), (c) => {
    const type = c.req.header('content-type')?.split(';', 1)[0]?.trim().toLowerCase();
    const format = type === 'text/csv' ? 'csv' : type === 'application/x-ndjson' ? 'jsonl' : null;
    if (format === null) {
      throw new ApiError('unsupported_media_type', 'Send application/x-ndjson or text/csv.');
    }
    const body = c.req.raw.body as ReadableStream<Uint8Array> | null;
    if (body === null) throw new ApiError('invalid_request', 'body: there are no lines');
    const query = Query.safeParse(c.req.query());
    if (!query.success)
      throw new ApiError('invalid_request', 'query: quarantine and dry_run, each true or false');
    const options = {
      organisation: c.get('principal').organisation,
      quarantine: query.data.quarantine ?? false,
      dryRun: query.data.dry_run ?? false,
    };
    c.header('Content-Type', 'application/x-ndjson');
    return stream(
      c,
      async (out) => {
        const write = (result: z.infer<typeof Result>) => out.writeln(JSON.stringify(result));
        const summary = { lines: 0, created: 0, updated: 0, existed: 0, valid: 0, refused: 0 };
        for await (const batch of batches(accountLines(body, format))) {
          for (const result of await importLines(batch, options, deps)) {
            summary.lines += 1;
            summary[result.result === 'exists' ? 'existed' : result.result] += 1;
            await write(result);
          }
        }
        await write({ summary });
      },
      async (error, out) => {
        deps.logger.error({ err: error, request_id: c.get('requestId') }, 'an import was cut off');
        const message =
          'The import was cut off. Send the file again: what is there is left as it is.';
        await out.writeln(JSON.stringify({ error: { code: 'internal_error', message } }));
      },
    );
  });
}

async function* batches(lines: AsyncIterable<AccountLine>): AsyncIterable<AccountLine[]> {
  let batch: AccountLine[] = [];
  for await (const line of lines) {
    batch.push(line);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
