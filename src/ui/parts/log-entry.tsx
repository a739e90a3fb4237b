/** One log entry in the terminal: one line, and collapsed details of the exchange, the error and the attempt. */
import type { Child } from 'hono/jsx';
import type { TokenComparison } from '../../domain/account/token-comparison';
import type { LogEntry } from '../../domain/logs/log-entry';
import { words } from './account-badges';
import { Badge, type Tone } from './badge';
import { CopyButton } from './copy';

/** The colours of actions; any action not listed is shown plain. */
const TONES: Readonly<Record<string, Tone>> = {
  token_refreshed: 'good',
  token_validated: 'good',
  token_refresh_failed: 'bad',
  token_refresh_error: 'bad',
  token_invalid: 'bad',
  refresh_token_expiring: 'warn',
  app_incident: 'bad',
  app_recovered: 'good',
  provider_outage: 'bad',
  provider_recovered: 'good',
};

const COMPARED: Record<TokenComparison, { label: string; tone: Tone; meaning: string }> = {
  same: { label: 'same token', tone: 'plain', meaning: 'the same as in the previous attempt' },
  changed: { label: 'token changed', tone: 'plain', meaning: 'not sent before' },
  reused: {
    label: 'token reused',
    tone: 'warn',
    meaning: 'sent before, with a newer one in use in between',
  },
};

interface EntryProps {
  entry: LogEntry;
  comparison: TokenComparison | undefined;
  /** Expanded, and focused when the page opens. */
  linked?: boolean;
}

export function Entry({ entry, comparison, linked = false }: EntryProps) {
  const { id, created_at, error, response, provider, environment } = entry;
  const open = linked ? { open: true } : {};
  return (
    <li
      id={`entry-${id}`}
      class={linked ? 'entry linked' : 'entry'}
      data-at={created_at}
      tabindex={-1}
      {...(linked ? { autofocus: true, 'aria-current': 'true' } : {})}
    >
      <div class="line">
        <a class="at" href={`/admin/terminal?entry=${encodeURIComponent(id)}`}>
          <time datetime={created_at} data-relative data-precise>
            {absolute(created_at)}
          </time>
        </a>
        <span class={`source ${entry.source}`}>{entry.source}</span>
        <Badge tone={error === null ? (TONES[entry.action] ?? 'plain') : 'bad'}>
          {words(entry.action)}
        </Badge>
        <span>{environment === null ? provider : `${provider} ${environment}`}</span>
        {entry.account_id !== null && (
          <a href={`/admin/terminal?account_id=${encodeURIComponent(entry.account_id)}`}>
            {entry.account_label ?? entry.account_id}
          </a>
        )}
        {response !== null && (
          <span class="times">{`${response.status} in ${response.duration_ms} ms`}</span>
        )}
        {response === null && entry.outcome !== null && entry.outcome !== 'ok' && (
          <span>{words(entry.outcome)}</span>
        )}
        {comparison === 'same' ? (
          <span class="muted">{COMPARED.same.label}</span>
        ) : (
          comparison !== undefined && (
            <Badge tone={COMPARED[comparison].tone}>{COMPARED[comparison].label}</Badge>
          )
        )}
      </div>
      <p>{entry.message}</p>
      <div class="folds">
        {entry.request !== null && (
          <Fold title="Request" open={open} lines={requestLines(entry.request)} />
        )}
        {response !== null && <Fold title="Response" open={open} lines={responseLines(response)} />}
        {error !== null && <Fold title="Error" open={open} lines={members(error)} />}
        <Fold title="Attempt" open={open} lines={attemptLines(entry, comparison)} />
        <CopyButton text={id} of="the id of the entry" />
      </div>
    </li>
  );
}

function Fold({ title, open, lines }: { title: string; open: object; lines: string[] }): Child {
  return (
    <details {...open}>
      <summary>{title}</summary>
      <pre>{lines.join('\n')}</pre>
    </details>
  );
}

/** With milliseconds, to tell entries of the same second apart. */
function absolute(iso: string): string {
  return `${iso.slice(0, 23).replace('T', ' ')} UTC`;
}

function requestLines(request: NonNullable<LogEntry['request']>): string[] {
  const { method, url, refresh_token, headers, body } = request;
  return [
    `${method} ${url}`,
    `refresh token: ${refresh_token}`,
    ...members(headers ?? {}),
    ...(body === undefined ? [] : ['', ...members(body)]),
  ];
}

function responseLines(response: NonNullable<LogEntry['response']>): string[] {
  const { status, duration_ms, headers, body } = response;
  return [
    `${status} in ${duration_ms} ms`,
    ...members(headers ?? {}),
    ...(body === undefined ? [] : ['', text(body)]),
  ];
}

function attemptLines(entry: LogEntry, comparison: TokenComparison | undefined): string[] {
  const { diagnostics } = entry;
  const { warnings = [], ...values } = diagnostics ?? {};
  return [
    `entry: ${entry.id}`,
    ...members({
      account: entry.account_id,
      workflow: entry.workflow_id,
      run: entry.run_id,
      trace: entry.trace_id,
      outcome: entry.outcome,
      generation: entry.generation,
      ...values,
    }),
    ...(comparison === undefined ? [] : [`refresh token: ${COMPARED[comparison].meaning}`]),
    ...warnings.map((warning) => `warning: ${warning}`),
  ];
}

function members(given: object): string[] {
  return Object.entries(given)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => `${words(name)}: ${text(value)}`);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
}
