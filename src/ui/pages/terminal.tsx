/** The token refresh terminal: the log entries of all attempts, newest first, updated live. */
import { z } from 'zod';
import { compareTokens, type TokenComparison } from '../../domain/account/token-comparison';
import { encodeCursor } from '../../domain/cursor';
import { LOG_ACTIONS, LOG_SOURCES, type LogEntry } from '../../domain/logs/log-entry';
import { LOG_RESULTS, type LogFilter } from '../../domain/logs/log-filter';
import { FAILURE_CODES } from '../../domain/refresh/refresh-failure';
import { notFound } from '../../domain/service-error';
import { noMatches, noneYet } from '../../domain/text/messages';
import { idOf } from '../../http/entry-stream';
import { placeOf } from '../../http/paging';
import { logPage } from '../../services/logs/log-page';
import type { UiDependencies } from '../dependencies';
import {
  addressOf,
  many,
  moment,
  pastRange,
  type QueryValue,
  single,
  span,
  text,
} from '../list-query';
import { COUNT_MAX } from '../list-routes';
import { Commands, type RepeatedBy, repeatedList, sameName, TIME_FILTERS } from '../parts/commands';
import { FilterBar, Many, One, PastTimeRange, Search } from '../parts/filter-bar';
import { Count } from '../parts/list';
import { Entry } from '../parts/log-entry';

const PATH = '/admin/terminal';
const TEXT_MAX = 200;

export const TerminalQuery = z.object({
  source: many(z.enum(LOG_SOURCES)),
  action: many(z.enum(LOG_ACTIONS)),
  provider: many(text(64)),
  env: many(text(64)),
  account_id: single(text(64)),
  trace: single(text(32)),
  text: single(text(TEXT_MAX)),
  result: single(z.enum(LOG_RESULTS)),
  code: many(text(64)),
  since: single(span),
  from: single(moment),
  to: single(moment),
});
type Filters = z.infer<typeof TerminalQuery>;

export function terminalFilter(
  { env, account_id, trace, since, from, to, ...filters }: Filters,
  organisation: string,
  now: Date,
): LogFilter {
  return {
    organisation,
    environment: env,
    accountId: account_id,
    traceId: trace,
    ...filters,
    ...pastRange(since, { from, to }, now),
  };
}

interface ShownEntries {
  entries: { entry: LogEntry; comparison: TokenComparison | undefined }[];
  filters: Filters;
  /** The place after which older entries follow; `null` if there are none. */
  older: string | null;
}

export interface TerminalView extends ShownEntries {
  /** The number of matching entries, counted up to {@link COUNT_MAX}; `null` for a link to one entry. */
  count: number | null;
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

type Dependencies = Pick<UiDependencies, 'store' | 'providers' | 'logTail' | 'now'>;

/** The newest entries, or the entries older than a place. */
export async function loadTerminal(
  deps: Dependencies,
  organisation: string,
  filters: Filters,
  before: string | undefined,
): Promise<TerminalView> {
  // Read before the list, so that entries written in between arrive through the stream.
  const end = await deps.logTail.end();
  const [shown, counted] = await Promise.all([
    loadEntries(deps, organisation, filters, before, FIRST_PAGE),
    // Counting the entries with a text would read the whole log.
    filters.text === undefined
      ? deps.store.logEntries.count(
          terminalFilter(filters, organisation, deps.now()),
          COUNT_MAX + 1,
        )
      : null,
  ]);
  const isWhole = before === undefined && shown.older === null;
  const count = isWhole ? shown.entries.length : counted;
  const followFrom = before === undefined && filters.to === undefined ? idOf(end) : null;
  return { ...shown, count, followFrom, linked: null, options: optionsOf(deps) };
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
    count: null,
    linked: id,
    options: optionsOf(deps),
  };
}

