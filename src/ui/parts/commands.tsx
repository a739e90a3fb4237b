/** A menu with the commands that repeat what a page shows, for `curl` and for the command line. */
import {
  type ApiRequest,
  cliCommand,
  cliOption,
  curlCommand,
} from '../../domain/text/shell-command';
import { addressOf, type QueryValue, valuesOf } from '../list-query';
import { CopyButton } from './copy';

export interface RepeatedBy {
  /** For a menu with several commands. */
  title?: string;
  request: ApiRequest;
  /** The words after `evergrant`; absent: the command line has no such command. */
  words?: readonly string[];
  /** Labels of the filters that neither the API nor the command line has; the commands return more than the page shows. */
  without?: readonly string[];
}

interface CommandsProps {
  /** The address of this service. */
  origin: string;
  of: string;
  commands: readonly RepeatedBy[];
}

export function Commands({ origin, of, commands }: CommandsProps) {
  return (
    <details class="many commands" name="filter">
      <summary>
        Copy as …<span class="hidden"> {of}</span>
      </summary>
      <div class="menu">
        {commands.map(({ title, request, words, without = [] }) => (
          <>
            {title !== undefined && <strong>{title}</strong>}
            <Command kind="curl" of={title ?? of} text={curlCommand(origin, request)} />
            {words !== undefined && (
              <Command kind="CLI" of={title ?? of} text={cliCommand(origin, words)} />
            )}
            {without.length > 0 && (
              <p class="muted">Not every command can filter by: {without.join(', ')}.</p>
            )}
          </>
        ))}
        <p class="muted">
          Set <code>EVERGRANT_API_KEY</code> to your key first.
        </p>
      </div>
    </details>
  );
}

function Command({ kind, of, text }: { kind: 'curl' | 'CLI'; of: string; text: string }) {
  return (
    <div class="command">
      <pre>
        <code>{text}</code>
      </pre>
      <CopyButton text={text} of={`as ${kind}: ${of}`}>
        Copy as {kind}
      </CopyButton>
    </div>
  );
}

/** One filter of a list. */
interface FilterNames {
  label: string;
  /** The parameter of the API; absent: the API does not filter by it. */
  api?: string;
  /** The option of the command line; absent: it does not filter by it. */
  option?: string;
  /** The option takes no value, and stands for `true`. */
  isFlag?: true;
}

/** A filter that has one name in the API and on the command line. */
export function sameName(label: string, name: string) {
  return { label, api: name, option: name };
}

/** The filters of a list by time. The API does not have them; the command line reads from the newest item to the range. */
export const TIME_FILTERS = {
  since: { label: 'Time', option: 'since' },
  from: { label: 'Time', option: 'since' },
  to: { label: 'Time', option: 'until' },
} as const;

/** The filters of a list that the API and the command line accept, as an address and as options. */
export function repeatedList(
  { path, words }: { path: string; words?: readonly string[] },
  query: Readonly<Record<string, QueryValue>>,
  names: Readonly<Record<string, FilterNames>>,
): RepeatedBy {
  const given = Object.entries(names).flatMap(([name, known]) => {
    // A span takes precedence over limits.
    if (query['since'] !== undefined && ['from', 'to'].includes(name)) return [];
    const values = valuesOf(query[name]);
    return values.length === 0 ? [] : [{ ...known, values }];
  });
  const parameters = given.flatMap(({ api, values }) =>
    api === undefined ? [] : [[api, values] as const],
  );
  const optionsOf = ({ option, isFlag, values }: (typeof given)[number]) => {
    if (option === undefined) return [];
    if (isFlag) return values[0] === 'true' ? [`--${option}`] : [];
    return values.map((value) => cliOption(option, value));
  };
  const lost = given.filter(
    (one) => one.api === undefined || (words !== undefined && optionsOf(one).length === 0),
  );
  return {
    request: { path: addressOf(path, Object.fromEntries(parameters)) },
    ...(words === undefined ? {} : { words: [...words, ...given.flatMap(optionsOf)] }),
    without: [...new Set(lost.map(({ label }) => label))],
  };
}
