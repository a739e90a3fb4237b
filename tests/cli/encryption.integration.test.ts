/** `evergrant encryption …`: progress, tables, JSON and exit codes. */
import { joinKeyRegistry } from '../../src/process/key-registry';
import type { RunningApi } from '../../src/server/serve';
import { KeyRing } from '../../src/vault/key-ring';
import { Vault } from '../../src/vault/vault';
import { type Harness, startHarness } from '../support/harness';
import { randomKey } from '../vault/_keys';
import { rows, serve, startCli } from './_cli';

const [K1, K2] = [`k1:${randomKey()}`, `k2:${randomKey()}`];

let h: Harness;
let api: RunningApi;
let environment: Record<string, string>;
beforeAll(async () => {
  h = await startHarness({ encryptionKeys: `${K1},${K2}` });
  api = await serve(h);
  environment = {
    EVERGRANT_URL: api.url,
    EVERGRANT_API_KEY: await h.key({ scopes: ['operator'] }),
  };
});
afterAll(async () => {
  await api?.stop();
  await h?.stop();
});

const cli = (...args: string[]) => startCli(environment, ['encryption', ...args], '').ended;

it('F23 rotate refuses while a process lacks the key, then waits for the rotation and names removable keys', async () => {
  for (let n = 0; n < 3; n += 1) await h.addAccount({ expiresInMs: 3600_000 });
  const vault = await Vault.open(KeyRing.parse(K1), h.store.canary);
  const without = await joinKeyRegistry({ store: h.store, vault, role: 'worker' });
  const refused = await cli('rotate');
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toMatch(
    /^evergrant: Not all processes have the key "k2" yet: worker \d+@/,
  );

  const before = await cli('check');
  expect(before.code).toBe(0);
  expect(rows(before.stdout)).toEqual([
    expect.objectContaining({ key: 'k1', use: 'encrypts', records: '4', 'missing from': '–' }),
    expect.objectContaining({ key: 'k2', use: 'new', 'missing from': expect.any(String) }),
  ]);
  await without.stop();

  expect(await cli('pause', '--note', 'not now')).toMatchObject({
    code: 1,
    stderr: 'evergrant: No rotation is running.\n',
  });
  const done = await cli('rotate');
  expect(done.code).toBe(0);
  expect(done.stdout.trim().split('\n')).toEqual([
    'every readable record is encrypted with k2 (4 re-encrypted)',
    'Keys that you can remove from ENCRYPTION_KEYS of every process now: k1',
  ]);
  expect(done.stderr).toMatch(/^completed \(rotate-encryption /m);

  const after = (await cli('check', '--json')).json();
  expect(after).toMatchObject({
    sealing_key: 'k2',
    keys: [
      { id: 'k1', needed: false, records: 0 },
      { id: 'k2', seals: true, records: 4 },
    ],
    rotation: { status: 'completed' },
  });
  expect(JSON.stringify(after)).not.toContain(K2.slice(3, 11));
  expect(await cli('rotate', 'k2')).toMatchObject({ code: 2 });
}, 120_000);

it('check exits with 1 if records name an unknown key', async () => {
  await h.addAccount({ spoil: (sealed) => sealed.replace(/^ENC:v1:k2:/, 'ENC:v1:gone:') });
  const ran = await cli('check');
  expect(ran.code).toBe(1);
  expect(ran.stdout).toContain('Records that name an unknown key: 1.');
}, 60_000);
