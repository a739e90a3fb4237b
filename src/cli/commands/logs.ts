/** `evergrant logs`: prints log entries of attempts, and follows new ones with `--follow`. */
import { setTimeout as delay } from 'node:timers/promises';
import type { z } from 'zod';
import type { LogEntryBody } from '../../api/routes/terminal/log-entry-body';
import type { LogAction, LogSource } from '../../domain/logs/log-entry';
import { visible } from '../../domain/text/visible-text';
import type { Command, Context, Options } from '../command';
import { Unreachable } from '../errors';
import { coloured, time } from '../output';
import { limitOf, pages } from '../pages';

type Entry = z.infer<typeof LogEntryBody>;

const PAGE_MAX = 500;
const STREAM_PATH = '/api/admin/terminal-logs/stream';
/** The event that says that the stream left out entries. */
const LEFT_OUT = 'entries_left_out';
const AGAIN_AFTER_MS = 1_000;

export const logs: Command = {
  words: ['logs'],
  summary: 'The token refresh terminal: every attempt, the newest last',
  options: {
    follow: { type: 'boolean', short: 'f', help: 'go on showing what comes, until Ctrl-C' },
    provider: { type: 'string', value: 'name', help: 'of this provider only' },
    environment: { type: 'string', value: 'name', help: 'of this environment only' },
    account: { type: 'string', value: 'id', help: 'of this account only' },
    source: { type: 'string', value: 'source', help: 'scheduled, debug, admin or api' },
    action: { type: 'string', value: 'action', help: 'such as token_refresh_failed' },
    limit: { type: 'string', value: 'number', help: 'at most so many (50)' },
  },
  more: 'With --follow, --json prints one entry a line.',
  async run(context) {
    const { out, json, options } = context;
    const limit = limitOf(options, 50);
    if (options.isSet('follow')) return follow(context, limit);
    const entries = await newest(context, limit);
    if (json) {
      out.json({ items: entries.toReversed(), next_cursor: null });
      return 0;
    }
    if (entries.length === 0) out.line('There is no entry like that.');
    for (const entry of entries) show(entry, context);
    return 0;
  },
};

/** Shows the newest entries, then new ones as they arrive. Retries while the API is unreachable and misses none. */
async function follow(context: Context, limit: number): Promise<never> {
  const { api, options, out } = context;
  const query = { ...filters(options), provider: options.text('provider') };
  let lastEventId = '';
  let shown: Set<string> | null = null;
  let told = false;
  for (;;) {
    try {
      for await (const { id, event, data } of api.events(STREAM_PATH, query, lastEventId)) {
        // Lists only after the stream has started. Otherwise entries written in between would be missed.
        shown ??= await showNewest(context, limit);
        told = false;
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
      if (!told) out.remark(`evergrant: ${error.message} Waiting for it.`);
      told = true;
    }
    await delay(AGAIN_AFTER_MS);
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
  const who = entry.account_label ?? entry.provider;
  const action = coloured(
    failed ? 'red' : entry.action === 'token_refreshed' ? 'green' : 'gray',
    entry.action,
  );
  const { code, message, detail } = entry.error ?? {};
  const said =
    entry.error === null
      ? entry.message
      : `${code}: ${message}${detail === undefined ? '' : ` (${detail})`}`;
  out.line(
    `${time(entry.created_at) ?? ''}  `,
    action,
    `  ${entry.source}  ${visible(`${who}  ${said}`)}`,
  );
}
