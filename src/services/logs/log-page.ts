/** One page of an organisation's log entries, newest first, shared by the API, the terminal and its export. */
import { encodeCursor } from '../../domain/cursor';
import type { LogEntry } from '../../domain/logs/log-entry';
import type { LogFilter } from '../../domain/logs/log-filter';
import type { Store } from '../../store/store';

interface LogPageQuery extends LogFilter {
  /** The place that the cursor of the previous page names. */
  before: { at: Date; id: string } | null;
  /** Excludes entries whose retention has expired by this time. */
  keptAt?: Date | undefined;
  limit: number;
}

/**
 * A search for a rare text may end a page early, even without an entry, so that no request reads the whole log.
 * @returns `next`: the cursor of the next page, which holds the place up to which this page goes
 */
export async function logPage(
  { logEntries }: Pick<Store, 'logEntries'>,
  { before, limit, ...query }: LogPageQuery,
): Promise<{ entries: LogEntry[]; next: string | null }> {
  const { rows, searchedTo } = await logEntries.page({
    ...query,
    before: before === null ? undefined : { createdAt: before.at, id: before.id },
    limit: limit + 1,
  });
  const entries = rows.slice(0, limit);
  const last = rows.length > limit ? entries.at(-1) : undefined;
  const next =
    last === undefined
      ? searchedTo && encodeCursor(searchedTo.createdAt.toISOString(), searchedTo.id)
      : encodeCursor(last.created_at, last.id);
  return { entries, next };
}
