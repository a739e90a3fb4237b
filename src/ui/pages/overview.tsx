/**
 * Admin → Overview: the accounts, apps, schedules, webhooks and workers that need a person now, the failures of the last
 * day, and what will fail. Each number leads to the list behind it.
 */
import type { Child } from 'hono/jsx';
import type { AccountStatus } from '../../domain/account/account';
import { shownFailure } from '../../domain/limits/limiter-outcome';
import type { AppStatus } from '../../services/overview/app-status';
import type { Statistics } from '../../services/overview/statistics';
import { sum } from '../../services/overview/sum';
import { type Attention } from '../../store/accounts/account-attention';
import type { Counted } from '../../store/mongo/stored-counts';
import type { WebhookEndpoint } from '../../store/webhooks/webhook-endpoint-model';
import { words } from '../parts/account-badges';
import { numeral } from '../parts/plot';
import { Moment } from '../parts/time';
import { AsOf, StatisticsSections } from './statistics';
import { concerns, type WorkersView } from './workers';

/** The data of one organisation; parts are `null` if the session may not see them. */
export interface OverviewView {
  workers: WorkersView;
  apps: readonly AppStatus[];
  statistics: Statistics | null;
  attention: Counted<Attention> | null;
  webhooks: readonly WebhookEndpoint[] | null;
  /** Deliveries that failed in the last 24 hours, counted up to {@link DELIVERIES_COUNTED_MAX}. */
  failedDeliveries: number | null;
  mayOperate: boolean;
  now: Date;
}

export const DELIVERIES_COUNTED_MAX = 1_000;

interface Item {
  /** Unique in its section, so that a live update matches the row. */
  id: string;
  /** `null`: one thing that has no count. */
  count: number | null;
  tone: 'bad' | 'warn';
  text: Child;
  detail?: Child;
  href: string;
}

export function OverviewPage(props: OverviewView) {
  return (
    <div id="overview" hx-sse:connect="/admin/overview/stream" hx-swap="innerMorph">
      <Overview {...props} />
    </div>
  );
}

/** The live fragment. */
export function Overview(props: OverviewView) {
  const { statistics, attention, now } = props;
  return (
    <>
      <div class="attention-columns">
        <Section
          id="now"
          title="Needs action now"
          items={needsNow(props)}
          none="Nothing needs action now."
          note={
            attention !== null && (
              <AsOf of="accounts to reconnect" asOf={attention.asOf} now={now} />
            )
          }
        />
        <Section
          id="failed"
          title="Failed since yesterday"
          items={failedSinceYesterday(props)}
          none="Nothing failed in the last 24 hours."
          note={
            statistics !== null && (
              <AsOf of="attempts" asOf={statistics.attemptsAsOf} now={statistics.at} />
            )
          }
        />
        <Section
          id="ahead"
          title="Will fail"
          items={willFail(props)}
          none="Nothing is known to fail soon."
        />
      </div>
      {statistics !== null && <StatisticsSections statistics={statistics} />}
    </>
  );
}

function Section({
  id,
  title,
  items,
  none,
  note,
}: {
  id: string;
  title: string;
  items: readonly Item[];
  none: string;
  note?: Child;
}) {
  return (
    <section aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>{title}</h2>
      {items.length === 0 ? (
        <p class="all-well">{none}</p>
      ) : (
        <ul class="attention card">
          {items.map((item) => (
            <li id={`${id}-${item.id}`} class={item.tone}>
              <a href={item.href}>
                {item.count !== null && <strong>{numeral(item.count)}</strong>} {item.text}
              </a>
              {item.detail !== undefined && <span class="detail">{item.detail}</span>}
            </li>
          ))}
        </ul>
      )}
      {note}
    </section>
  );
}

