/** `evergrant events follow`: prints new events as they arrive, oldest first. */
import { setTimeout as delay } from 'node:timers/promises';
import { EVENT_TYPES, type EventType } from '../../domain/events/event';
import type { ApiClient } from '../api-client';
import type { Command } from '../command';
import { Unreachable } from '../errors';
import { EVENT_COLUMNS, type Event } from '../events';
import { coloured, time } from '../output';
import { pages, rangeOf, rangeOptions } from '../pages';

const PAGE_MAX = 500;
/** The API has no stream of events, so the command reads the newest ones at this interval, in ms. */
const POLL_EVERY_MS = 2_000;
/**
 * An event may be stored this long, in ms, after events with a later time: processes have different clocks. Beyond it,
 * the command would miss the event.
 */
const LATE_MAX_MS = 60_000;

export const eventsFollow: Command = {
  words: ['events', 'follow'],
  summary: 'Show new events as they arrive, until Ctrl-C',
  options: {
    type: { type: 'string', value: 'type', choices: EVENT_TYPES, help: 'only this type' },
    since: {
      ...rangeOptions.since,
      help: 'begin with the events from this time on (default: now)',
    },
  },
  more: 'The format json is the same as jsonl: one event per line.',
  async run({ api, out, options }) {
    const type = options.word<EventType>('type');
    const since = rangeOf(options).since;
    const show = out.stream(EVENT_COLUMNS, (event: Event) => {
      const { at, data } = event;
      const about = data['label'] ?? data['account_id'] ?? data['provider'] ?? '';
      out.line(
        `${time(at) ?? ''}  `,
        coloured('bold', event.type),
        `  ${about}  ${data['reason'] ?? ''}`,
      );
    });
    const seen = new Map<string, number>();
    let from = since ?? 0;
    if (since === undefined) {
      // The newest stored event, not this machine's clock, separates old events from new ones.
      const { items } = await pages(eventsOf(api, type), { limit: PAGE_MAX, pageMax: PAGE_MAX });
      for (const { id, at } of items) seen.set(id, Date.parse(at));
      from = Math.max(0, ...seen.values());
    }
    let hasRead = false;
    let isReported = false;
    for (;;) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- each reading follows the previous one
        const { items } = await pages(eventsOf(api, type), {
          limit: Number.POSITIVE_INFINITY,
          pageMax: PAGE_MAX,
          range: { since: from, until: undefined },
          at: ({ at }) => at,
        });
        for (const event of items.toReversed()) {
          if (!seen.has(event.id)) show(event);
          seen.set(event.id, Date.parse(event.at));
        }
        from = Math.max(from, ...[...seen.values()].map((at) => at - LATE_MAX_MS));
        for (const [id, at] of seen) if (at < from) seen.delete(id);
        hasRead = true;
        isReported = false;
      } catch (error) {
        if (!(error instanceof Unreachable) || !hasRead) throw error;
        if (!isReported) out.remark(`evergrant: ${error.message} Retrying.`);
        isReported = true;
      }
      // oxlint-disable-next-line no-await-in-loop
      await delay(POLL_EVERY_MS);
    }
  },
};

function eventsOf(api: ApiClient, type: EventType | undefined) {
  return ({ limit, cursor: before }: { limit: number; cursor: string | undefined }) =>
    api.ask(({ admin }) => admin.events.$get({ query: { type, limit, before } }));
}
