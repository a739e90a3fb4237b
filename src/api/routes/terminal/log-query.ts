/** The parameters of lists and streams of log entries, and pages of them. */
import { z } from '@hono/zod-openapi';
import { LOG_ACTIONS, LOG_SOURCES } from '../../../domain/logs/log-entry';
import { LOG_RESULTS, type LogFilter } from '../../../domain/logs/log-filter';
import { pageCursor, pageLimit, placeOf } from '../../../http/paging';
import { logPage } from '../../../services/logs/log-page';
import type { Store } from '../../../store/store';
import { anyOf, ofProviders } from '../../openapi/parts';
import { LogEntryBody, logEntryBody } from './log-entry-body';

const FilterQuery = z.object({
  env: anyOf(z.string(), { description: 'Only these environments', example: 'production' }),
  source: anyOf(z.enum(LOG_SOURCES), { description: 'Only attempts with these sources' }),
  action: anyOf(z.enum(LOG_ACTIONS), { description: 'Only these actions' }),
  account_id: z.string().optional().openapi({ description: 'Only this account' }),
  result: z.enum(LOG_RESULTS).optional().openapi({
    description: 'failed: only entries with an error. succeeded: only the others.',
  }),
  code: anyOf(z.string().max(64), {
    description: 'Only entries whose error has one of these codes',
    example: 'invalid_grant',
  }),
  trace: z
    .string()
    .regex(/^[0-9a-f]{32}$/, 'must be 32 hexadecimal digits in lower case')
    .optional()
    .openapi({ description: 'Only attempts of this trace: the trace_id of an entry' }),
});

export const LogListQuery = FilterQuery.extend({
  limit: pageLimit(500, 100),
  before: pageCursor,
});

/** For all providers, with a text search. */
export const AnyLogFilterQuery = FilterQuery.extend({
  provider: ofProviders,
  text: z.string().min(1).max(200).optional().openapi({
    description:
      'Text in the message, the account, the workflow id or the error, ignoring case. A search that takes long returns a short or empty page, and next_cursor continues it',
  }),
});

export const AnyLogListQuery = AnyLogFilterQuery.extend(LogListQuery.shape);

export const LogPageBody = z.object({
  items: z.array(LogEntryBody),
  next_cursor: z.string().nullable(),
});

export function logFilter(
  { env, account_id, trace, ...filters }: z.infer<typeof AnyLogFilterQuery>,
  organisation: string,
): LogFilter {
  return { organisation, environment: env, accountId: account_id, traceId: trace, ...filters };
}

/**
 * One page, newest first.
 * @throws {ServiceError} `invalid_request` if `before` is not a cursor
 */
export async function logPageBody(
  store: Store,
  filter: LogFilter,
  { before, limit }: { before?: string | undefined; limit: number },
): Promise<z.infer<typeof LogPageBody>> {
  const { entries, next } = await logPage(store, {
    ...filter,
    before: before === undefined ? null : placeOf(before),
    limit,
  });
  return { items: entries.map(logEntryBody), next_cursor: next };
}
