/**
 * Reads what the gauges show from MongoDB and Temporal, for a scrape. Each process reads at most once in 15 s, for any
 * number of scrapers; every read ends after a bounded number of index entries, or takes a count that a worker stored.
 */
import type { Logger } from 'pino';
import { ACCOUNT_STATUSES, type AccountStatus } from '../../domain/account/account';
import { allowedToday, CIRCUIT_STATES } from '../../domain/limits/app-limiter';
import { appLabels } from '../../metrics/label-values';
import * as metrics from '../../metrics/metrics';
import type { Row } from '../../metrics/registry';
import type { ConfiguredProviders } from '../../providers/config/configured-providers';
import {
  ACCESS_TOKEN_WITHIN,
  type AccountTotal,
  REFRESH_TOKEN_WITHIN,
} from '../../store/accounts/account-totals';
import type { Store } from '../../store/store';
import type { ScheduleClient } from '../../temporal/schedule-client';
import type { Vault } from '../../vault/vault';
import { encryptionKeyIds } from '../encryption/encryption-key-ids';
import { appStatus } from '../overview/app-status';
import { readiness } from '../readiness';

/** Minimum interval between two readings, in ms. */
const READ_EVERY_MS = 15_000;
/** The same for what costs more: counts of all accounts and records, and the schedules of Temporal. */
const COUNT_EVERY_MS = 60_000;
/** How long a scrape waits for a reading, in ms. Then it shows the last numbers; Prometheus gives up after 10 s. */
const SCRAPE_WAIT_MS = 6_000;
const WEBHOOKS_COUNTED_MAX = 20_000;

/** The clients of Temporal that a reading uses. */
export interface TemporalSources {
  schedules: Pick<ScheduleClient, 'list'>;
  pingTemporal: () => Promise<void>;
}

export interface GaugeDependencies extends TemporalSources {
  store: Store;
  vault: Pick<Vault, 'keyIds'>;
  providers: ConfiguredProviders;
  logger: Pick<Logger, 'warn'>;
}

export class StoreGauges {
  readonly #deps: GaugeDependencies;
  #reading: Promise<void> | null = null;
  #readAt = Number.NEGATIVE_INFINITY;
  #countedAt = Number.NEGATIVE_INFINITY;
  #isFailing = false;

  constructor(deps: GaugeDependencies) {
    this.#deps = deps;
  }

