/** A list of rows: its count, its table with the chosen columns, its pages, and its export. Updated live. */
import type { Child } from 'hono/jsx';
import { noMatches, noneYet } from '../../domain/text/messages';
import { addressOf, type QueryValue } from '../list-query';
import { Commands, type RepeatedBy } from './commands';
import { Many } from './filter-bar';
import { numeral } from './plot';
import { Moment } from './time';

export interface Column<Row> {
  /** The value of the parameter `column`. */
  id: string;
  title: string;
  /** The column that names the row; it is always shown. */
  names?: true;
  /** Shown only if a person chooses it. */
  optional?: true;
  /** Its long texts take the room that the other columns leave, and are cut off. */
  flexible?: true;
  /** Its long texts wrap, because their end says what to do. */
  wraps?: true;
  /** The sort order that goes by this column. */
  sort?: string;
  cell: (row: Row) => Child;
  /** The value in CSV; a column without it is not exported. */
  value?: (row: Row) => string | number | null;
}

/** The number of all matching rows. */
export interface RowCount {
  count: number;
  /** `false`: there are more. */
  isComplete: boolean;
  /** When a worker counted; `null`: now. */
  asOf: Date | null;
}

export interface ListProps<Row> {
  path: string;
  /** The rows in plural and singular, such as `accounts` and `account`. */
  things: readonly [string, string];
  /** The filters, order and columns, without the place of the page. */
  query: Readonly<Record<string, QueryValue>>;
  cursor: string | undefined;
  next: string | null;
  rows: readonly Row[];
  /** `null`: unknown. */
  count: RowCount | null;
  columns: readonly Column<Row>[];
  chosenColumns: readonly string[] | undefined;
  sort?: string;
  idOf: (row: Row) => string;
  nameOf?: (row: Row) => string;
  /** The form that acts on selected rows. */
  selectedBy?: string;
  /** Parameters that are no filters: without others, an empty list is empty. */
  noFilters?: readonly string[];
  /** The next step, if there is no row at all. */
  start?: Child;
  isLive?: boolean;
  /** The commands that return the same rows, and the address of this service; `null`: there are none. */
  repeatedBy?: { origin: string; command: RepeatedBy } | null;
  /** The address of a page that begins with the row. */
  linkTo?: (row: Row) => string;
}

/** The list with its stream; a filter form replaces it. */
export function List<Row>(props: ListProps<Row>) {
  const { path, query, cursor, isLive = true } = props;
  const stream = addressOf(`${path}/stream`, { ...query, cursor });
  return (
    <div id="list" {...(isLive ? { 'hx-sse:connect': stream, 'hx-swap': 'innerMorph' } : {})}>
      <ListBody {...props} />
    </div>
  );
}

/** The live fragment. */
export function ListBody<Row>(props: ListProps<Row>) {
  const { path, query, rows, count, things } = props;
  const isFiltered = Object.entries(query).some(
    ([name, value]) =>
      value !== undefined && !['sort', 'column', ...(props.noFilters ?? [])].includes(name),
  );
  const filter = props.selectedBy !== undefined && (
    <input
      type="hidden"
      name="filter"
      value={addressOf('', { ...query, sort: undefined, column: undefined }).slice(1)}
      form={props.selectedBy}
    />
  );
  // A page without rows that is not the last: the query examined as much as one request may.
  if (rows.length === 0 && props.next !== null)
    return (
      <>
        {filter}
        <p class="empty">No match on this page. The search continues on the next one.</p>
        <Pager {...props} />
      </>
    );
  if (rows.length === 0)
    return (
      <>
        {filter}
        <p class="empty">
          {isFiltered ? (
            <>
              {noMatches(things[0])} <a href={path}>Show all</a>
            </>
          ) : (
            <>
              {noneYet(things[0])} {props.start}
            </>
          )}
        </p>
      </>
    );
  const { repeatedBy = null } = props;
  return (
    <>
      <div class="list-head">
        <p>{count !== null && <Count count={count} things={things} />}</p>
        {isFiltered && <a href={path}>Show all</a>}
        <span class="exports">
          Export{' '}
          <a href={addressOf(`${path}/export`, { ...query, format: 'csv' })} download>
            CSV
          </a>{' '}
          <a href={addressOf(`${path}/export`, { ...query, format: 'jsonl' })} download>
            JSON Lines
          </a>
        </span>
        {repeatedBy !== null && (
          <Commands
            origin={repeatedBy.origin}
            of={`the ${things[0]}`}
            commands={[repeatedBy.command]}
          />
        )}
      </div>
      {filter}
      <Rows {...props} />
      <Pager {...props} />
    </>
  );
}

