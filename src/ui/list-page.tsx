/** Registers the routes of a list without actions: the page, its fragments, its stream and its export. */
import type { Child } from 'hono/jsx';
import type { z } from 'zod';
import { encodeCursor } from '../domain/cursor';
import { shownOrigin } from '../http/public-origin';
import type { UiDependencies } from './dependencies';
import type { Session, UiApp, UiContext } from './env';
import { isFragment } from './guard';
import { showPage } from './layout';
import { addressOf, parsedQuery, type QueryValue } from './list-query';
import { COUNT_MAX, countedSeldom, EXPORT_PAGE, exportList, LIST_PAGE } from './list-routes';
import { liveFragment } from './live';
import { markup } from './markup';
import type { Section } from './navigation';
import type { RepeatedBy } from './parts/commands';
import { type Column, List, ListBody, type ListProps, shownColumns } from './parts/list';
import { mayAct } from './permissions';

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
  /** The number of matching rows, counted up to `max`; absent if a count would cost too much. */
  count?: (session: Session, query: Query, max: number) => Promise<number>;
  /** The row as the API shows it. */
  body: (row: Row) => unknown;
  /** The filters, and whatever else stands above the list. */
  above: (c: UiContext, query: Query) => Promise<Child>;
  /** The next step, if there is no row at all. */
  start?: Child;
  /** The commands that return the same rows; `null`: there are none for these filters. */
  repeatedBy?: (query: Query) => RepeatedBy | null;
  /** The form that acts on selected rows, for persons that may act. */
  selectedBy?: string;
  nameOf?: (row: Row) => string;
  /** Parameters that every address of the list has. */
  noFilters?: readonly string[];
  /** The place right before a row, so that a link can show it. */
  placeBefore?: (row: Row) => string;
}

/** The place right before a row of a list by time and id, newest first: ids are ASCII, and `~` sorts behind their characters. */
export function placeBefore(at: string, id: string): string {
  return encodeCursor(at, `${id}~`);
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
  const counting = (session: Session, query: Query) => async () =>
    list.count === undefined ? null : list.count(session, query, COUNT_MAX + 1);
  const { placeBefore: before } = list;
  const load = async (
    c: UiContext,
    query: Query,
    count = counting(c.get('session'), query),
  ): Promise<ListProps<Row>> => {
    const [{ rows, next }, counted] = await Promise.all([
      list.page(c.get('session'), query, LIST_PAGE),
      count(),
    ]);
    const { cursor, ...filters } = query;
    const command = list.repeatedBy?.(query) ?? null;
    return {
      path,
      things: list.things,
      query: filters,
      cursor,
      next,
      rows,
      count:
        counted === null
          ? null
          : {
              count: Math.min(counted, COUNT_MAX),
              isComplete: counted <= COUNT_MAX,
              asOf: null,
            },
      columns,
      chosenColumns: query.column,
      idOf: list.idOf,
      start: list.start,
      ...(list.nameOf && { nameOf: list.nameOf }),
      ...(list.noFilters && { noFilters: list.noFilters }),
      ...(list.selectedBy !== undefined && mayAct(c.get('session'))
        ? { selectedBy: list.selectedBy }
        : {}),
      repeatedBy: command && { origin: shownOrigin(c, deps.publicUrl), command },
      ...(before && { linkTo: (row) => addressOf(path, { cursor: before(row) }) }),
    };
  };

  ui.get(path, async (c) => {
    const query = queryOf(c);
    const props = await load(c, query);
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
    const count = countedSeldom(counting(c.get('session'), query));
    return liveFragment(c, deps, async () => <ListBody {...(await load(c, query, count))} />, {
      isList: true,
    });
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
