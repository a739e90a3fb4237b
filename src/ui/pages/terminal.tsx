/** The token refresh terminal: the log entries of all attempts, newest first, updated live. */
import type { z } from '@hono/zod-openapi';
import { type AnyLogFilterQuery, logFilter } from '../../api/routes/terminal/log-query';
import { compareTokens, type TokenComparison } from '../../domain/account/token-comparison';
import { encodeCursor } from '../../domain/cursor';
import { LOG_ACTIONS, LOG_SOURCES, type LogEntry } from '../../domain/logs/log-entry';
import { notFound } from '../../domain/service-error';
import { noMatches, noneYet } from '../../domain/text/messages';
import { idOf } from '../../http/entry-stream';
import { placeOf } from '../../http/paging';
import type { UiDependencies } from '../dependencies';
import { words } from '../parts/account-badges';
import { Entry } from '../parts/log-entry';

type Filters = z.infer<typeof AnyLogFilterQuery>;

interface ShownEntries {
  entries: { entry: LogEntry; comparison: TokenComparison | undefined }[];
  filters: Filters;
  /** The place after which older entries follow; `null` if there are none. */
  older: string | null;
}

export interface TerminalView extends ShownEntries {
  options: { providers: string[]; environments: string[] };
  /** The place from which live entries follow; `null` if newer entries exist that are not shown. */
  followFrom: string | null;
  /** The entry that the address links to. */
  linked: string | null;
}

/** Number of entries on the first page. More would delay its display. Scrolling loads more. */
const FIRST_PAGE = 50;
const NEXT_PAGE = 500;
/**
 * Number of entries per list. Browsers check each list for visibility in every frame: 10,000 lists of one entry take
 * 133 ms per frame, and 200 lists take no noticeable time.
 */
const LIST = 50;
const NEWER_THAN_LINKED = 10;

type Dependencies = Pick<UiDependencies, 'store' | 'providers' | 'logTail'>;

/** The newest entries, or the entries older than a place. */
export async function loadTerminal(
  deps: Dependencies,
  organisation: string,
  filters: Filters,
  before: string | undefined,
): Promise<TerminalView> {
  // Read before the list, so that entries written in between arrive through the stream.
  const end = await deps.logTail.end();
  const shown = await loadEntries(deps, organisation, filters, before, FIRST_PAGE);
  const followFrom = before === undefined ? idOf(end) : null;
  return { ...shown, followFrom, linked: null, options: optionsOf(deps) };
}

/** One entry and its neighbours. Throws `not_found` also for entries of other organisations. */
export async function loadLinked(
  deps: Dependencies,
  organisation: string,
  id: string,
): Promise<TerminalView> {
  const { logEntries } = deps.store;
  const entry = await logEntries.find(organisation, id);
  if (entry === null) throw notFound(`log entry ${id}`);
  const end = await deps.logTail.end();
  const place = { createdAt: new Date(entry.created_at), id };
  const newer = await logEntries.newerThan(place, { organisation, limit: NEWER_THAN_LINKED + 1 });
  const before = encodeCursor(entry.created_at, id);
  const rest = await loadEntries(deps, organisation, {}, before, FIRST_PAGE);
  const above = newer.slice(-NEWER_THAN_LINKED);
  return {
    ...rest,
    entries: [...(await compared(deps, organisation, [...above, entry])), ...rest.entries],
    followFrom: newer.length > NEWER_THAN_LINKED ? null : idOf(end),
    linked: id,
    options: optionsOf(deps),
  };
}

/** One page of entries. */
export async function loadEntries(
  { store }: Pick<Dependencies, 'store'>,
  organisation: string,
  filters: Filters,
  before: string | undefined,
  limit = NEXT_PAGE,
): Promise<ShownEntries> {
  const place = before === undefined ? null : placeOf(before);
  const found = await store.logEntries.list({
    ...logFilter(filters, organisation),
    before: place === null ? undefined : { createdAt: place.at, id: place.id },
    limit: limit + 1,
  });
  const entries = found.slice(0, limit);
  const last = found.length > limit ? entries.at(-1) : undefined;
  return {
    entries: await compared({ store }, organisation, entries),
    filters,
    older: last === undefined ? null : encodeCursor(last.created_at, last.id),
  };
}

/** Entries, each with the comparison of its refresh token with that of the account's previous attempt. */
export async function compared(
  { store }: Pick<Dependencies, 'store'>,
  organisation: string,
  entries: readonly LogEntry[],
): Promise<ShownEntries['entries']> {
  const comparisons = compareTokens(await store.logEntries.presentedTokens(organisation, entries));
  return entries.map((entry) => ({ entry, comparison: comparisons.get(entry.id) }));
}

function optionsOf({ providers }: Pick<Dependencies, 'providers'>): TerminalView['options'] {
  const environments = providers.all.flatMap((one) => [...one.environments.keys()]);
  return {
    providers: providers.all.map(({ id }) => id),
    environments: [...new Set(environments)],
  };
}