export function Count({
  count: { count, isComplete, asOf },
  things,
}: {
  count: RowCount;
  things: ListProps<unknown>['things'];
}) {
  return (
    <>
      {!isComplete && 'more than '}
      <strong>{numeral(count)}</strong> {count === 1 ? things[1] : things[0]}
      {asOf !== null && (
        <span class="muted">
          , counted <Moment at={asOf} />
        </span>
      )}
    </>
  );
}

/** The filter that chooses the columns. */
export function ColumnChoice<Row>({
  columns,
  chosen,
}: {
  columns: readonly Column<Row>[];
  chosen: readonly string[] | undefined;
}) {
  const choices = columns.filter(({ names }) => names !== true);
  return (
    <Many
      name="column"
      label="Columns"
      chosen={chosen}
      values={choices.map(({ id }) => id)}
      defaults={choices.filter(({ optional }) => optional !== true).map(({ id }) => id)}
      word={(id) => choices.find((column) => column.id === id)?.title ?? id}
    />
  );
}

/** The columns that are shown, in their order. */
export function shownColumns<Row>(
  columns: readonly Column<Row>[],
  chosen: readonly string[] | undefined,
): Column<Row>[] {
  return columns.filter(({ id, names, optional }) =>
    names === true ? true : chosen === undefined ? optional !== true : chosen.includes(id),
  );
}

function Rows<Row>(props: ListProps<Row>) {
  const { rows, idOf, nameOf, selectedBy, sort, linkTo } = props;
  const columns = shownColumns(props.columns, props.chosenColumns);
  return (
    <div class="wide">
      <table class="rows list">
        <thead>
          <tr>
            {selectedBy !== undefined && (
              <th scope="col" class="select">
                <input type="checkbox" data-do="select-all" aria-label="Select all on this page" />
              </th>
            )}
            {columns.map((column) => (
              <th
                scope="col"
                {...(column.sort !== undefined && column.sort === sort
                  ? { 'aria-sort': 'ascending' }
                  : {})}
              >
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr id={`row-${idOf(row)}`}>
              {selectedBy !== undefined && (
                <td class="select">
                  <input
                    type="checkbox"
                    name="id"
                    value={idOf(row)}
                    form={selectedBy}
                    aria-label={`Select ${nameOf?.(row) ?? idOf(row)}`}
                  />
                </td>
              )}
              {columns.map(({ names, title, flexible, wraps, cell }) =>
                names === true ? (
                  <th scope="row" {...flexibleClass(flexible)}>
                    {linkTo !== undefined && (
                      <>
                        <a
                          class="anchor"
                          href={`${linkTo(row)}#row-${idOf(row)}`}
                          aria-label={`Link to this ${props.things[1]}`}
                        >
                          #
                        </a>{' '}
                      </>
                    )}
                    {cell(row)}
                  </th>
                ) : (
                  <td
                    data-label={title}
                    {...(wraps ? { class: 'wraps' } : flexibleClass(flexible))}
                  >
                    {cell(row)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function flexibleClass(flexible: true | undefined) {
  return flexible === true ? { class: 'flexible' } : {};
}

function Pager<Row>({ path, query, cursor, next, things }: ListProps<Row>) {
  if (cursor === undefined && next === null) return null;
  return (
    <nav class="pager" aria-label={`Pages of ${things[0]}`}>
      {cursor !== undefined && (
        <a class="button" href={addressOf(path, query)}>
          First page
        </a>
      )}
      {next !== null && (
        <a class="button" rel="next" href={addressOf(path, { ...query, cursor: next })}>
          Next page
        </a>
      )}
    </nav>
  );
}