/** One page of entries. */
export async function loadEntries(
  { store, now }: Pick<Dependencies, 'store' | 'now'>,
  organisation: string,
  filters: Filters,
  before: string | undefined,
  limit = NEXT_PAGE,
): Promise<ShownEntries> {
  const { entries, next } = await logPage(store, {
    ...terminalFilter(filters, organisation, now()),
    before: before === undefined ? null : placeOf(before),
    limit,
  });
  return { entries: await compared({ store }, organisation, entries), filters, older: next };
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
export function Terminal({
  view,
  origin,
  dialog = false,
}: {
  view: TerminalView;
  origin: string;
  dialog?: boolean;
}) {
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
        <a
          class="button"
          href={`/admin/terminal/export?${queryOf(filters, { format: 'jsonl' })}`}
          download
        >
          Download
        </a>
        <a
          class="button"
          href={`/admin/terminal/export?${queryOf(filters, { format: 'csv' })}`}
          download
        >
          CSV
        </a>
        <Commands origin={origin} of="the entries" commands={[logsCommand(filters)]} />
        <button type="button" command="show-modal" commandfor="terminal-keys">
          Shortcuts
        </button>
        <span id="terminal-notice" role="status" />
        {view.count !== null && view.count > 0 && (
          <span class="muted">
            <Count
              count={{
                count: Math.min(view.count, COUNT_MAX),
                isComplete: view.count <= COUNT_MAX,
                asOf: null,
              }}
              things={['entries when the page was loaded', 'entry when the page was loaded']}
            />
          </span>
        )}
        {query !== '' && !dialog && <a href={PATH}>Show all</a>}
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
        <p class="empty">
          {view.older !== null
            ? 'No match so far. The search continues with older entries.'
            : query === ''
              ? noneYet('log entries')
              : noMatches('log entries')}
        </p>
      )}
      <Keys />
    </section>
  );
}

function logsCommand(filters: Filters): RepeatedBy {
  return repeatedList({ path: '/api/admin/terminal-logs', words: ['logs'] }, filters, {
    text: { label: 'Text', api: 'text', option: 'search' },
    source: sameName('Source', 'source'),
    action: sameName('Action', 'action'),
    provider: sameName('Provider', 'provider'),
    env: { label: 'Environment', api: 'env', option: 'environment' },
    account_id: { label: 'Account', api: 'account_id', option: 'account' },
    trace: sameName('Trace', 'trace'),
    result: sameName('Result', 'result'),
    code: sameName('Reason', 'code'),
    ...TIME_FILTERS,
  });
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
  const inPlace = { get: `${PATH}/panel`, target: '#terminal-dialog-body' };
  return (
    <FilterBar path={PATH} label="Filter the entries" {...(dialog ? { inPlace } : {})}>
      <Search name="text" label="Text" value={filters.text} max={TEXT_MAX} />
      <One
        name="result"
        label="Result"
        chosen={filters.result}
        options={{ failed: 'failed', succeeded: 'succeeded' }}
        none="all"
      />
      <Many name="code" label="Reason" chosen={filters.code} values={FAILURE_CODES} />
      <Many name="source" label="Source" chosen={filters.source} values={LOG_SOURCES} />
      <Many name="action" label="Action" chosen={filters.action} values={LOG_ACTIONS} />
      <Many name="provider" label="Provider" chosen={filters.provider} values={options.providers} />
      <Many name="env" label="Environment" chosen={filters.env} values={options.environments} />
      <PastTimeRange label="Time" query={filters} />
      <label>
        Account
        <input name="account_id" value={filters.account_id ?? ''} placeholder="acc_…" />
      </label>
      {filters.trace !== undefined && (
        <label>
          Trace
          <input name="trace" value={filters.trace} maxlength={32} />
        </label>
      )}
    </FilterBar>
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
function queryOf(filters: Filters, more: Readonly<Record<string, QueryValue>> = {}): string {
  return addressOf('', { ...filters, ...more }).slice(1);
}
