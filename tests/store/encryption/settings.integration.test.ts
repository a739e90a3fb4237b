import { randomUUID } from 'node:crypto';
import mongoose, { type Connection } from 'mongoose';
import { Canary } from '../../../src/store/encryption/canary';
import { InvalidRowError } from '../../../src/store/encryption/row-integrity';
import { openDatabase } from '../../../src/store/mongo/database';
import { Vault, VaultSealedError } from '../../../src/vault/vault';
import { engines } from '../../support/engines';
import { ringOf } from '../../vault/_keys';
import { storeForTest, type TestStore } from '../_store';

let store: TestStore;
beforeEach(async () => {
  store = await storeForTest();
});
afterEach(() => store.close());

describe('the canary', () => {
  let connection: Connection;
  let canary: Canary;
  beforeEach(async () => {
    connection = await openDatabase(engines.mongodbUri(`evergrant_canary_${randomUUID()}`));
    canary = new Canary(connection);
  });
  afterEach(() => connection.close());

  it('is absent from a new database, and written once', async () => {
    expect(await canary.readCanary()).toBeNull();
    expect(await canary.writeCanaryIfAbsent('one')).toBe('one');
    expect(await canary.writeCanaryIfAbsent('two')).toBe('one');
    expect(await canary.readCanary()).toBe('one');
  });

  it('gives processes that start concurrently the same fingerprint key', async () => {
    const ring = ringOf('k1');
    const vaults = await Promise.all(Array.from({ length: 20 }, () => Vault.open(ring, canary)));
    expect(new Set(vaults.map((vault) => vault.fingerprint('token'))).size).toBe(1);
  });

  it('R0.6 stops a process with another key', async () => {
    await Vault.open(ringOf('k1'), canary);
    await expect(Vault.open(ringOf('k1'), canary)).rejects.toBeInstanceOf(VaultSealedError);
    await expect(Vault.open(ringOf('k2'), canary)).rejects.toThrow(/"k1", which is not in/);
  });
});

describe('the record of the active encryption key', () => {
  it('is refused and reported after a change in the database', async () => {
    expect(await store.settings.setSealingKeyIdIfAbsent('k1')).toBe('k1');
    expect(await store.settings.moveSealingKeyId('k1', 'k2')).toBe(true);
    expect(await store.settings.sealingKeyId()).toBe('k2');
    const database = await mongoose.createConnection(store.uri).asPromise();
    try {
      const settings = database.collection<{ _id: string }>('settings');
      await settings.updateOne({ _id: 'sealing-key' }, { $set: { value: 'k1' } });
      await expect(store.settings.sealingKeyId()).rejects.toThrow(InvalidRowError);
      expect(await store.settings.moveSealingKeyId('k1', 'k3')).toBe(false);
      await settings.replaceOne({ _id: 'sealing-key' }, { value: 'k1' });
      await expect(store.settings.setSealingKeyIdIfAbsent('k1')).rejects.toThrow(/encryption key/);
    } finally {
      await database.close();
    }
    expect(store.reports).toEqual([
      { row: 'sealing_key', row_id: 'sealing-key', organisation: null },
    ]);
  });
});

describe('the configuration last applied to a schedule', () => {
  it('is kept per schedule, and a later one replaces it', async () => {
    expect(await store.settings.appliedSchedule('sweep/ebay')).toBeNull();
    await store.settings.recordAppliedSchedule('sweep/ebay', '10m');
    await store.settings.recordAppliedSchedule('sweep/ebay', '5m');
    await store.settings.recordAppliedSchedule('sweep/etsy', '3m');
    expect(await store.settings.appliedSchedule('sweep/ebay')).toBe('5m');
  });
});

describe('an OAuth app that may not validate access tokens', () => {
  const at = (hours: number) => new Date(Date.UTC(2026, 10, 22, hours));
  const day = (hours: number) => ({ now: at(hours), until: at(hours + 24) });

  it('is reported once by concurrent workers, and again after the postponement', async () => {
    const learn = (hours: number) => store.settings.putOffValidation('crm/production', day(hours));
    const first = await Promise.all(Array.from({ length: 10 }, () => learn(0)));
    expect(first.filter((isNews) => isNews)).toHaveLength(1);
    expect(await learn(1)).toBe(false);
    expect(await store.settings.isValidationPutOff('crm/production', at(23))).toBe(true);
    expect(await store.settings.isValidationPutOff('crm/production', at(24))).toBe(false);
    expect(await store.settings.isValidationPutOff('crm/sandbox', at(1))).toBe(false);
    expect(await learn(24)).toBe(true);
  });
});
