import mongoose from 'mongoose';
import { NOW, storeForTest, type TestStore } from '../_store';

let store: TestStore;
beforeAll(async () => {
  store = await storeForTest();
});
afterAll(() => store.close());

const create = (organisation = 'org_a', scopes: ('admin' | 'read')[] = ['read']) =>
  store.apiKeys.create({ organisation, name: 'test', scopes }, NOW);

describe('API keys', () => {
  it('are verified by their text, and name their owner and scopes', async () => {
    const { key, text } = await create('org_a', ['admin', 'read']);
    expect(text).toMatch(/^evg_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/);
    expect(await store.apiKeys.verify(text)).toEqual({
      keyId: key.keyId,
      organisation: 'org_a',
      name: 'test',
      scopes: ['admin', 'read'],
      status: 'valid',
      createdAt: NOW,
    });
  });

  it('are stored without their secret in any form', async () => {
    const { text } = await create();
    const secret = text.split('_').slice(2).join('_');
    const connection = await mongoose.createConnection(store.uri).asPromise();
    try {
      const stored = JSON.stringify(await connection.collection('api_keys').find().toArray());
      for (const form of [text, secret, Buffer.from(secret, 'base64url').toString('hex')])
        expect(stored).not.toContain(form.slice(-40));
    } finally {
      await connection.close();
    }
  });

  it('are refused if any part is wrong', async () => {
    const { key, text } = await create();
    const other = await create();
    const last = text.endsWith('A') ? 'B' : 'A';
    for (const wrong of [
      '',
      'evg_',
      text.slice(0, -1),
      text.slice(0, -1) + last,
      `${text}x`,
      ` ${text}`,
      `${text}\n`,
      text.toUpperCase(),
      text.replace(key.keyId, '0'.repeat(16)),
      text.replace(key.keyId, other.key.keyId),
      `evg_${'$'.repeat(16)}_${'a'.repeat(43)}`,
    ])
      expect([wrong, await store.apiKeys.verify(wrong)]).toEqual([wrong, null]);
    expect(await store.apiKeys.verify(text)).not.toBeNull();
  });

  it('can be revoked only by their organisation, and are refused afterwards', async () => {
    const { key, text } = await create();
    expect(await store.apiKeys.revoke('org_b', key.keyId)).toBe(false);
    expect(await store.apiKeys.verify(text)).not.toBeNull();
    expect(await store.apiKeys.revoke('org_a', key.keyId)).toBe(true);
    expect(await store.apiKeys.verify(text)).toBeNull();
    expect(await store.apiKeys.revoke('org_a', key.keyId)).toBe(false);
  });

  it('are listed for their organisation without any secret', async () => {
    const { key, text } = await create('org_c', ['admin']);
    await create('org_d');
    const keys = await store.apiKeys.list('org_c');
    expect(keys).toEqual([key]);
    expect(JSON.stringify(keys)).not.toContain(text.slice(-20));
    expect(await store.apiKeys.list('org_e')).toEqual([]);
  });

  it('show whether an organisation has an admin', async () => {
    await create('org_f', ['read']);
    expect(await store.apiKeys.hasAdmin('org_f')).toBe(false);
    await create('org_f', ['admin']);
    expect(await store.apiKeys.hasAdmin('org_f')).toBe(true);
  });

  it('grant nothing and are reported if Evergrant did not write their rows', async () => {
    const { key, text } = await create('org_g', ['read']);
    const connection = await mongoose.createConnection(store.uri).asPromise();
    try {
      const rows = connection.collection<{ _id: string }>('api_keys');
      await rows.updateOne({ _id: key.keyId }, { $set: { scopes: ['admin'] } });
      expect(await store.apiKeys.verify(text)).toBeNull();
      expect(await store.apiKeys.find('org_g', key.keyId)).toBeNull();
      expect(await store.apiKeys.hasAdmin('org_g')).toBe(false);
      expect(await store.apiKeys.list('org_g')).toEqual([
        { ...key, scopes: [], status: 'invalid' },
      ]);
      expect(store.reports).toEqual([{ row: 'api_key', row_id: key.keyId, organisation: 'org_g' }]);
      await rows.updateOne({ _id: key.keyId }, { $set: { scopes: ['read'] } });
      expect(await store.apiKeys.find('org_g', key.keyId)).toEqual(key);
    } finally {
      await connection.close();
    }
  });

  it('are refused with the authentication code of another kind of row', async () => {
    const { key, text } = await create('org_h', ['read']);
    const connection = await mongoose.createConnection(store.uri).asPromise();
    try {
      const rows = connection.collection<{ _id: string; code: string }>('api_keys');
      const row = await rows.findOne({ _id: key.keyId });
      const members = [key.keyId, 'org_h', 'test', ['read'], (row as any).secret_sha256, +NOW];
      const code = (purpose: 'api_key' | 'webhook_endpoint' | 'audit') =>
        store.vault.authenticationCode(purpose, JSON.stringify(members));
      expect(row?.code).toBe(code('api_key'));
      for (const other of ['webhook_endpoint', 'audit'] as const) {
        await rows.updateOne({ _id: key.keyId }, { $set: { code: code(other) } });
        expect(await store.apiKeys.verify(text)).toBeNull();
      }
    } finally {
      await connection.close();
    }
  });
});