  /** Resolves when the gauges show a reading of the last 15 s, or after {@link SCRAPE_WAIT_MS}. Never rejects. */
  async refresh(): Promise<void> {
    if (this.#reading === null && performance.now() - this.#readAt >= READ_EVERY_MS) {
      this.#readAt = performance.now();
      this.#reading = this.#read().finally(() => {
        this.#reading = null;
      });
    }
    if (this.#reading === null) return;
    let timer: NodeJS.Timeout | undefined;
    const waited = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, SCRAPE_WAIT_MS);
    });
    await Promise.race([this.#reading, waited]);
    clearTimeout(timer);
  }

  async #read(): Promise<void> {
    const { store, pingTemporal } = this.#deps;
    const { mongodb, temporal } = await readiness(store, pingTemporal);
    metrics.storeUp.replace([{ labels: {}, value: mongodb === 'ok' ? 1 : 0 }]);
    metrics.temporalUp.replace([{ labels: {}, value: temporal === 'ok' ? 1 : 0 }]);
    const counts = performance.now() - this.#countedAt >= COUNT_EVERY_MS;
    if (counts) this.#countedAt = performance.now();
    const isStoreUp = mongodb === 'ok';
    const results = await Promise.allSettled([
      ...FROM_STORE.map((read) => read(this.#deps, isStoreUp)),
      ...(counts || !isStoreUp ? COUNTED.map((read) => read(this.#deps, isStoreUp)) : []),
      ...(counts || temporal !== 'ok' ? [readSchedules(this.#deps, temporal === 'ok')] : []),
    ]);
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined && !this.#isFailing)
      this.#deps.logger.warn({ err: failed.reason }, 'some metrics could not be read');
    this.#isFailing = failed !== undefined;
    // A count that was missed is made up for at the next reading.
    if (failed !== undefined || !isStoreUp) this.#countedAt = Number.NEGATIVE_INFINITY;
  }
}

/** Fills gauges, or clears them where their source does not answer: an old number would look like a current one. */
type Read = (deps: GaugeDependencies, isUp: boolean) => Promise<void>;

const FROM_STORE: readonly Read[] = [readLateness, readApps, readWebhooks, readSweeps];
const COUNTED: readonly Read[] = [readAccounts, readEncryption];

async function readLateness({ store, providers }: GaugeDependencies, isUp: boolean): Promise<void> {
  const now = new Date();
  const found = !isUp
    ? []
    : await Promise.all(
        providers.all.map(async ({ id, policy }) => ({
          labels: { provider: id },
          ...(await store.dueAccounts.lateness(id, now, policy.sweepEveryMs)),
        })),
      );
  metrics.accountsDue.replace(found.map(({ labels, due }) => ({ labels, value: due })));
  metrics.accountsOverdue.replace(found.map(({ labels, overdue }) => ({ labels, value: overdue })));
  metrics.accountsExpired.replace(found.map(({ labels, expired }) => ({ labels, value: expired })));
  metrics.oldestDue.replace(
    found.map(({ labels, oldestDueAt }) => ({ labels, value: secondsSince(oldestDueAt, now) })),
  );
}

async function readApps({ store, providers }: GaugeDependencies, isUp: boolean): Promise<void> {
  const apps = !isUp
    ? []
    : (await appStatus({ store, providers })).map((app) => ({
        ...app,
        labels: appLabels(app.provider, app.environment),
      }));
  metrics.appCircuit.replace(
    apps.flatMap(({ labels, state }) =>
      CIRCUIT_STATES.map((one) => ({
        labels: { ...labels, state: one },
        value: one === state ? 1 : 0,
      })),
    ),
  );
  metrics.appThrottled.replace(
    apps.map(({ labels, throttledUntil }) => ({ labels, value: throttledUntil === null ? 0 : 1 })),
  );
  metrics.quotaUsed.replace(apps.map(({ labels, usedToday }) => ({ labels, value: usedToday })));
  const limited = apps.flatMap(({ labels, usedToday, rule }) =>
    rule.perDay === null ? [] : [{ labels, rule, remaining: rule.perDay - usedToday }],
  );
  metrics.quotaRemaining.replace(
    limited.map(({ labels, remaining }) => ({ labels, value: Math.max(0, remaining) })),
  );
  metrics.quotaForSweeps.replace(
    limited.map(({ labels, rule }) => ({ labels, value: allowedToday(rule, 'scheduled') })),
  );
  metrics.quotaForecast.replace(
    apps.flatMap(({ labels, forecastPerDay }) =>
      forecastPerDay === null ? [] : [{ labels, value: forecastPerDay }],
    ),
  );
}

async function readWebhooks({ store }: GaugeDependencies, isUp: boolean): Promise<void> {
  const now = new Date();
  const found = isUp ? [await store.webhookOutbox.backlog(now, WEBHOOKS_COUNTED_MAX)] : [];
  metrics.webhookBacklog.replace(found.map(({ pending }) => ({ labels: {}, value: pending })));
  metrics.oldestWebhook.replace(
    found.map(({ unstartedSince }) => ({ labels: {}, value: secondsSince(unstartedSince, now) })),
  );
}

async function readSweeps({ store, providers }: GaugeDependencies, isUp: boolean): Promise<void> {
  metrics.sweepInterval.replace(
    providers.all.map(({ id, policy }) => ({
      labels: { provider: id },
      value: policy.sweepEveryMs / 1000,
    })),
  );
  const found = !isUp
    ? []
    : await Promise.all(
        providers.all.map(async ({ id }) => ({
          labels: { provider: id },
          at: await store.settings.sweepCompletedAt(id),
        })),
      );
  metrics.sweepCompletedAt.replace(
    found.flatMap(({ labels, at }) => (at === null ? [] : [{ labels, value: unixTime(at) }])),
  );
}

async function readAccounts({ store }: GaugeDependencies, isUp: boolean): Promise<void> {
  const { asOf, counts } = isUp
    ? await store.accountTotals.of(new Date())
    : { asOf: null, counts: [] };
  // Without a time, only some of the accounts are counted.
  const totals = asOf === null ? [] : counts;
  metrics.accountsCountedAt.replace(asOf === null ? [] : [{ labels: {}, value: unixTime(asOf) }]);
  metrics.accounts.replace(
    added(
      totals.flatMap(({ provider, environment, status, accounts }) =>
        ACCOUNT_STATUSES.map((one) => ({
          labels: { ...appLabels(provider, environment), status: one },
          value: one === status ? accounts : 0,
        })),
      ),
    ),
  );
  metrics.accountsInQuarantine.replace(
    added(
      totals.map(({ provider, environment, quarantined }) => ({
        labels: appLabels(provider, environment),
        value: quarantined,
      })),
    ),
  );
  metrics.accessTokensExpiring.replace(
    expiring(totals, ACCESS_TOKEN_WITHIN, ({ accessTokens }) => accessTokens),
  );
  metrics.refreshTokensExpiring.replace(
    expiring(totals, REFRESH_TOKEN_WITHIN, ({ refreshTokens }) => refreshTokens),
  );
}

const ACTIVE: ReadonlySet<AccountStatus> = new Set(['ok', 'expiring_soon', 'expired']);

function expiring(
  totals: readonly AccountTotal[],
  within: readonly number[],
  numbers: (total: AccountTotal) => readonly number[],
): Row<'provider' | 'within'>[] {
  const active = totals.filter(({ status }) => ACTIVE.has(status));
  return added(
    active.flatMap((total) =>
      within.map((seconds, at) => ({
        labels: { provider: appLabels(total.provider, null).provider, within: withinText(seconds) },
        value: numbers(total)[at] ?? 0,
      })),
    ),
  );
}

/** `0`, `5m`, `6h`, `7d`. */
function withinText(seconds: number): string {
  if (seconds === 0) return '0';
  if (seconds < 3600) return `${seconds / 60}m`;
  return seconds <= 24 * 3600 ? `${seconds / 3600}h` : `${seconds / (24 * 3600)}d`;
}

async function readEncryption({ store, vault }: GaugeDependencies, isUp: boolean): Promise<void> {
  const counted = isUp
    ? await store.sealedRecords.perKey(await encryptionKeyIds({ store, vault }), new Date())
    : { counts: null };
  const { keys, others } = counted.counts ?? { keys: [], others: null };
  metrics.encryptedRecords.replace([
    ...keys.map(({ id, records }) => ({ labels: { key_id: id }, value: records })),
    ...(others === null ? [] : [{ labels: { key_id: 'other' }, value: others }]),
  ]);
}

async function readSchedules(
  { schedules, providers }: GaugeDependencies,
  isUp: boolean,
): Promise<void> {
  const found = isUp ? await schedules.list() : [];
  metrics.schedulePaused.replace(
    found
      .filter(({ provider }) => providers.find(provider) !== undefined)
      .map(({ provider, paused }) => ({ labels: { provider }, value: paused ? 1 : 0 })),
  );
}

/** Adds up rows with the same labels. */
function added<Name extends string>(rows: readonly Row<Name>[]): Row<Name>[] {
  const sums = new Map<string, Row<Name>>();
  for (const { labels, value } of rows) {
    const key = JSON.stringify(labels);
    sums.set(key, { labels, value: (sums.get(key)?.value ?? 0) + value });
  }
  return [...sums.values()];
}

function secondsSince(at: Date | null, now: Date): number {
  return at === null ? 0 : Math.max(0, (now.getTime() - at.getTime()) / 1000);
}

function unixTime(at: Date): number {
  return at.getTime() / 1000;
}
