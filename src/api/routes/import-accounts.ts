import type { ReadableStream } from 'node:stream/web';
import { createRoute, z } from '@hono/zod-openapi';
import { stream } from 'hono/streaming';
import type { NewAccount } from '../../store/accounts';
import { type AccountLine, accountLines } from '../account-lines';
import type { ApiApp } from '../app';
import { requireScope } from '../authenticate';
import type { ApiDependencies } from '../dependencies';
import { ApiError, bodyErrorResponses } from '../errors';
import { NewAccountBody, newAccount } from '../new-account';

export const IMPORT_PATH = '/api/admin/accounts/import';
/** So many are sealed and written together; the whole file is never in memory. */
const BATCH = 250;

const Result = z
  .union([
    z.object({
      line: z.number().int(),
      result: z.enum(['created', 'exists', 'refused']),
      account_id: z.string().optional(),
      message: z.string().optional(),
    }),
    z.object({
      summary: z.object({
        lines: z.number().int(),
        created: z.number().int(),
        existed: z.number().int(),
        refused: z.number().int(),
      }),
    }),
    z.object({ error: z.object({ code: z.string(), message: z.string() }) }),
  ])
  .openapi('ImportResult');

const route = createRoute({
  method: 'post',
  path: IMPORT_PATH,
  summary: 'Connect many accounts: JSON Lines or CSV, streamed; safe to run twice',
  description:
    'Each line is a NewAccount. The answer is JSON Lines too, a line for each line as it is done, and a summary at the end; without the summary the import was cut off, and can be sent again: what is there is left as it is ("exists").',
  request: {
    body: {
      content: {
        'application/x-ndjson': { schema: NewAccountBody },
        'text/csv': { schema: z.string() },
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
    const { organisation } = c.get('principal');
    c.header('Content-Type', 'application/x-ndjson');
    return stream(
      c,
      async (out) => {
        const write = (result: z.infer<typeof Result>) => out.writeln(JSON.stringify(result));
        const summary = { lines: 0, created: 0, existed: 0, refused: 0 };
        for await (const batch of batches(accountLines(body, format))) {
          const results = await importBatch(batch, organisation, deps);
          for (const result of results) {
            summary.lines += 1;
            if (result.result === 'created') summary.created += 1;
            else if (result.result === 'exists') summary.existed += 1;
            else summary.refused += 1;
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

interface LineResult {
  line: number;
  result: 'created' | 'exists' | 'refused';
  account_id?: string;
  message?: string;
}

async function importBatch(
  lines: readonly AccountLine[],
  organisation: string,
  deps: ApiDependencies,
): Promise<LineResult[]> {
  const checked = lines.map((line) => ({ line: line.line, ...check(line, organisation, deps) }));
  const accounts = checked.flatMap((one) => ('account' in one ? [one.account] : []));
  const created = await deps.store.accounts.createMissing(accounts, deps.now());
  return checked.map((one): LineResult => {
    if ('message' in one) return { line: one.line, result: 'refused', message: one.message };
    return created.has(one.account.id)
      ? { line: one.line, result: 'created', account_id: one.account.id }
      : { line: one.line, result: 'exists' };
  });
}

function check(
  line: AccountLine,
  organisation: string,
  deps: ApiDependencies,
): { account: NewAccount } | { message: string } {
  if ('problem' in line) return { message: line.problem };
  const parsed = NewAccountBody.safeParse(line.members);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      (issue) => `${issue.path.join('.') || 'line'}: ${issue.message}`,
    );
    return { message: problems.join('; ') };
  }
  try {
    return { account: newAccount(parsed.data, organisation, deps) };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { message: error.message };
  }
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
