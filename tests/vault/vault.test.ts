import * as fc from 'fast-check';
import { KeyRing } from '../../src/vault/key-ring';
import { isCiphertext, OpenError } from '../../src/vault/sealing';
import { type CanaryStore, grantPlace, Vault, VaultSealedError } from '../../src/vault/vault';
import { randomKey, ringOf } from './_keys';

const ACCOUNT = {
  organisation: 'org_a',
  id: 'acc_1',
  provider: 'ebay',
  environment: 'production',
  externalId: 'shop-1',
};
const PLACE = grantPlace(ACCOUNT, 7);
const PLAIN = { accessToken: 'v^1.1#access', refreshToken: 'v^1.1#refresh' };

/** Stores one canary, as a database does. */
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

/** Returns the message that opening fails with, or `opened`. */
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
    // All of them read "none" before the first one writes.
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
    ['another provider', { ...PLACE, provider: 'etsy' }, 'refresh_token'],
    ['another environment', { ...PLACE, environment: 'sandbox' }, 'refresh_token'],
    ['another external id', { ...PLACE, externalId: 'shop-2' }, 'refresh_token'],
    ['an earlier generation', { ...PLACE, generation: 6 }, 'refresh_token'],
    ['a later generation', { ...PLACE, generation: 8 }, 'refresh_token'],
    ['the other field', PLACE, 'access_token'],
  ] as const)('do not open for %s', async (_whose, place, field) => {
    const vault = await Vault.open(ring, canaryStore());
    const sealed = vault.sealGrant(PLAIN, PLACE);
    expect(() => vault.openToken(sealed.refreshToken, place, field)).toThrow(OpenError);
  });

  it('are re-sealed for another generation, and open in that one alone', async () => {
    const vault = await Vault.open(ring, canaryStore());
    const sealed = vault.sealGrant(PLAIN, PLACE);
    const next = grantPlace(ACCOUNT, 8);
    const moved = vault.resealGrant(sealed, next);
    expect(moved).toMatchObject({
      generation: 8,
      refreshTokenFingerprint: sealed.refreshTokenFingerprint,
    });
    expect(vault.openToken(moved.accessToken, next, 'access_token')).toBe(PLAIN.accessToken);
    expect(vault.openToken(moved.refreshToken, next, 'refresh_token')).toBe(PLAIN.refreshToken);
    expect(() => vault.openToken(moved.refreshToken, PLACE, 'refresh_token')).toThrow(OpenError);
    expect(vault.resealGrant(moved, next)).toEqual(moved);
    // A value moved from elsewhere must not open after sealing again.
    const foreign = { ...sealed, generation: 6 };
    expect(vault.resealGrant(foreign, next).refreshToken).toBe(sealed.refreshToken);
  });

  it('are re-sealed with the key that seals now', async () => {
    const vault = await Vault.open(ringOf('k1', 'k2'), canaryStore());
    const sealed = vault.sealGrant(PLAIN, PLACE);
    vault.sealWith('k2');
    const moved = vault.resealGrant(sealed, PLACE);
    expect(moved.accessToken).toMatch(/^ENC:v1:k2:/);
    expect(vault.openToken(moved.accessToken, PLACE, 'access_token')).toBe(PLAIN.accessToken);
  });

  it('have a fallback token beside them that stays while generations pass', async () => {
    const vault = await Vault.open(ring, canaryStore());
    const { accessToken } = vault.sealFallback('fallback', PLACE);
    const later = grantPlace(ACCOUNT, 99);
    expect(vault.openToken(accessToken, later, 'fallback_access_token')).toBe('fallback');
    for (const field of ['access_token', 'refresh_token'] as const)
      for (const place of [PLACE, grantPlace(ACCOUNT, 0)])
        expect(() => vault.openToken(accessToken, place, field)).toThrow(OpenError);
    const etsy = { ...PLACE, provider: 'etsy' };
    expect(() => vault.openToken(accessToken, etsy, 'fallback_access_token')).toThrow(OpenError);
  });

  it('R1.4 are not sealed twice', async () => {
    const vault = await Vault.open(ring, canaryStore());
    const sealed = vault.sealGrant(PLAIN, PLACE);
    expect(() => vault.sealToken(sealed.refreshToken, PLACE, 'refresh_token')).toThrow(
      /ciphertext already/,
    );
  });
});

describe('authentication codes', () => {
  const purposes = ['audit', 'api_key', 'webhook_endpoint', 'sealing_key'] as const;

  it('are equal for the same text and purpose alone, whichever key seals', async () => {
    const vault = await Vault.open(ringOf('k1', 'k2'), canaryStore());
    const codes = purposes.map((purpose) => vault.authenticationCode(purpose, 'text'));
    expect(new Set(codes).size).toBe(purposes.length);
    for (const code of codes) expect(code).toMatch(/^[A-Za-z0-9_-]{43}$/);
    vault.sealWith('k2');
    expect(purposes.map((purpose) => vault.authenticationCode(purpose, 'text'))).toEqual(codes);
    expect(codes).not.toContain(vault.authenticationCode('api_key', 'text '));
  });

  it('of one text differ from database to database, and are no fingerprint of it', async () => {
    const ring = ringOf('k1');
    const [one, other] = [
      await Vault.open(ring, canaryStore()),
      await Vault.open(ring, canaryStore()),
    ];
    expect(one.authenticationCode('api_key', 'x')).not.toBe(
      other.authenticationCode('api_key', 'x'),
    );
    for (const purpose of purposes)
      expect(one.authenticationCode(purpose, 'x')).not.toContain(one.fingerprint('x'));
  });
});
