/** `evergrant logs`: prints the log entries of refresh attempts and, with `--follow`, new ones as they arrive. */
import { setTimeout as delay } from 'node:timers/promises';
import type { z } from 'zod';
import type { LogEntryBody } from '../../api/routes/terminal/log-entry-body';
import type { LogAction, LogSource } from '../../domain/logs/log-entry';
import { visible } from '../../domain/text/visible-text';
import type { Command, Context, Options } from '../command';
import { Unreachable } from '../errors';
import { coloured, time } from '../output';
import { emptyText, limitOf, pages } from '../pages';

type Entry = z.infer<typeof LogEntryBody>;

const PAGE_MAX = 500;
const STREAM_PATH = '/api/admin/terminal-logs/stream';
/** The event that says that the stream left out entries. */
const LEFT_OUT = 'entries_left_out';
const RETRY_AFTER_MS = 1_000;

export const logs: Command = {
  words: ['logs'],
  summary: 'Show the log entries of refresh attempts, newest last',
  options: {
    follow: { type: 'boolean', short: 'f', help: 'show new entries as they arrive, until Ctrl-C' },
    provider: { type: 'string', value: 'name', help: 'only this provider' },
    environment: { type: 'string', value: 'name', help: 'only this environment' },
    account: { type: 'string', value: 'id', help: 'only this account' },
    source: {
      type: 'string',
      value: 'source',
      help: 'only this source: scheduled, debug, admin or api',
    },
    action: {
      type: 'string',
      value: 'action',
      help: 'only this action, such as token_refresh_failed',
    },
    limit: { type: 'string', value: 'number', help: 'maximum number of entries (default: 50)' },
  },
  more: 'With --follow, --json prints one entry per line.',
  async run(context) {
    const { out, json, options } = context;
    const limit = limitOf(options, 50);
    if (options.isSet('follow')) return follow(context, limit);
    const entries = await newest(context, limit);
    if (json) {
      out.json({ items: entries.toReversed(), next_cursor: null });
      return 0;
    }
    if (entries.length === 0)
      out.line(
        emptyText('log entries', { ...filters(options), provider: options.text('provider') }),
      );
    for (const entry of entries) show(entry, context);
    return 0;
  },
};

/** Shows the newest entries, then new ones as they arrive. While the API is unreachable, it retries, and misses no entry. */
async function follow(context: Context, limit: number): Promise<never> {
  const { api, options, out } = context;
  const query = { ...filters(options), provider: options.text('provider') };
  let lastEventId = '';
  let shown: Set<string> | null = null;
  let reported = false;
  for (;;) {
    try {
      for await (const { id, event, data } of api.events(STREAM_PATH, query, lastEventId)) {
        // Lists only after the stream has started, so that entries written in between are not missed.
        shown ??= await showNewest(context, limit);
        reported = false;
        lastEventId = id;
        if (data === '') continue;
        if (event === LEFT_OUT) {
          const { message } = JSON.parse(data);
          out.remark(`evergrant: ${visible(String(message))}`);
          continue;
        }
        const entry: Entry = JSON.parse(data);
        if (!shown.has(entry.id)) show(entry, context);
      }
    } catch (error) {
      if (!(error instanceof Unreachable) || shown === null) throw error;
      if (!reported) out.remark(`evergrant: ${error.message} Retrying.`);
      reported = true;
    }
    await delay(RETRY_AFTER_MS);
  }
}

async function showNewest(context: Context, limit: number): Promise<Set<string>> {
  const entries = await newest(context, limit);
  for (const entry of entries) show(entry, context);
  return new Set(entries.map(({ id }) => id));
}

/** Returns the newest entries, oldest first. */
async function newest({ api, options }: Context, limit: number): Promise<Entry[]> {
  const provider = options.text('provider');
  const { items } = await pages({ limit, pageMax: PAGE_MAX }, (page) => {
    const query = { ...filters(options), limit: page.limit, before: page.cursor };
    return api.ask(({ admin }) =>
      provider === undefined
        ? admin['terminal-logs'].$get({ query })
        : admin[':provider'].tokens['terminal-logs'].$get({ param: { provider }, query }),
    );
  });
  return items.toReversed();
}

function filters(options: Options) {
  return {
    env: options.text('environment'),
    account_id: options.text('account'),
    source: options.word<LogSource>('source'),
    action: options.word<LogAction>('action'),
  };
}

function show(entry: Entry, { out, json }: Pick<Context, 'out' | 'json'>): void {
  if (json) {
    out.jsonLine(entry);
    return;
  }
  const failed = entry.error !== null;
  const account = entry.account_label ?? entry.provider;
  const action = coloured(
    failed ? 'red' : entry.action === 'token_refreshed' ? 'green' : 'gray',
    entry.action,
  );
  const { code, message, detail } = entry.error ?? {};
  const text =
    entry.error === null
      ? entry.message
      : `${code}: ${message}${detail === undefined ? '' : ` (${detail})`}`;
  out.line(
    `${time(entry.created_at) ?? ''}  `,
    action,
    `  ${entry.source}  ${visible(`${account}  ${text}`)}`,
  );
}
