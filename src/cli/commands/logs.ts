/** `evergrant logs`: prints the log entries of refresh attempts and, with `--follow`, new ones as they arrive. */
import { setTimeout as delay } from 'node:timers/promises';
import type { z } from 'zod';
import type { LogEntryBody } from '../../api/routes/terminal/log-entry-body';
import {
  LOG_ACTIONS,
  LOG_SOURCES,
  type LogAction,
  type LogSource,
} from '../../domain/logs/log-entry';
import { LOG_RESULTS, type LogResult } from '../../domain/logs/log-filter';
import { visible } from '../../domain/text/visible-text';
import type { Command, Context, Options } from '../command';
import { Unreachable, UsageError } from '../errors';
import { type Columns, coloured, type Output, time } from '../output';
import {
  emptyText,
  FILTERS_REPEAT,
  limitOf,
  pages,
  providerFilters,
  rangeOf,
  rangeOptions,
} from '../pages';

type Entry = z.infer<typeof LogEntryBody>;

const STREAM_PATH = '/api/admin/terminal-logs/stream';
/** The event that says that the stream left out entries. */
const LEFT_OUT = 'entries_left_out';
const RETRY_AFTER_MS = 1_000;

export const logs: Command = {
  words: ['logs'],
  summary: 'Show the log entries of refresh attempts, newest last',
  options: {
    follow: { type: 'boolean', short: 'f', help: 'show new entries as they arrive, until Ctrl-C' },
    search: { type: 'string', value: 'text', help: 'only entries with this text' },
    ...providerFilters,
    account: { type: 'string', value: 'id', help: 'only this account' },
    trace: { type: 'string', value: 'id', help: 'only attempts of this trace' },
    source: {
      type: 'string',
      multiple: true,
      value: 'source',
      choices: LOG_SOURCES,
      help: 'only this source',
    },
    result: {
      type: 'string',
      value: 'result',
      choices: LOG_RESULTS,
      help: 'only entries with an error, or only the others',
    },
    code: {
      type: 'string',
      multiple: true,
      value: 'code',
      help: 'only entries whose error has this code, such as invalid_grant',
    },
    action: {
      type: 'string',
      multiple: true,
      value: 'action',
      choices: LOG_ACTIONS,
      help: 'only this action',
    },
    ...rangeOptions,
    limit: { type: 'string', value: 'number', help: 'maximum number of entries (default: 50)' },
  },
  more: `${FILTERS_REPEAT}\nWith --follow, the format json is the same as jsonl: one entry per line.`,
  async run(context) {
    const { out, options } = context;
    const limit = limitOf(options, 50);
    const range = rangeOf(options);
    if (options.isSet('follow')) {
      if (range.until !== undefined) throw new UsageError('--follow has no end: omit --until');
      return follow(context, limit);
    }
    const entries = await newest(context, limit);
    if (!out.isForPeople) {
      const items = out.format === 'json' ? entries.toReversed() : entries;
      out.list({ items, next_cursor: null }, items, COLUMNS, '');
      return 0;
    }
    if (entries.length === 0) out.line(emptyText('log entries', { ...filters(options), ...range }));
    const show = showEntry(out);
    for (const entry of entries) show(entry);
    return 0;
  },
};

/** Shows the newest entries, then new ones as they arrive. While the API is unreachable, it retries, and misses no entry. */
async function follow(context: Context, limit: number): Promise<never> {
  const { api, options, out } = context;
  const query = filters(options);
  let lastEventId = '';
  const show = out.stream(COLUMNS, showEntry(out));
  let shown: Set<string> | null = null;
  let reported = false;
  for (;;) {
    try {
      for await (const { id, event, data } of api.events(STREAM_PATH, query, lastEventId)) {
        // Lists only after the stream has started, so that entries written in between are not missed.
        shown ??= await showNewest(context, limit, show);
        reported = false;
        lastEventId = id;
        if (data === '') continue;
        if (event === LEFT_OUT) {
          const { message } = JSON.parse(data);
          out.remark(`evergrant: ${visible(String(message))}`);
          continue;
        }
        const entry: Entry = JSON.parse(data);
        if (!shown.has(entry.id)) show(entry);
      }
    } catch (error) {
      if (!(error instanceof Unreachable) || shown === null) throw error;
      if (!reported) out.remark(`evergrant: ${error.message} Retrying.`);
      reported = true;
    }
    await delay(RETRY_AFTER_MS);
  }
}

async function showNewest(
  context: Context,
  limit: number,
  show: (entry: Entry) => void,
): Promise<Set<string>> {
  const entries = await newest(context, limit);
  for (const entry of entries) show(entry);
  return new Set(entries.map(({ id }) => id));
}

/** Returns the newest entries, oldest first. */
async function newest({ api, options }: Context, limit: number): Promise<Entry[]> {
  const range = rangeOf(options);
  const wanted = { limit, range, at: (entry: Entry) => entry.created_at };
  const { items } = await pages((page) => {
    const query = { ...filters(options), limit: page.limit, before: page.cursor };
    return api.ask(({ admin }) => admin['terminal-logs'].$get({ query }));
  }, wanted);
  return items.toReversed();
}

function filters(options: Options) {
  return {
    text: options.text('search'),
    provider: options.filter('provider'),
    env: options.filter('environment'),
    account_id: options.text('account'),
    trace: options.text('trace'),
    source: options.filter<LogSource>('source'),
    result: options.word<LogResult>('result'),
    code: options.filter('code'),
    action: options.filter<LogAction>('action'),
  };
}

const COLUMNS: Columns<Entry> = {
  at: (entry) => time(entry.created_at),
  action: (entry) => entry.action,
  source: (entry) => entry.source,
  provider: (entry) => entry.provider,
  environment: (entry) => entry.environment,
  account: (entry) => entry.account_id,
  label: (entry) => entry.account_label,
  outcome: (entry) => entry.outcome,
  error: (entry) => entry.error?.code,
  message: textOf,
  workflow: (entry) => entry.workflow_id,
};

function textOf({ error, message }: Entry): string {
  if (error === null) return message;
  const detail = error.detail === undefined ? '' : ` (${error.detail})`;
  return `${error.code}: ${error.message}${detail}`;
}

function showEntry(out: Output): (entry: Entry) => void {
  return (entry) => {
    const account = entry.account_label ?? entry.provider;
    const colour =
      entry.error !== null ? 'red' : entry.action === 'token_refreshed' ? 'green' : 'gray';
    out.line(
      `${time(entry.created_at) ?? ''}  `,
      coloured(colour, entry.action),
      `  ${entry.source}  ${visible(`${account}  ${textOf(entry)}`)}`,
    );
  };
}
