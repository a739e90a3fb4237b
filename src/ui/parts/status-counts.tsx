/** The numbers of accounts by status, per provider. Each number links to its accounts, and zeros are left out. */
import type { AccountStatus } from '../../domain/account/account';
import { statusWord } from './account-badges';
import { numeral } from './plot';

export interface StatusCounts {
  /** `null`: all providers. */
  provider: string | null;
  total: number;
  count: (status: AccountStatus) => number;
  quarantined: number;
}

/** The statuses that need attention first, then those that do not. */
const ORDER: readonly AccountStatus[] = [
  'needs_reconnect',
  'inactive',
  'expired',
  'expiring_soon',
  'disabled',
  'ok',
];
/** The statuses whose numbers are shown in the colour of a failure. */
const BAD: ReadonlySet<AccountStatus> = new Set(['needs_reconnect', 'inactive', 'expired']);

export function StatusCountsTable({ rows }: { rows: readonly StatusCounts[] }) {
  const shown = ORDER.filter((status) => rows.some(({ count }) => count(status) > 0));
  const hasQuarantine = rows.some(({ quarantined }) => quarantined > 0);
  return (
    <table class="rows counts">
      <thead>
        <tr>
          <th scope="col">Provider</th>
          {shown.map((status) => (
            <th scope="col">{statusWord(status)}</th>
          ))}
          {hasQuarantine && <th scope="col">In quarantine</th>}
          <th scope="col">All</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ provider, total, count, quarantined }) => (
          <tr>
            <th scope="row">{provider ?? 'All providers'}</th>
            {shown.map((status) => (
              <td
                data-label={statusWord(status)}
                {...(count(status) === 0 ? { class: 'zero' } : {})}
              >
                <Count
                  of={count(status)}
                  what={statusWord(status).toLowerCase()}
                  bad={BAD.has(status)}
                  query={{ provider, status }}
                />
              </td>
            ))}
            {hasQuarantine && (
              <td data-label="In quarantine" {...(quarantined === 0 ? { class: 'zero' } : {})}>
                <Count
                  of={quarantined}
                  what="in quarantine"
                  query={{ provider, quarantine: 'true' }}
                />
              </td>
            )}
            <td data-label="All">
              <Count of={total} what="accounts" query={{ provider }} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Count({
  of: count,
  what,
  bad = false,
  query,
}: {
  of: number;
  /** The name of the counted accounts, for screen readers. */
  what: string;
  bad?: boolean;
  query: Record<string, string | null>;
}) {
  if (count === 0) return null;
  const given = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== null);
  const search = new URLSearchParams(given).toString();
  return (
    <a
      href={`/admin/accounts${search === '' ? '' : `?${search}`}`}
      {...(bad ? { class: 'bad' } : {})}
    >
      {numeral(count)}
      <span class="hidden"> {what}</span>
    </a>
  );
}
