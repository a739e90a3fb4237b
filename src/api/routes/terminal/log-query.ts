/** What lists and streams of log entries are asked for, and pages of them. */
import { z } from '@hono/zod-openapi';
import { LOG_ACTIONS, LOG_SOURCES } from '../domain/log-entry';
import type { LogFilter } from '../domain/log-filter';
import type { Store } from '../store/store';
import { ApiError } from './errors';
import {
  decodeCursor,
  encodeCursor,
  LogEntryBody,
  logEntryBody,
  ofProvider,
  pageCursor,
  pageLimit,
} from './schemas';

const FilterQuery = z.object({
  env: z
    .string()
    .optional()
    .openapi({ description: "The account's environment", example: 'production' }),
  source: z.enum(LOG_SOURCES).optional().openapi({ description: 'Begun from there only' }),
  action: z.enum(LOG_ACTIONS).optional().openapi({ description: 'What came of it' }),
  account_id: z.string().optional().openapi({ description: 'Of this account only' }),
});

export const LogListQuery = FilterQuery.extend({
  limit: pageLimit(500, 100),
  before: pageCursor,
});

/** Of all providers, and by text. */
export const AnyLogFilterQuery = FilterQuery.extend({
  provider: ofProvider,
  text: z.string().min(1).max(200).optional().openapi({
    description: 'In the message, the account, the workflow id or the error, whatever the case',
  }),
});

export const AnyLogListQuery = AnyLogFilterQuery.extend(LogListQuery.shape);

export const LogPageBody = z.object({
  items: z.array(LogEntryBody),
  next_cursor: z.string().nullable(),
});

export function logFilter(
  { env, account_id, ...filters }: z.infer<typeof AnyLogFilterQuery>,
  organisation: string,
): LogFilter {
  return { organisation, environment: env, accountId: account_id, ...filters };
}

/**
 * One page, newest first.
 * @throws {ApiError} `invalid_request`: `before` is no cursor
 */
export async function logPageBody(
  { logEntries }: Store,
  filter: LogFilter,
  { before, limit }: { before?: string | undefined; limit: number },
): Promise<z.infer<typeof LogPageBody>> {
  const place = before === undefined ? null : placeOf(before, 'before');
  const entries = await logEntries.list({
    ...filter,
    before: place === null ? undefined : { createdAt: place.at, id: place.id },
    limit: limit + 1,
  });
  const items = entries.slice(0, limit);
  const last = items.at(-1);
  const more = entries.length > limit && last !== undefined;
  return {
    items: items.map(logEntryBody),
    next_cursor: more ? encodeCursor(last.created_at, last.id) : null,
  };
}

/**
 * The place that a cursor of log entries names; `name` is what it came as.
 * @throws {ApiError} `invalid_request`
 */
export function placeOf(cursor: string, name: string): { at: Date; id: string } {
  const [at = '', id = ''] = decodeCursor(cursor, 2) ?? [];
  if (Number.isNaN(Date.parse(at))) {
    throw new ApiError(
      'invalid_request',
      `${name}: not a cursor of ours; take it from ${name === 'before' ? 'next_cursor' : 'the id of an event'}`,
    );
  }
  return { at: new Date(at), id };
}
