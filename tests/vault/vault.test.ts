import * as fc from 'fast-check';
import { KeyRing } from '../../src/vault/key-ring';
import { isCiphertext, OpenError } from '../../src/vault/sealing';
import { type CanaryStore, Vault, VaultSealedError } from '../../src/vault/vault';
import { randomKey, ringOf } from './_keys';

const PLACE = { organisation: 'org_a', accountId: 'acc_1' };
const PLAIN = { accessToken: 'v^1.1#access', refreshToken: 'v^1.1#refresh' };

/** A database's one canary. */
function canaryStore(stored: string | null = null): CanaryStore & { stored: string | null } {
  return {
    stored,
    readCanary() {
      return Promise.resolve(this.stored);
    },
    writeCanaryIfAbsent(sealed) {
      this.stored ??= sealed;
      return Promise.resolve(this.stored);
    },
  };
}

/** The sentence an opening is refused with. */
async function refusal(ring: KeyRing, store: CanaryStore): Promise<string> {
  return Vault.open(ring, store).then(
    () => 'opened',
    (error: unknown) => {
      if (error instanceof VaultSealedError) return error.message;
      throw error;
    },
  );
}

describe('Vault.open', () => {
  it('writes a sealed canary into an empty database, and only there', async () => {
    const ring = ringOf('k1');
    const store = canaryStore();
    await Vault.open(ring, store);
    const written = store.stored;
    expect(isCiphertext(written ?? '')).toBe(true);
    await Vault.open(ring, store);
    expect(store.stored).toBe(written);
  });

  it('R0.6 names a key that is missing, what there is, and how to go on', async () => {
    const store = canaryStore();
    await Vault.open(ringOf('first'), store);
    const sentence = await refusal(ringOf('second', 'third'), store);
    expect(sentence).toContain('sealed with key "first", which is not in ENCRYPTION_KEYS');
    expect(sentence).toContain('(it has: second, third)');
    expect(sentence).toContain('Nothing was changed and nothing was sent.');
    expect(sentence).toContain('To go on: put the key that sealed this database');
  });

  it('R0.6 names a key mismatch as such', async () => {
    const store = canaryStore();
    await Vault.open(ringOf('k1'), store);
    const sentence = await refusal(ringOf('k1'), store);
    expect(sentence).toContain('key mismatch: ENCRYPTION_KEYS has a key named "k1"');
    expect(sentence).toContain('To go on:');
  });

  it.each([
    ['damaged', 'ENC:v1:k1:AAAA', 'the canary record of this database is damaged'],
    ['plaintext', 'hello', 'the canary record of this database is not sealed'],
  ])('says that a %s canary is none, and overwrites nothing', async (_what, stored, part) => {
    const store = canaryStore(stored);
    expect(await refusal(ringOf('k1'), store)).toContain(part);
    expect(store.stored).toBe(stored);
  });

  it('refuses without showing any part of a key', async () => {
    const [mine, theirs] = [randomKey(), randomKey()];
    const store = canaryStore();
    await Vault.open(KeyRing.parse(`k1:${mine}`), store);
    const sentence = await refusal(KeyRing.parse(`k1:${theirs}`), store);
    expect(sentence).not.toContain(mine.slice(0, 8));
    expect(sentence).not.toContain(theirs.slice(0, 8));
  });

  it('gives processes that race to write the canary one fingerprint key', async () => {
    const ring = ringOf('k1');
    const store = canaryStore();
    // All have read "none" before the first writes.
    store.readCanary = () => Promise.resolve(null);
    const vaults = await Promise.all(Array.from({ length: 10 }, () => Vault.open(ring, store)));
    expect(new Set(vaults.map((vault) => vault.fingerprint('token'))).size).toBe(1);
  });

  it('lets a process of another key that lost that race start nothing', async () => {
    const store = canaryStore();
    store.readCanary = () => Promise.resolve(null);
    await Vault.open(ringOf('k1'), store);
    expect(await refusal(ringOf('k1'), store)).toContain('key mismatch');
  });
});

describe('fingerprints', () => {
  const keys = { old: `old:${randomKey()}`, fresh: `fresh:${randomKey()}` };

  it('R1.7 stay comparable when keys are rotated', async () => {
    const store = canaryStore();
    const before = await Vault.open(KeyRing.parse(keys.old), store);
    const after = await Vault.open(KeyRing.parse(`${keys.fresh},${keys.old}`), store);
    expect(after.fingerprint('token')).toBe(before.fingerprint('token'));
  });

  it('are equal for equal tokens only, twelve characters, and nothing of the token', async () => {
    const vault = await Vault.open(ringOf('k1'), canaryStore());
    fc.assert(
      fc.property(fc.string({ minLength: 4 }), fc.string({ minLength: 4 }), (one, other) => {
        const fingerprint = vault.fingerprint(one);
        expect(fingerprint).toMatch(/^[A-Za-z0-9_-]{12}$/);
        expect(vault.fingerprint(other) === fingerprint).toBe(one === other);
      }),
    );
  });

  it('of one token differ from database to database', async () => {
    const ring = ringOf('k1');
    const [one, other] = [
      await Vault.open(ring, canaryStore()),
      await Vault.open(ring, canaryStore()),
    ];
    expect(one.fingerprint('token')).not.toBe(other.fingerprint('token'));
  });
});

describe('grants', () => {
  const ring = ringOf('k1');

  it('are sealed with both tokens and their fingerprints, and open again', async () => {
    const vault = await Vault.open(ring, canaryStore());
    const sealed = vault.sealGrant(PLAIN, PLACE);
    expect(vault.openToken(sealed.accessToken, PLACE, 'access_token')).toBe(PLAIN.accessToken);
    expect(vault.openToken(sealed.refreshToken, PLACE, 'refresh_token')).toBe(PLAIN.refreshToken);
    expect(sealed.accessTokenFingerprint).toBe(vault.fingerprint(PLAIN.accessToken));
    expect(sealed.refreshTokenFingerprint).toBe(vault.fingerprint(PLAIN.refreshToken));
    expect(JSON.stringify(sealed)).not.toContain('v^1.1#');
  });

  it.each([
    ['another account', { ...PLACE, accountId: 'acc_2' }, 'refresh_token'],
    ['another organisation', { ...PLACE, organisation: 'org_b' }, 'refresh_token'],
    ['the other field', PLACE, 'access_token'],
  ] as const)('do not open for %s', async (_whose, place, field) => {
    const vault = await Vault.open(ring, canaryStore());
    const sealed = vault.sealGrant(PLAIN, PLACE);
    expect(() => vault.openToken(sealed.refreshToken, place, field)).toThrow(OpenError);
  });

  it('R1.4 are not sealed twice', async () => {
    const vault = await Vault.open(ring, canaryStore());
    const sealed = vault.sealGrant(PLAIN, PLACE);
    expect(() => vault.sealToken(sealed.refreshToken, PLACE, 'refresh_token')).toThrow(
      /ciphertext already/,
    );
  });
});