function needsNow({
  workers: { alive, schedules },
  statistics,
  attention,
  webhooks,
  mayOperate,
}: OverviewView): Item[] {
  const isConcerned = concerns(statistics, mayOperate);
  const open = schedules.flatMap(({ open: limiters }) => limiters).filter(isConcerned);
  const expired = statusCount(statistics, 'expired');
  const ending = attention?.counts.refreshTokensEnding ?? 0;
  return [
    ...(alive === 0
      ? [
          {
            id: 'workers',
            count: null,
            tone: 'bad',
            text: 'No worker is running, so no account is refreshed',
            href: '/admin/workers',
          } as const,
        ]
      : []),
    ...open.map((limiter) => {
      const { provider, environment, state, since } = limiter;
      const failure = shownFailure(limiter);
      return {
        id: `app-${provider}-${environment}`,
        count: null,
        tone: 'bad',
        text:
          state === 'open_credentials'
            ? `${provider} ${environment} refuses the OAuth app`
            : `${provider} ${environment} has an outage`,
        detail: (
          <>
            {words(failure?.code ?? 'no response')}
            {failure?.detail !== undefined && ` (“${failure.detail}”)`}
            {since !== null && (
              <>
                , circuit open since <Moment at={since} />
              </>
            )}
          </>
        ),
        href: `/admin/workers#schedule-${provider}`,
      } as const;
    }),
    ...schedules
      .filter(({ schedule }) => schedule.paused)
      .map(({ schedule }) => ({
        id: `paused-${schedule.provider}`,
        count: null,
        tone: 'warn' as const,
        text: `The schedule of ${schedule.provider} is paused`,
        detail: mayOperate && schedule.note ? schedule.note : undefined,
        href: `/admin/workers#schedule-${schedule.provider}`,
      })),
    ...schedules
      .filter(({ lastSweep }) => mayOperate && (lastSweep?.failure ?? null) !== null)
      .map(({ schedule, lastSweep }) => ({
        id: `sweep-${schedule.provider}`,
        count: null,
        tone: 'bad' as const,
        text: `The last sweep of ${schedule.provider} failed`,
        detail: lastSweep?.failure,
        href: `/admin/workers#schedule-${schedule.provider}`,
      })),
    ...(attention?.counts.broken ?? []).map(({ state, code, count, oldestAt }) => ({
      id: `broken-${state}-${code ?? ''}`,
      count,
      tone: 'bad' as const,
      text: `${count === 1 ? 'account' : 'accounts'} to reconnect: ${reasonWords(state, code)}`,
      detail: (
        <>
          oldest <Moment at={oldestAt} />
        </>
      ),
      href: accountsHref({ status: state, ...(code === null ? {} : { reason: code }) }),
    })),
    ...counted(expired, {
      id: 'expired',
      tone: 'bad',
      text: `${expired === 1 ? 'account has' : 'accounts have'} no valid access token`,
      href: accountsHref({ status: 'expired' }),
    }),
    ...counted(ending, {
      id: 'refresh-tokens',
      tone: 'warn',
      text: `refresh ${ending === 1 ? 'token expires' : 'tokens expire'} within 7 days`,
      href: accountsHref({
        refresh_expires: '7d',
        sort: 'refresh_token_expires_at',
        status: ACTIVE,
      }),
    }),
    ...(webhooks ?? [])
      .filter(({ state }) => state !== 'enabled')
      .map(({ id, url, description, state, stateReason, stateAt }) => ({
        id: `webhook-${id}`,
        count: null,
        tone: 'warn' as const,
        text: `The webhook ${description ?? url} is ${state}`,
        detail: (
          <>
            {stateReason} <Moment at={stateAt} />
          </>
        ),
        href: `/admin/deliveries?webhook=${encodeURIComponent(id)}`,
      })),
  ];
}

