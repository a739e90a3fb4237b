/** The terminal: as a page, in a dialog, page by page, live, and as a file. */
import { stream } from 'hono/streaming';
import { logEntryBody } from '../../api/routes/terminal/log-entry-body';
import { AnyLogFilterQuery, logFilter } from '../../api/routes/terminal/log-query';
import type { LogFilter } from '../../domain/logs/log-filter';
import { ServiceError } from '../../domain/service-error';
import { visible } from '../../domain/text/visible-text';
import { streamEntries } from '../../http/entry-stream';
import { placeOf } from '../../http/paging';
import type { UiDependencies } from '../dependencies';
import type { UiApp, UiContext } from '../env';
import { showPage } from '../layout';
import { markup } from '../markup';
import {
  compared,
  Entries,
  LeftOut,
  loadEntries,
  loadLinked,
  loadTerminal,
  Terminal,
} from '../pages/terminal';
import { Entry } from '../parts/log-entry';

const DOWNLOAD_PAGE = 500;
const DOWNLOAD_MAX = 100_000;

export function registerTerminal(ui: UiApp, deps: UiDependencies): void {
  ui.get('/admin/terminal', async (c) => {
    const { organisation } = c.get('session');
    const { entry, before } = c.req.query();
    const view = entry
      ? await loadLinked(deps, organisation, entry)
      : await loadTerminal(deps, organisation, filtersOf(c), before);
    return showPage(
      c,
      {
        title: 'Token refresh terminal (worker + debug)',
        section: '/admin/terminal',
        live: view.followFrom !== null,
      },
      <Terminal view={view} />,
    );
  });

  ui.get('/admin/terminal/panel', async (c) => {
    const { organisation } = c.get('session');
    const view = await loadTerminal(deps, organisation, filtersOf(c), undefined);
    return c.html(await markup(<Terminal view={view} dialog />));
  });

  ui.get('/admin/terminal/entries', async (c) => {
    const { organisation } = c.get('session');
    const { before } = c.req.query();
    const shown = await loadEntries(deps, organisation, filtersOf(c), before);
    return c.html(await markup(<Entries shown={shown} />));
  });

  ui.get('/admin/terminal/stream', async (c) => {
    const session = c.get('session');
    const { organisation } = session;
    const { after } = c.req.query();
    const filters = filtersOf(c);
    return streamEntries(c, deps, {
      owner: session,
      filter: logFilter(filters, organisation),
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

  ui.get('/admin/terminal/download', (c) => {
    const { organisation } = c.get('session');
    const filter = logFilter(filtersOf(c), organisation);
    c.header('Content-Type', 'application/x-ndjson; charset=utf-8');
    c.header('Content-Disposition', 'attachment; filename="token-refresh-terminal.jsonl"');
    return stream(c, async (file) => {
      for await (const lines of downloaded(deps, filter)) {
        if (file.aborted) return;
        await file.write(lines);
      }
    });
  });
}

/** The entries as JSON Lines, newest first, one page at a time. */
async function* downloaded(
  { store, now }: Pick<UiDependencies, 'store' | 'now'>,
  filter: LogFilter,
): AsyncGenerator<string> {
  let before: { createdAt: Date; id: string } | undefined;
  for (let count = 0; count < DOWNLOAD_MAX; count += DOWNLOAD_PAGE) {
    // oxlint-disable-next-line no-await-in-loop -- each page begins where the one before ended
    const entries = await store.logEntries.list({
      ...filter,
      before,
      keptAt: now(),
      limit: DOWNLOAD_PAGE,
    });
    yield entries.map((entry) => `${visible(JSON.stringify(logEntryBody(entry)))}\n`).join('');
    const last = entries.at(-1);
    if (last === undefined || entries.length < DOWNLOAD_PAGE) return;
    before = { createdAt: new Date(last.created_at), id: last.id };
  }
}

/** A form also sends empty fields. */
function filtersOf(c: UiContext) {
  const given = Object.entries(c.req.query()).filter(([, value]) => value !== '');
  const filters = AnyLogFilterQuery.safeParse(Object.fromEntries(given));
  if (filters.success) return filters.data;
  const [issue] = filters.error.issues;
  throw new ServiceError('invalid_request', `${issue?.path.join('.')}: ${issue?.message}`);
}
