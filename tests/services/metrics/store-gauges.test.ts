/** How often the gauges of the store are read, and what they show while it is unreachable. */
import { metricsText } from '../../../src/metrics/registry';
import { ConfiguredProviders } from '../../../src/providers/config/configured-providers';
import { type GaugeDependencies, StoreGauges } from '../../../src/services/metrics/store-gauges';
import { samplesOf } from '../../support/metrics';

/** A store that counts its readings and may be unreachable. */
function dependencies() {
  const state = { isUp: true, readings: 0, warnings: 0 };
  const store = {
    async ping() {
      if (!state.isUp) throw new Error('unreachable');
    },
    limiters: { now: () => new Date(), list: async () => [] },
    dueAccounts: { perApp: async () => ({ asOf: new Date(), counts: [] }) },
    webhookOutbox: {
      async backlog() {
        state.readings += 1;
        return { pending: 3, unstartedSince: null };
      },
    },
    settings: {},
    accountTotals: {
      of: async () => ({
        asOf: new Date(),
        counts: ['ebay', 'etsy'].map((provider) => ({
          provider,
          environment: 'production',
          status: 'ok',
          accounts: 2,
          quarantined: 0,
          accessTokens: [0, 0, 0, 0, 0],
          refreshTokens: [0, 0, 0, 0, 0],
        })),
      }),
    },
    encryptionKeys: { list: async () => [] },
    sealedRecords: { perKey: async () => ({ asOf: null, counts: null }) },
  };
  const deps = {
    store,
    vault: { keyIds: [] },
    providers: new ConfiguredProviders([]),
    schedules: { list: async () => [] },
    pingTemporal: async () => undefined,
    logger: {
      warn: () => {
        state.warnings += 1;
      },
    },
  } as unknown as GaugeDependencies;
  return { state, deps };
}

const samples = async () => samplesOf(await metricsText());

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

it('M1.6 the gauges are read once in 15 s, for any number of scrapers', async () => {
  const { state, deps } = dependencies();
  const gauges = new StoreGauges(deps);
  await Promise.all([gauges.refresh(), gauges.refresh(), gauges.refresh()]);
  await gauges.refresh();
  jest.advanceTimersByTime(14_000);
  await gauges.refresh();
  expect(state.readings).toBe(1);
  jest.advanceTimersByTime(1_500);
  await gauges.refresh();
  expect(state.readings).toBe(2);
  expect(await samples()).toMatchObject({
    evergrant_store_up: 1,
    evergrant_webhook_deliveries_pending: 3,
  });
  expect(state.warnings).toBe(0);
});

it('M1.6 the gauges of an unreachable store are absent, and it is shown as down', async () => {
  const { state, deps } = dependencies();
  const gauges = new StoreGauges(deps);
  await gauges.refresh();
  state.isUp = false;
  jest.advanceTimersByTime(16_000);
  await gauges.refresh();
  const shown = await samples();
  expect(shown['evergrant_store_up']).toBe(0);
  for (const name of [
    'evergrant_webhook_deliveries_pending',
    'evergrant_accounts_counted_timestamp_seconds',
  ])
    expect(shown).not.toHaveProperty(name);
  expect(Object.keys(shown).filter((name) => name.startsWith('evergrant_accounts{'))).toEqual([]);
});

it('adds up the accounts of providers that are not configured', async () => {
  const { deps } = dependencies();
  await new StoreGauges(deps).refresh();
  expect(await samples()).toMatchObject({
    'evergrant_accounts{provider="other",environment="other",status="ok"}': 4,
  });
});
