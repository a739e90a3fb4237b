/** The routes of the encryption keys, their refusals, and a complete rotation. */
import { randomBytes } from 'node:crypto';
import { joinKeyRegistry } from '../../src/process/key-registry';
import { KeyRing } from '../../src/vault/key-ring';
import { Vault } from '../../src/vault/vault';
import { eventually } from '../support/eventually';
import { randomKey } from '../vault/_keys';
import { type Api, expectError, startApi } from './_api';

const PATH = '/api/admin/encryption';
const [K1, K2] = [`k1:${randomKey()}`, `k2:${randomKey()}`];

let api: Api;
beforeAll(async () => {
  api = await startApi({ encryptionKeys: `${K1},${K2}` });
});
afterAll(() => api.stop());

it('without a rotation, pausing is refused and the rotation is not found', async () => {
  for (const path of ['pause', 'resume'])
    expectError(await api.post(`${PATH}/${path}`), 409, 'conflict');
  expectError(await api.get(`${PATH}/rotation`), 404, 'not_found');
});

it('F23 a rotation is refused while a process lacks the key, and the response names the process', async () => {
  const vault = await Vault.open(KeyRing.parse(K1), api.store.canary);
  const without = await joinKeyRegistry({ store: api.store, vault, role: 'worker' });
  const refused = await api.post(`${PATH}/rotate`, {});
  expectError(refused, 409, 'conflict');
  expect(refused.body.error.message).toMatch(
    /Not all processes have the key "k2" yet: worker \d+@/,
  );
  const { body } = await api.get(PATH);
  expect(body).toMatchObject({
    sealing_key: 'k1',
    keys: [
      { id: 'k1', seals: true, present: true, missing_from: [], needed: true },
      {
        id: 'k2',
        seals: false,
        records: 0,
        needed: false,
        missing_from: [expect.stringMatching(/^worker \d+@/)],
      },
    ],
    processes: [{ keys: ['k1'], sealing_key: 'k1' }],
    rotation: null,
  });
  await without.stop();
  expectError(await api.post(`${PATH}/rotate`, { to: 'k9' }), 409, 'conflict');
});

it('F23 F25 a rotation re-encrypts all records but the unreadable one, which it names and which keeps no key needed', async () => {
  const good = await api.addAccount();
  const damaged = await api.addAccount({ spoil: (sealed) => `${sealed.slice(0, -8)}AAAAAAAA` });
  const started = await api.post(`${PATH}/rotate`);
  expect(started).toMatchObject({ status: 200, body: { status: 'running' } });
  const done = await eventually(async () => {
    const { body } = await api.get(`${PATH}/rotation`);
    return body.status === 'completed' && body;
  });
  expect(done).toMatchObject({
    to: 'k2',
    progress: {
      phase: 'done',
      remaining: { k1: 1 },
      unreadable: { k1: 1 },
      unreadable_records: [`accounts/${damaged.id}`],
      removable_keys: ['k1'],
    },
  });
  const { body } = await api.get(PATH);
  expect(body.sealing_key).toBe('k2');
  expect(body.keys).toEqual([
    expect.objectContaining({
      id: 'k1',
      needed: false,
      records: 1,
      retired_at: expect.any(String),
    }),
    expect.objectContaining({ id: 'k2', needed: true, seals: true }),
  ]);
  const { body: token } = await api.send('GET', `/api/tokens/${good.id}`);
  expect(token).toMatchObject({ active: true });
  // Another request has no newer key to switch to, so it checks the remaining records again.
  expect(await api.post(`${PATH}/rotate`)).toMatchObject({ status: 200 });
  await eventually(async () => (await api.get(`${PATH}/rotation`)).body.status === 'completed');
});

describe('F25 a stored refresh token with one byte changed', () => {
  it('is refused to token callers in the same way, whichever byte it is', async () => {
    const answers = new Set<string>();
    const neighbour = await api.addAccount();
    for (const place of ['salt', 'commitment', 'iv', 'tag', 'ciphertext'] as const) {
      const at = { salt: 3, commitment: 20, iv: 50, tag: 65, ciphertext: 80 }[place];
      const { id } = await api.addAccount({
        expiresInMs: -1000,
        spoil: (sealed) => flipped(sealed, at),
      });
      const { status, body } = await api.send('GET', `/api/tokens/${id}`);
      answers.add(JSON.stringify([status, body]).replaceAll(id, '<id>'));
    }
    expect([...answers]).toEqual([expect.stringContaining('"reason":"grant_unreadable"')]);
    expect((await api.send('GET', `/api/tokens/${neighbour.id}`)).body).toMatchObject({
      active: true,
    });
  });

  it('or with an unknown key affects only its account: the others are refreshed, and nothing is sent for it', async () => {
    const spoiled = [];
    for (let at = 0; at < 100; at += 9)
      spoiled.push(await api.addAccount({ spoil: (sealed) => flipped(sealed, at) }));
    spoiled.push(
      await api.addAccount({ spoil: (sealed) => sealed.replace(/^ENC:v1:k\d:/, 'ENC:v1:gone:') }),
    );
    const well = [await api.addAccount(), await api.addAccount()];
    const outcomes = await Promise.all(
      [...spoiled, ...well].map(({ id }) => api.post(`/api/admin/accounts/${id}/refresh`, {})),
    );
    expect(outcomes.map(({ body }) => body.outcome)).toEqual([
      ...spoiled.map(() => 'failed'),
      ...well.map(() => 'refreshed'),
    ]);
    const sentFor = new Set(api.sandbox.ledger.map(({ subject }) => subject));
    expect(spoiled.filter(({ id }) => sentFor.has(id))).toEqual([]);
    expect((await api.get(PATH)).body.other_records).toBe(1);
  });
});

/** Changes one bit of a byte after the key id. */
function flipped(sealed: string, at: number): string {
  const start = sealed.lastIndexOf(':') + 1;
  const bytes = Buffer.from(sealed.slice(start), 'base64url');
  const index = Math.min(at, bytes.length - 1);
  bytes.writeUInt8(bytes.readUInt8(index) ^ (1 << (randomBytes(1).readUInt8(0) & 7)), index);
  return sealed.slice(0, start) + bytes.toString('base64url');
}
