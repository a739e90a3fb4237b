/** The numbers of accounts by status: a bar, and a legend that links to the accounts. */
import { ACCOUNT_STATUSES, type AccountStatus } from '../../domain/account/account';
import { statusWord } from './account-badges';
import { numeral, Swatch } from './plot';

export interface StatusCounts {
  /** `null`: all providers. */
  provider: string | null;
  total: number;
  count: (status: AccountStatus) => number;
  quarantined: number;
}

/** Width of a bar in SVG units, independent of its width on the page. */
const WIDTH = 1000;

export function StatusBars({ rows }: { rows: readonly StatusCounts[] }) {
  return (
    <dl class="status-bars card">
      {rows.map((row) => (
        <div>
          <dt>
            {row.provider ?? 'All'}
            <span class="muted"> {numeral(row.total)}</span>
          </dt>
          <dd>
            <Bar {...row} />
            <ul class="legend">
              {ACCOUNT_STATUSES.filter((status) => row.count(status) > 0).map((status) => (
                <li>
                  <a href={accountsPath(row.provider, status)}>
                    <Swatch name={status} />
                    {numeral(row.count(status))} {statusWord(status).toLowerCase()}
                  </a>
                </li>
              ))}
              {row.quarantined > 0 && (
                <li class="muted">{numeral(row.quarantined)} of them in quarantine</li>
              )}
            </ul>
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** Hidden from screen readers, because the legend has the same numbers. */
function Bar({ total, count }: StatusCounts) {
  let x = 0;
  return (
    <svg
      class="status-bar"
      viewBox={`0 0 ${WIDTH} 10`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      {ACCOUNT_STATUSES.map((status) => {
        const width = total === 0 ? 0 : (count(status) / total) * WIDTH;
        const from = x;
        x += width;
        return width === 0 ? null : (
          <rect
            class={`series ${status}`}
            x={from.toFixed(1)}
            width={width.toFixed(1)}
            height="10"
          />
        );
      })}
    </svg>
  );
}

function accountsPath(provider: string | null, status: AccountStatus): string {
  const query = new URLSearchParams({ ...(provider === null ? {} : { provider }), status });
  return `/admin/accounts?${query.toString()}`;
}
