import { setTimeout as delay } from 'node:timers/promises';
import type { z } from 'zod';
import type { Status } from '../../api/routes/status';
import type { LogEntryBody } from '../../api/schemas';
import { printable } from '../../domain/masking';
import type { Command, Context } from '../command';
import { Unreachable } from '../errors';
import { time } from '../output';
import { limitOf, pages } from '../pages';

type Entry = z.infer<typeof LogEntryBody>;

const PAGE_MAX = 500;
const LOOK_EVERY_MS = 2_000;
/** More than comes in between two looks. */
const LOOK_BACK = 200;

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
    const { api, out, json, options } = context;
    const given = options.text('provider');
    const providers =
      given === undefined
        ? (await api.get<Status>('/api/admin/status')).providers.map(({ provider }) => provider)
        : [given];
    const follow = options.isSet('follow');
    const limit = limitOf(options, 50);
    let entries = await newest(context, providers, follow ? Math.max(limit, LOOK_BACK) : limit);
    if (json && !follow) {
      out.json({ items: entries.toReversed(), next_cursor: null });
      return 0;
    }
    if (entries.length === 0 && !follow) out.line('There is no entry like that.');
    for (const entry of entries.slice(-limit)) show(entry, context);
    if (!follow) return 0;
    for (;;) {
      const known = new Set(entries.map(({ id }) => id));
      entries = await comingUp(context, providers);
      for (const entry of entries.filter(({ id }) => !known.has(id))) show(entry, context);
    }
  },
};

/** Waits a moment, then looks again. An API that is away for a while is waited for. */
async function comingUp(context: Context, providers: string[]): Promise<Entry[]> {
  let told = false;
  for (;;) {
    await delay(LOOK_EVERY_MS);
    try {
      return await newest(context, providers, LOOK_BACK);
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      if (!told) context.out.remark(`evergrant: ${error.message} Waiting for it.`);
      told = true;
    }
  }
}

/** The newest entries of all the providers, the oldest of them first. */
async function newest(
  { api, options }: Context,
  providers: string[],
  limit: number,
): Promise<Entry[]> {
  const found = await Promise.all(
    providers.map((provider) =>
      pages<Entry>(
        api,
        `/api/admin/${encodeURIComponent(provider)}/tokens/terminal-logs`,
        {
          env: options.text('environment'),
          account_id: options.text('account'),
          source: options.text('source'),
          action: options.text('action'),
        },
        { limit, pageMax: PAGE_MAX, cursorName: 'before' },
      ),
    ),
  );
  return found
    .flatMap(({ items }) => items)
    .toSorted((a, b) => a.created_at.localeCompare(b.created_at))
    .slice(-limit);
}

function show(entry: Entry, { out, json }: Pick<Context, 'out' | 'json'>): void {
  if (json) {
    out.jsonLine(entry);
    return;
  }
  const failed = entry.error !== null;
  const who = entry.account_label ?? entry.provider;
  const action = out.colour(
    failed ? 'red' : entry.action === 'token_refreshed' ? 'green' : 'gray',
    entry.action,
  );
  const said = entry.error === null ? entry.message : `${entry.error.code}: ${entry.error.message}`;
  out.line(
    `${time(entry.created_at) ?? ''}  ${action}  ${entry.source}  ${printable(`${who}  ${said}`)}`,
  );
}
