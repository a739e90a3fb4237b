/** Admin → Events: the events of the organisation, newest first, also those without a webhook. */
import { z } from 'zod';
import { eventBody } from '../../api/routes/webhooks/webhook-bodies';
import { encodeCursor } from '../../domain/cursor';
import { EVENT_TYPES, type RaisedEvent } from '../../domain/events/event';
import { placeOf } from '../../http/paging';
import type { UiDependencies } from '../dependencies';
import type { UiApp } from '../env';
import { placeBefore, registerList } from '../list-page';
import { many, moment, pastRange, single, span, text } from '../list-query';
import { accountPath } from '../pages/accounts';
import { ProviderCell, words } from '../parts/account-badges';
import { Badge, type Tone } from '../parts/badge';
import { repeatedList, sameName, TIME_FILTERS } from '../parts/commands';
import { Copyable } from '../parts/copy';
import { FilterBar, Many, PastTimeRange } from '../parts/filter-bar';
import { type Column, ColumnChoice } from '../parts/list';
import { Moment } from '../parts/time';

const PATH = '/admin/events';

const Query = z.object({
  type: many(z.enum(EVENT_TYPES)),
  account_id: single(text(64)),
  since: single(span),
  from: single(moment),
  to: single(moment),
  column: many(text(32)),
  cursor: single(z.string().max(4096)),
});

/** Events of a change for the worse; all others are quiet. */
const TONES: Readonly<Record<string, Tone>> = {
  'account.needs_reconnect': 'bad',
  'app.incident': 'bad',
  'connect.failed': 'bad',
  'refresh_token.expiring': 'warn',
  'webhook_endpoint.disabled': 'warn',
};

const COLUMNS: readonly Column<RaisedEvent>[] = [
  {
    id: 'type',
    title: 'Event',
    names: true,
    value: ({ type }) => type,
    cell: ({ type }) => <Badge tone={TONES[type] ?? 'good'}>{type}</Badge>,
  },
  {
    id: 'at',
    title: 'When',
    value: ({ at }) => at,
    cell: ({ at }) => <Moment at={new Date(at)} />,
  },
  {
    id: 'subject',
    title: 'About',
    flexible: true,
    value: (event) => subjectOf(event).text,
    cell: (event) => {
      const { text: subject, accountId } = subjectOf(event);
      return accountId === null ? subject : <a href={accountPath(accountId)}>{subject}</a>;
    },
  },
  {
    id: 'provider',
    title: 'Provider',
    value: ({ data }) => ('provider' in data ? data.provider : null),
    cell: ({ data }) =>
      'provider' in data ? (
        <ProviderCell provider={data.provider} environment={data.environment} kind={null} />
      ) : null,
  },
  {
    id: 'details',
    title: 'Details',
    flexible: true,
    value: (event) => detailsOf(event),
    cell: (event) => detailsOf(event),
  },
  {
    id: 'id',
    title: 'Id',
    optional: true,
    value: ({ id }) => id,
    cell: ({ id }) => <Copyable text={id} of="the id" />,
  },
];

function subjectOf({ data }: RaisedEvent): { text: string; accountId: string | null } {
  if ('account_id' in data && data.account_id !== null)
    return { text: data.label ?? data.account_id, accountId: data.account_id };
  if ('webhook_id' in data) return { text: data.webhook_id, accountId: null };
  return { text: `${data.provider} ${data.environment}`, accountId: null };
}

const SHOWN_ELSEWHERE = new Set(['account_id', 'label', 'provider', 'environment', 'webhook_id']);

function detailsOf({ data }: RaisedEvent): string {
  return Object.entries(data)
    .filter(([name, value]) => !SHOWN_ELSEWHERE.has(name) && value !== null)
    .map(([name, value]) => `${words(name)}: ${valueText(String(value))}`)
    .join(', ');
}

/** Ids keep their underscores, and codes such as `needs_reconnect` are shown as words. */
function valueText(value: string): string {
  return /^[a-z_]+$/.test(value) ? words(value) : value;
}

export function registerEvents(ui: UiApp, deps: UiDependencies): void {
  const { store, now } = deps;
  const filterOf = (
    organisation: string,
    { type, account_id: accountId, since, from, to }: z.infer<typeof Query>,
  ) => ({ organisation, type, accountId, ...pastRange(since, { from, to }, now()) });

  registerList(ui, deps, {
    path: PATH,
    title: 'Events',
    schema: Query,
    things: ['events', 'event'],
    columns: COLUMNS,
    idOf: ({ id }) => id,
    body: eventBody,
    repeatedBy: (query) =>
      repeatedList({ path: '/api/admin/events', words: ['events', 'list'] }, query, {
        type: sameName('Type', 'type'),
        account_id: { label: 'Account' },
        ...TIME_FILTERS,
      }),
    placeBefore: ({ at, id }) => placeBefore(at, id),
    count: ({ organisation }, query, max) => store.events.count(filterOf(organisation, query), max),
    async page({ organisation }, query, limit) {
      const found = await store.events.list({
        ...filterOf(organisation, query),
        before: query.cursor === undefined ? undefined : placeOf(query.cursor, 'cursor'),
        limit: limit + 1,
      });
      const rows = found.slice(0, limit);
      const last = found.length > limit ? rows.at(-1) : undefined;
      return { rows, next: last === undefined ? null : encodeCursor(last.at, last.id) };
    },
    async above(_c, query) {
      return (
        <FilterBar path={PATH} label="Events" replaces="#list">
          <Many name="type" label="Type" chosen={query.type} values={EVENT_TYPES} />
          <PastTimeRange label="Time" query={query} />
          <label>
            Account
            <input name="account_id" value={query.account_id ?? ''} placeholder="acc_…" />
          </label>
          <ColumnChoice columns={COLUMNS} chosen={query.column} />
        </FilterBar>
      );
    },
  });
}