function failedSinceYesterday({
  workers: { schedules },
  statistics,
  failedDeliveries,
  mayOperate,
  now,
}: OverviewView): Item[] {
  const failures = new Map<string | null, number>();
  for (const { code, count } of statistics?.attempts.flatMap((hour) => hour.failures) ?? [])
    failures.set(code, (failures.get(code) ?? 0) + count);
  const items: Item[] = [...failures]
    .toSorted(([, a], [, b]) => b - a)
    .map(([code, count]) => ({
      id: `code-${code ?? ''}`,
      count,
      tone: 'bad',
      text: `${count === 1 ? 'attempt' : 'attempts'}: ${code === null ? 'reason not counted yet' : words(code)}`,
      href: `/admin/terminal?${new URLSearchParams({
        since: '24h',
        ...(code === null ? { result: 'failed' } : { code }),
      }).toString()}`,
    }));
  const dayAgo = new Date(now.getTime() - DAY_MS);
  const deliveries = failedDeliveries ?? 0;
  return [
    ...items,
    ...counted(deliveries, {
      id: 'deliveries',
      tone: 'bad',
      text: `${deliveries >= DELIVERIES_COUNTED_MAX ? 'or more ' : ''}webhook ${deliveries === 1 ? 'delivery' : 'deliveries'}`,
      href: '/admin/deliveries?state=failed&since=24h',
    }),
    ...schedules
      .filter(
        ({ lastSweep }) =>
          mayOperate &&
          lastSweep !== null &&
          lastSweep.failure !== null &&
          lastSweep.startedAt > dayAgo,
      )
      .map(({ schedule }) => ({
        id: `sweep-${schedule.provider}`,
        count: null,
        tone: 'bad' as const,
        text: `a sweep of ${schedule.provider}`,
        href: `/admin/workflows?type=sweep&provider=${encodeURIComponent(schedule.provider)}`,
      })),
  ];
}

function willFail({ statistics, apps, webhooks, mayOperate }: OverviewView): Item[] {
  const isConcerned = concerns(statistics, mayOperate);
  const soon = statusCount(statistics, 'expiring_soon');
  const month = statistics?.refreshTokensEnding.slice(0, 2) ?? [];
  const ending = sum(month.map(({ count }) => count));
  const [first, last] = [month[0], month.at(-1)];
  return [
    ...apps
      .filter((app) => app.warning !== null && isConcerned(app))
      .map(({ provider, environment, warning }) => ({
        id: `quota-${provider}-${environment}`,
        count: null,
        tone: 'warn' as const,
        text: `The quota of ${provider} ${environment} is too small`,
        detail: warning,
        href: `/admin/workers#schedule-${provider}`,
      })),
    ...counted(soon, {
      id: 'soon',
      tone: 'warn',
      text: `access ${soon === 1 ? 'token expires' : 'tokens expire'} soon and ${soon === 1 ? 'is' : 'are'} not refreshed yet`,
      href: accountsHref({ status: 'expiring_soon' }),
    }),
    ...(first === undefined || last === undefined
      ? []
      : counted(ending, {
          id: 'refresh-tokens',
          tone: 'warn',
          text: 'refresh tokens expire this month or next, unless a refresh replaces them',
          href: accountsHref({
            refresh_expires_from: first.from.toISOString(),
            refresh_expires_to: last.to.toISOString(),
            sort: 'refresh_token_expires_at',
          }),
        })),
    ...(webhooks ?? [])
      .filter(({ state, failures }) => state === 'enabled' && failures > 0)
      .map(({ id, url, description, failures }) => ({
        id: `webhook-${id}`,
        count: null,
        tone: 'warn' as const,
        text: `The webhook ${description ?? url} fails and will be disabled`,
        detail: `${failures} failed ${failures === 1 ? 'attempt' : 'attempts'} in a row`,
        href: `/admin/deliveries?webhook=${encodeURIComponent(id)}`,
      })),
  ];
}

const DAY_MS = 24 * 3600_000;
/** The statuses of accounts that are refreshed: the count of expiring refresh tokens has the same condition. */
const ACTIVE = ['ok', 'expiring_soon', 'expired'];

function counted(count: number, item: Omit<Item, 'count'>): Item[] {
  return count === 0 ? [] : [{ ...item, count }];
}

function statusCount(statistics: Statistics | null, status: AccountStatus): number {
  return sum(statistics?.accounts.map(({ byStatus }) => byStatus[status]) ?? []);
}

function reasonWords(state: string, code: string | null): string {
  const reason = code === null ? 'no reason stored' : words(code);
  return state === 'inactive' ? `${reason}, inactive at the provider` : reason;
}

function accountsHref(query: Record<string, string | string[]>): string {
  const search = new URLSearchParams();
  for (const [name, values] of Object.entries(query))
    for (const value of [values].flat()) search.append(name, value);
  return `/admin/accounts?${search.toString()}`;
}
