/** The filters of a list as one form, on phones behind a button. With scripts, each change replaces the list. */
import type { Child } from 'hono/jsx';
import type { Span } from '../list-query';

interface FilterBarProps {
  path: string;
  /** The name of the form for screen readers, such as `Accounts`. */
  label: string;
  /** Replaces the list in place, in a dialog: the address and its target. */
  inPlace?: { get: string; target: string };
  /** Submits by script as soon as a choice changes, and replaces the list only. */
  replaces?: string;
  children: Child;
}

export function FilterBar({ path, label, inPlace, replaces, children }: FilterBarProps) {
  const scripted =
    inPlace !== undefined
      ? { 'hx-get': inPlace.get, 'hx-target': inPlace.target }
      : replaces === undefined
        ? {}
        : {
            'hx-get': path,
            'hx-target': replaces,
            'hx-swap': 'outerHTML',
            'hx-sync': 'this:replace',
            'hx-trigger': 'submit, change, input changed delay:300ms from:#list-search',
          };
  return (
    <>
      <button type="button" class="sheet-button" popovertarget="filters">
        Filters
      </button>
      <form
        id="filters"
        popover="auto"
        class="filters sheet"
        role="search"
        aria-label={label}
        method="get"
        action={path}
        {...scripted}
      >
        {children}
        <button>Filter</button>
      </form>
    </>
  );
}

interface SearchProps {
  name: string;
  label: string;
  value: string | undefined;
  placeholder?: string;
  max: number;
}

export function Search({ name, label, value, placeholder = '', max }: SearchProps) {
  return (
    <label class="search">
      {label}
      <input
        id="list-search"
        type="search"
        name={name}
        value={value ?? ''}
        maxlength={max}
        placeholder={placeholder}
        autocomplete="off"
      />
    </label>
  );
}

interface ManyProps<T extends string> {
  name: string;
  label: string;
  chosen: readonly T[] | undefined;
  values: readonly T[];
  word?: (value: T) => string;
  /** The values that are chosen without a choice; an address leaves them out. */
  defaults?: readonly T[];
}

/** Any number of values, as checkboxes under their label. */
export function Many<T extends string>(props: ManyProps<T>) {
  const { name, label, defaults, values, word } = props;
  const chosen = props.chosen ?? defaults ?? [];
  const count = props.chosen?.length ?? 0;
  // A link may name a value that is no longer configured.
  const all = [...new Set([...values, ...chosen])];
  return (
    <details
      class="many"
      data-name={name}
      name="filter"
      {...(defaults === undefined ? {} : { 'data-defaults': defaults.join(' ') })}
    >
      <summary>
        {label}
        <span class="chosen">{count === 0 ? '' : ` (${count})`}</span>
      </summary>
      <fieldset>
        <legend class="hidden">{label}</legend>
        {all.map((value) => (
          <label>
            <input type="checkbox" name={name} value={value} checked={chosen.includes(value)} />
            {word === undefined ? value.replaceAll('_', ' ') : word(value)}
          </label>
        ))}
      </fieldset>
    </details>
  );
}

interface OneProps {
  name: string;
  label: string;
  chosen: string | undefined;
  options: Readonly<Record<string, string>>;
  /** The word for no choice; without it, one of the options is always chosen. */
  none?: string;
}

export function One({ name, label, chosen, options, none }: OneProps) {
  return (
    <label>
      {label}
      <select name={name}>
        {none !== undefined && <option value="">{none}</option>}
        {Object.entries(options).map(([value, word]) => (
          <option value={value} selected={value === chosen}>
            {word}
          </option>
        ))}
      </select>
    </label>
  );
}

interface RangeProps {
  label: string;
  /** The parameters of the span and of its limits. */
  names: { span: string; from: string; to: string };
  span: Span | undefined;
  from: Date | undefined;
  to: Date | undefined;
  spans: readonly Span[];
  direction: 'last' | 'next';
}

const SPAN_WORDS: Record<Span, string> = {
  '1h': 'hour',
  '24h': '24 hours',
  '7d': '7 days',
  '30d': '30 days',
  '90d': '90 days',
};

/** A span up to or from now, or two limits in UTC. */
export function TimeRange({ label, names, span, from, to, spans, direction }: RangeProps) {
  const given = span !== undefined || from !== undefined || to !== undefined;
  return (
    <details class="many" name="filter">
      <summary>
        {label}
        <span class="chosen">{given ? ' (1)' : ''}</span>
      </summary>
      <fieldset>
        <legend class="hidden">{label}</legend>
        <label>
          <input type="radio" name={names.span} value="" checked={span === undefined} />
          any time, or the limits below
        </label>
        {spans.map((one) => (
          <label>
            <input type="radio" name={names.span} value={one} checked={one === span} />
            {direction} {SPAN_WORDS[one]}
          </label>
        ))}
        <Limit name={names.from} label="From (UTC)" at={from} />
        <Limit name={names.to} label="To (UTC)" at={to} />
      </fieldset>
    </details>
  );
}

/** The time range of a list of past things: `since`, `from` and `to` of its query. */
export function PastTimeRange({
  label,
  query: { since, from, to },
}: {
  label: string;
  query: { since?: Span | undefined; from?: Date | undefined; to?: Date | undefined };
}) {
  return (
    <TimeRange
      label={label}
      names={{ span: 'since', from: 'from', to: 'to' }}
      span={since}
      from={from}
      to={to}
      spans={PAST_SPANS}
      direction="last"
    />
  );
}

function Limit({ name, label, at }: { name: string; label: string; at: Date | undefined }) {
  return (
    <label class="limit">
      {label}
      <input
        type="datetime-local"
        name={name}
        step="1"
        value={at === undefined ? '' : at.toISOString().slice(0, 19)}
      />
    </label>
  );
}

/** The spans that ranges offer. */
const PAST_SPANS = ['1h', '24h', '7d', '30d'] as const satisfies readonly Span[];
export const AHEAD_SPANS = ['24h', '7d', '30d', '90d'] as const satisfies readonly Span[];
