import { Vault, VaultSealedError } from '../../src/vault/vault';
import { ringOf } from '../vault/_keys';
import { storeForTest, type TestStore } from './_store';

let store: TestStore;
beforeEach(async () => {
  store = await storeForTest();
});
afterEach(() => store.close());

describe('the canary', () => {
  it('is absent from a new database, written once, and never again', async () => {
    expect(await store.settings.readCanary()).toBeNull();
    expect(await store.settings.writeCanaryIfAbsent('one')).toBe('one');
    expect(await store.settings.writeCanaryIfAbsent('two')).toBe('one');
    expect(await store.settings.readCanary()).toBe('one');
  });

  it('gives processes that race at the first start one fingerprint key', async () => {
    const ring = ringOf('k1');
    const vaults = await Promise.all(
      Array.from({ length: 20 }, () => Vault.open(ring, store.settings)),
    );
    expect(new Set(vaults.map((vault) => vault.fingerprint('token'))).size).toBe(1);
  });

  it('R0.6 stops a process with another key', async () => {
    await Vault.open(ringOf('k1'), store.settings);
    await expect(Vault.open(ringOf('k1'), store.settings)).rejects.toBeInstanceOf(VaultSealedError);
    await expect(Vault.open(ringOf('k2'), store.settings)).rejects.toThrow(/"k1", which is not in/);
  });
});

describe('what was applied to a schedule', () => {
  it('is kept for each schedule, the last one counts', async () => {
    expect(await store.settings.appliedSchedule('sweep/ebay')).toBeNull();
    await store.settings.recordAppliedSchedule('sweep/ebay', '10m');
    await store.settings.recordAppliedSchedule('sweep/ebay', '5m');
    await store.settings.recordAppliedSchedule('sweep/etsy', '3m');
    expect(await store.settings.appliedSchedule('sweep/ebay')).toBe('5m');
    expect(await store.settings.readCanary()).toBeNull();
  });
});
