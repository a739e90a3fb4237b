/** Registers the routes of a list without actions: the page, its fragments, its stream and its export. */
import type { Child } from 'hono/jsx';
import type { z } from 'zod';
import type { UiDependencies } from './dependencies';
import type { Session, UiApp, UiContext } from './env';
import { isFragment } from './guard';
import { showPage } from './layout';
import { addressOf, parsedQuery, type QueryValue } from './list-query';
import { COUNT_MAX, countedSeldom, EXPORT_PAGE, exportList, LIST_PAGE } from './list-routes';
import { liveFragment } from './live';
import { markup } from './markup';
import type { Section } from './navigation';
import { type Column, List, ListBody, type ListProps, shownColumns } from './parts/list';

interface ListQuery extends Readonly<Record<string, QueryValue>> {
  cursor?: string | undefined;
  column?: string[] | undefined;
}

export interface ListPage<Row, Query extends ListQuery> {
  path: Section;
  title: string;
  schema: z.ZodType<Query>;
  things: readonly [string, string];
  columns: readonly Column<Row>[];
  idOf: (row: Row) => string;
  /** Called before anything is loaded. @throws {ServiceError} if the session may not see the list */
  guard?: (session: Session) => void;
  page: (
    session: Session,
    query: Query,
    limit: number,
  ) => Promise<{ rows: readonly Row[]; next: string | null }>;
  /** The number of matching rows, counted up to `max`. */
  count: (session: Session, query: Query, max: number) => Promise<number>;
  /** The row as the API shows it. */
  body: (row: Row) => unknown;
  /** The filters, and whatever else stands above the list. */
  above: (c: UiContext, query: Query) => Promise<Child>;
  /** The form that acts on selected rows. */
  selectedBy?: string;
  /** The next step, if there is no row at all. */
  start?: Child;
}

export function registerList<Row, Query extends ListQuery>(
  ui: UiApp,
  deps: UiDependencies,
  list: ListPage<Row, Query>,
): void {
  const { path, columns } = list;
  const queryOf = (c: UiContext): Query => {
    list.guard?.(c.get('session'));
    return parsedQuery(c, list.schema);
  };
  const load = async (
    session: Session,
    query: Query,
    count = () => list.count(session, query, COUNT_MAX + 1),
  ): Promise<ListProps<Row>> => {
    const [{ rows, next }, counted] = await Promise.all([
      list.page(session, query, LIST_PAGE),
      count(),
    ]);
    const { cursor, ...filters } = query;
    return {
      path,
      things: list.things,
      query: filters,
      cursor,
      next,
      rows,
      count: { count: Math.min(counted, COUNT_MAX), isComplete: counted <= COUNT_MAX, asOf: null },
      columns,
      chosenColumns: query.column,
      idOf: list.idOf,
      start: list.start,
      ...(list.selectedBy === undefined ? {} : { selectedBy: list.selectedBy }),
    };
  };

  ui.get(path, async (c) => {
    const query = queryOf(c);
    const props = await load(c.get('session'), query);
    if (isFragment(c)) {
      c.header('HX-Replace-Url', addressOf(path, query));
      return c.html(await markup(<List {...props} />));
    }
    return showPage(
      c,
      { title: list.title, section: path, live: true },
      <>
        {await list.above(c, query)}
        <List {...props} />
      </>,
    );
  });
  ui.get(`${path}/stream`, (c) => {
    const query = queryOf(c);
    const session = c.get('session');
    const count = countedSeldom(() => list.count(session, query, COUNT_MAX + 1));
    return liveFragment(
      c,
      deps,
      async () => <ListBody {...(await load(session, query, count))} />,
      { isList: true },
    );
  });
  ui.get(`${path}/export`, (c) => {
    const query = queryOf(c);
    const session = c.get('session');
    return exportList(c, deps, {
      name: list.things[0].replaceAll(' ', '-'),
      columns: shownColumns(columns, query.column ?? columns.map(({ id }) => id)),
      body: list.body,
      page: (cursor) => list.page(session, { ...query, cursor }, EXPORT_PAGE),
    });
  });
}
