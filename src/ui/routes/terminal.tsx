/** The terminal: as a page, in a dialog, page by page, live, and as a file. */
import { logEntryBody } from '../../api/routes/terminal/log-entry-body';
import type { LogEntry } from '../../domain/logs/log-entry';
import type { LogFilter } from '../../domain/logs/log-filter';
import { streamEntries } from '../../http/entry-stream';
import { placeOf } from '../../http/paging';
import { shownOrigin } from '../../http/public-origin';
import { logPage } from '../../services/logs/log-page';
import type { UiDependencies } from '../dependencies';
import type { UiApp, UiContext } from '../env';
import { showPage } from '../layout';
import { parsedQuery } from '../list-query';
import { EXPORT_PAGE, exportList } from '../list-routes';
import { markup } from '../markup';
import {
  compared,
  Entries,
  LeftOut,
  loadEntries,
  loadLinked,
  loadTerminal,
  Terminal,
  TerminalQuery,
  terminalFilter,
} from '../pages/terminal';
import type { Column } from '../parts/list';
import { Entry } from '../parts/log-entry';

export function registerTerminal(ui: UiApp, deps: UiDependencies): void {
  ui.get('/admin/terminal', async (c) => {
    const { organisation } = c.get('session');
    const { entry, before } = c.req.query();
    const view = entry
      ? await loadLinked(deps, organisation, entry)
      : await loadTerminal(deps, organisation, parsedQuery(c, TerminalQuery), before);
    return showPage(
      c,
      {
        title: 'Token refresh terminal (worker + debug)',
        section: '/admin/terminal',
        live: view.followFrom !== null,
      },
      <Terminal view={view} origin={shownOrigin(c, deps.publicUrl)} />,
    );
  });

  ui.get('/admin/terminal/panel', async (c) => {
    const { organisation } = c.get('session');
    const view = await loadTerminal(deps, organisation, parsedQuery(c, TerminalQuery), undefined);
    return c.html(
      await markup(<Terminal view={view} origin={shownOrigin(c, deps.publicUrl)} dialog />),
    );
  });

  ui.get('/admin/terminal/entries', async (c) => {
    const { organisation } = c.get('session');
    const { before } = c.req.query();
    const shown = await loadEntries(deps, organisation, parsedQuery(c, TerminalQuery), before);
    return c.html(await markup(<Entries shown={shown} />));
  });

  ui.get('/admin/terminal/stream', async (c) => {
    const session = c.get('session');
    const { organisation } = session;
    const { after } = c.req.query();
    const filters = parsedQuery(c, TerminalQuery);
    return streamEntries(c, deps, {
      owner: session,
      filter: terminalFilter(filters, organisation, deps.now()),
      from: after === undefined ? undefined : placeOf(after, 'after'),
      messages: async (followed) => {
        const entries = followed.map(({ entry }) => entry);
        return Promise.all(
          (await compared(deps, organisation, entries)).map(async (one) => ({
            event: 'entry',
            data: await markup(<Entry {...one} />),
          })),
        );
      },
      leftOut: async (before) => ({
        event: 'left-out',
        data: await markup(<LeftOut filters={filters} before={before} />),
      }),
      isAllowed: async () => (await deps.sessions.read(c).catch(() => session)) !== null,
    });
  });

  const exported = (c: UiContext, format?: 'jsonl') => {
    const { organisation } = c.get('session');
    const filter = terminalFilter(parsedQuery(c, TerminalQuery), organisation, deps.now());
    return exportList(c, deps, {
      name: 'token-refresh-terminal',
      ...(format === undefined ? {} : { format }),
      columns: COLUMNS,
      body: logEntryBody,
      page: (cursor) => exportedPage(deps, filter, cursor),
    });
  };
  ui.get('/admin/terminal/export', (c) => exported(c));
  // The address of 0.1.0, which scripts may use.
  ui.get('/admin/terminal/download', (c) => exported(c, 'jsonl'));
}

/** The columns of the entries in CSV. */
const COLUMNS: readonly Column<LogEntry>[] = (
  [
    ['Time', ({ created_at }) => created_at],
    ['Source', ({ source }) => source],
    ['Action', ({ action }) => action],
    ['Provider', ({ provider }) => provider],
    ['Environment', ({ environment }) => environment],
    ['Account id', ({ account_id }) => account_id],
    ['Account', ({ account_label }) => account_label],
    ['Status', ({ response }) => response?.status ?? null],
    ['Duration in ms', ({ response }) => response?.duration_ms ?? null],
    ['Reason', ({ error }) => error?.code ?? null],
    ['Message', ({ message }) => message],
    ['Entry', ({ id }) => id],
  ] as const satisfies readonly [string, NonNullable<Column<LogEntry>['value']>][]
).map(([title, value]) => ({ id: title, title, value, cell: () => null }));

/** One page of entries, newest first, without those past their retention. */
async function exportedPage(
  { store, now }: Pick<UiDependencies, 'store' | 'now'>,
  filter: LogFilter,
  cursor: string | undefined,
) {
  const { entries, next } = await logPage(store, {
    ...filter,
    before: cursor === undefined ? null : placeOf(cursor),
    keptAt: now(),
    limit: EXPORT_PAGE,
  });
  return { rows: entries, next };
}