/** The whole terminal, as a page or in a dialog. */
export function Terminal({ view, dialog = false }: { view: TerminalView; dialog?: boolean }) {
  const { filters, followFrom } = view;
  const query = queryOf(filters);
  const stream = `/admin/terminal/stream?${queryOf(filters, { after: followFrom ?? undefined })}`;
  return (
    <section id="terminal" aria-label="Entries">
      <FilterForm view={view} dialog={dialog} />
      <div class="tools">
        {followFrom === null ? (
          <a href={`/admin/terminal?${query}`}>Show newer entries, live</a>
        ) : (
          <button type="button" data-do="pause" aria-keyshortcuts="p">
            Pause
          </button>
        )}
        <span id="terminal-waiting" role="status" />
        <button type="button" data-do="copy">
          Copy all
        </button>
        <a class="button" href={`/admin/terminal/download?${query}`} download>
          Download
        </a>
        <button type="button" command="show-modal" commandfor="terminal-keys">
          Shortcuts
        </button>
        <span id="terminal-notice" role="status" />
      </div>
      <p id="terminal-left-out" role="status" />
      <div
        class="entries"
        role="group"
        aria-label="Entries, newest first"
        {...(followFrom === null ? {} : { 'hx-sse:connect': stream })}
      >
        <Entries shown={view} linked={view.linked} />
      </div>
      {view.entries.length === 0 && (
        <p class="empty">{query === '' ? noneYet('log entries') : noMatches('log entries')}</p>
      )}
      <Keys />
    </section>
  );
}

/** Says that the stream left out entries, and links to the list of them. */
export function LeftOut({ filters, before }: { filters: Filters; before: string }) {
  return (
    <>
      Entries are missing here: too many were written while this page was not connected.{' '}
      <a href={`/admin/terminal?${queryOf(filters, { before })}`}>Show the missing entries</a>
    </>
  );
}

/** Entries, and the element that loads more when it scrolls into view. One list is always present, for live entries. */
export function Entries({ shown, linked }: { shown: ShownEntries; linked?: string | null }) {
  const next = queryOf(shown.filters, { before: shown.older ?? undefined });
  const pages = Math.max(1, Math.ceil(shown.entries.length / LIST));
  return (
    <>
      {Array.from({ length: pages }, (_, page) => (
        <ol>
          {shown.entries.slice(page * LIST, (page + 1) * LIST).map(({ entry, comparison }) => (
            <Entry entry={entry} comparison={comparison} linked={entry.id === linked} />
          ))}
        </ol>
      ))}
      {shown.older !== null && (
        <p class="older">
          <a
            href={`/admin/terminal?${next}`}
            hx-get={`/admin/terminal/entries?${next}`}
            hx-trigger="intersect once rootMargin:1200px, click"
            hx-target="closest .older"
            hx-swap="outerHTML"
          >
            Older entries
          </a>
        </p>
      )}
    </>
  );
}

function FilterForm({ view, dialog }: { view: TerminalView; dialog: boolean }) {
  const { filters, options } = view;
  const inPlace = { 'hx-get': '/admin/terminal/panel', 'hx-target': '#terminal-dialog-body' };
  return (
    <form
      class="filters"
      role="search"
      aria-label="Filter the entries"
      method="get"
      action="/admin/terminal"
      {...(dialog ? inPlace : {})}
    >
      <Choice name="source" label="Source" chosen={filters.source} among={LOG_SOURCES} />
      <Choice name="action" label="Action" chosen={filters.action} among={LOG_ACTIONS} />
      <Choice
        name="provider"
        label="Provider"
        chosen={filters.provider}
        among={options.providers}
      />
      <Choice name="env" label="Environment" chosen={filters.env} among={options.environments} />
      <label>
        Account
        <input name="account_id" value={filters.account_id ?? ''} placeholder="acc_…" />
      </label>
      <label>
        Text
        <input name="text" type="search" value={filters.text ?? ''} maxlength={200} />
      </label>
      <button>Filter</button>
      {queryOf(filters) !== '' && !dialog && <a href="/admin/terminal">Show all</a>}
    </form>
  );
}

interface ChoiceProps {
  name: string;
  label: string;
  chosen: string | undefined;
  among: readonly string[];
}

function Choice({ name, label, chosen, among }: ChoiceProps) {
  // A link may name a value that is no longer configured.
  const all = chosen === undefined || among.includes(chosen) ? among : [...among, chosen];
  return (
    <label>
      {label}
      <select name={name}>
        <option value="">all</option>
        {all.map((value) => (
          <option value={value} selected={value === chosen}>
            {words(value)}
          </option>
        ))}
      </select>
    </label>
  );
}

function Keys() {
  return (
    <dialog id="terminal-keys" aria-labelledby="terminal-keys-title">
      <h2 id="terminal-keys-title">Keyboard shortcuts</h2>
      <dl>
        <dt>↓ ↑</dt>
        <dd>next or previous entry</dd>
        <dt>Enter</dt>
        <dd>expand or collapse the entry</dd>
        <dt>p</dt>
        <dd>pause or resume</dd>
        <dt>/</dt>
        <dd>go to the text filter</dd>
        <dt>?</dt>
        <dd>show these shortcuts</dd>
      </dl>
      <label>
        <input type="checkbox" id="terminal-single-keys" checked /> Use single-key shortcuts
      </label>
      <button type="button" command="close" commandfor="terminal-keys">
        Close
      </button>
    </dialog>
  );
}

/** The filters as a query, without unset ones. */
function queryOf(filters: Filters, more: Record<string, string | undefined> = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...filters, ...more }))
    if (value !== undefined) query.set(name, value);
  return query.toString();
}
