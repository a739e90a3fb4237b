/** The organisation's accounts and attempts in numbers: the lower part of the page Overview. */
import { noneYet } from '../../domain/text/messages';
import type { Statistics } from '../../services/overview/statistics';
import { sum } from '../../services/overview/sum';
import { numeral, Plot, type PlotPiece } from '../parts/plot';
import { type StatusCounts, StatusCountsTable } from '../parts/status-counts';
import { Moment } from '../parts/time';

const EVERY_SIX_HOURS = 6;
const EVERY_THREE_MONTHS = 3;

export function StatisticsSections({ statistics }: { statistics: Statistics }) {
  const rows = statusCounts(statistics.accounts);
  return (
    <>
      <section aria-labelledby="accounts-title">
        <h2 id="accounts-title">Accounts by status</h2>
        {rows.length === 0 ? (
          <p class="empty">{noneYet('accounts')}</p>
        ) : (
          <StatusCountsTable rows={rows} />
        )}
        <AsOf of="accounts" asOf={statistics.accountsAsOf} now={statistics.at} />
      </section>
      <section aria-labelledby="time-title">
        <h2 id="time-title">
          Over time <span class="muted">(UTC)</span>
        </h2>
        <AsOf of="attempts" asOf={statistics.attemptsAsOf} now={statistics.at} />
        <div class="plots">
          <AccessTokens pieces={statistics.accessTokensEnding} />
          <RefreshTokens pieces={statistics.refreshTokensEnding} />
          <Attempts attempts={statistics.attempts} />
          <Latency attempts={statistics.attempts} />
        </div>
      </section>
    </>
  );
}

/** Says when the numbers were counted if it was not now. */
export function AsOf({ of, asOf, now }: { of: string; asOf: Date | null; now: Date }) {
  if (asOf?.getTime() === now.getTime()) return null;
  return (
    <p class="muted">
      {asOf === null ? (
        `Only some ${of} are counted so far. A worker counts all of them within a minute.`
      ) : (
        <>
          The {of} were counted <Moment at={asOf} />.
        </>
      )}
    </p>
  );
}

function AccessTokens({ pieces }: { pieces: Statistics['accessTokensEnding'] }) {
  const all = sum(pieces.map(({ count }) => count));
  return (
    <Plot
      id="access-tokens"
      title="Access tokens expiring, next 24 h"
      summary={`${numeral(all)} in total. Active accounts are refreshed before that.`}
      kind="bars"
      series={[{ name: 'expiring', label: 'access tokens' }]}
      pieces={pieces.map(({ from, to, count }) =>
        hourly(from, to, [count], accountsOf('expires', from, to)),
      )}
      tickEvery={EVERY_SIX_HOURS}
    />
  );
}

function RefreshTokens({ pieces }: { pieces: Statistics['refreshTokensEnding'] }) {
  const all = sum(pieces.map(({ count }) => count));
  return (
    <Plot
      id="refresh-tokens"
      title="Refresh tokens expiring, next 12 months"
      summary={
        all === 0
          ? 'No refresh token is known to expire.'
          : `${numeral(all)} in total, unless a refresh replaces them first.`
      }
      kind="bars"
      series={[{ name: 'refresh-expiring', label: 'refresh tokens' }]}
      pieces={pieces.map(monthly)}
      tickEvery={EVERY_THREE_MONTHS}
    />
  );
}

function Attempts({ attempts }: Pick<Statistics, 'attempts'>) {
  const refreshed = sum(attempts.map((piece) => piece.refreshed));
  const all = refreshed + sum(attempts.map(({ failed }) => failed));
  return (
    <Plot
      id="attempts"
      title="Attempts, last 24 h"
      summary={
        all === 0
          ? 'No attempts.'
          : `${successRate(refreshed, all)} succeeded: ${numeral(refreshed)} of ${numeral(all)}.`
      }
      kind="bars"
      series={[
        { name: 'refreshed', label: 'refreshed' },
        { name: 'failed', label: 'failed' },
      ]}
      pieces={attempts.map((piece) =>
        hourly(
          piece.from,
          piece.to,
          [piece.refreshed, piece.failed],
          attemptsOf(piece.from, piece.to),
        ),
      )}
      tickEvery={EVERY_SIX_HOURS}
    />
  );
}

function Latency({ attempts }: Pick<Statistics, 'attempts'>) {
  const last = attempts.findLast(({ p50Ms }) => p50Ms !== null);
  return (
    <Plot
      id="latency"
      title="Response time, last 24 h, in ms"
      summary={
        last === undefined
          ? 'No responses.'
          : `Latest: 50 % within ${inMs(last.p50Ms)}, 95 % within ${inMs(last.p95Ms)}.`
      }
      kind="lines"
      series={[
        { name: 'p50', label: 'p50' },
        { name: 'p95', label: 'p95 (dashed)' },
      ]}
      pieces={attempts.map(({ from, to, p50Ms, p95Ms }) =>
        hourly(from, to, [p50Ms, p95Ms], attemptsOf(from, to)),
      )}
      tickEvery={EVERY_SIX_HOURS}
      unit="ms"
    />
  );
}

/** The totals first, then each provider. */
function statusCounts(groups: Statistics['accounts']): StatusCounts[] {
  const providers = [...new Set(groups.map(({ provider }) => provider))];
  const names = providers.length === 0 ? [] : [null, ...providers.toSorted()];
  return names.map((provider) => {
    const own = groups.filter((group) => provider === null || group.provider === provider);
    return {
      provider,
      total: sum(own.map(({ total }) => total)),
      count: (status) => sum(own.map(({ byStatus }) => byStatus[status])),
      quarantined: sum(own.map(({ quarantined }) => quarantined)),
    };
  });
}

function hourly(from: Date, to: Date, values: PlotPiece['values'], href?: string): PlotPiece {
  const [hour, end] = [clock(from), clock(to)];
  return { tick: hour, when: `${from.toISOString().slice(5, 10)} ${hour}–${end}`, values, href };
}

function monthly({ from, to, count }: Statistics['refreshTokensEnding'][number]): PlotPiece {
  const month = from.toLocaleString('en', { month: 'short', timeZone: 'UTC' });
  const href = accountsOf('refresh_expires', from, to);
  return { tick: month, when: `${month} ${from.getUTCFullYear()}`, values: [count], href };
}

/** The accounts whose token expires in an interval. */
function accountsOf(token: 'expires' | 'refresh_expires', from: Date, to: Date): string {
  const query = { [`${token}_from`]: from.toISOString(), [`${token}_to`]: to.toISOString() };
  const sort = token === 'refresh_expires' ? { sort: 'refresh_token_expires_at' } : {};
  return `/admin/accounts?${new URLSearchParams({ ...query, ...sort }).toString()}`;
}

/** The log entries of attempts in an interval. */
function attemptsOf(from: Date, to: Date): string {
  const query = { from: from.toISOString(), to: to.toISOString() };
  return `/admin/terminal?${new URLSearchParams(query).toString()}`;
}

function clock(at: Date): string {
  return at.toISOString().slice(11, 16);
}

/** `99.9 %`; rounded down, so that it shows 100 % only if all attempts succeeded. */
function successRate(refreshed: number, all: number): string {
  return `${Math.floor((refreshed / all) * 1000) / 10} %`;
}

function inMs(ms: number | null): string {
  return ms === null ? '–' : `${numeral(ms)} ms`;
}
