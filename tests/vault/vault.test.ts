/** The vault: the canary, fingerprints, grants and authentication codes. */
import * as fc from 'fast-check';
import { KeyRing } from '../../src/vault/key-ring';
import { isCiphertext, OpenError } from '../../src/vault/sealing';
import { type CanaryStore, grantPlace, Vault, VaultSealedError } from '../../src/vault/vault';
import { canaryStore, randomKey, ringOf } from './_keys';

const ACCOUNT = {
  organisation: 'org_a',
  id: 'acc_1',
  provider: 'ebay',
  environment: 'production',
  externalId: 'shop-1',
};
const PLACE = grantPlace(ACCOUNT, 7);
const PLAIN = { accessToken: 'v^1.1#access', refreshToken: 'v^1.1#refresh' };

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
  it('writes a sealed canary only into an empty database', async () => {
    const ring = ringOf('k1');
    const store = canaryStore();
    await Vault.open(ring, store);
    const written = store.stored;
    expect(isCiphertext(written ?? '')).toBe(true);
    await Vault.open(ring, store);
    expect(store.stored).toBe(written);
  });

  it('R0.6 names the missing key, the available keys, and the remedy', async () => {
    const store = canaryStore();
    await Vault.open(ringOf('first'), store);
    const message = await refusal(ringOf('second', 'third'), store);
    expect(message).toContain('encrypted with key "first", which is not in ENCRYPTION_KEYS');
    expect(message).toContain('(it has: second, third)');
    expect(message).toContain('Nothing was changed and nothing was sent.');
    expect(message).toContain('Add the key that encrypted this database to ENCRYPTION_KEYS');
  });

  it('R0.6 reports a key mismatch', async () => {
    const store = canaryStore();
    await Vault.open(ringOf('k1'), store);
    const message = await refusal(ringOf('k1'), store);
    expect(message).toContain('key mismatch: ENCRYPTION_KEYS has a key named "k1"');
    expect(message).toContain('Add the key that encrypted this database');
  });

  it.each([
    ['damaged', 'ENC:v1:k1:AAAA', 'the canary record of this database is damaged'],
    ['plaintext', 'hello', 'the canary record of this database is not encrypted'],
  ])('refuses a %s canary and keeps it', async (_kind, stored, part) => {
    const store = canaryStore(stored);
    expect(await refusal(ringOf('k1'), store)).toContain(part);
    expect(store.stored).toBe(stored);
  });

  it('refuses without printing any part of a key', async () => {
    const [mine, theirs] = [randomKey(), randomKey()];
    const store = canaryStore();
    await Vault.open(KeyRing.parse(`k1:${mine}`), store);
    const message = await refusal(KeyRing.parse(`k1:${theirs}`), store);
    expect(message).not.toContain(mine.slice(0, 8));
    expect(message).not.toContain(theirs.slice(0, 8));
  });

  it('returns one fingerprint key to processes that write the canary at the same time', async () => {
    const ring = ringOf('k1');
    const store = canaryStore();
    // All of them read "none" before the first one writes.
    store.readCanary = () => Promise.resolve(null);
    const vaults = await Promise.all(Array.from({ length: 10 }, () => Vault.open(ring, store)));
    expect(new Set(vaults.map((vault) => vault.fingerprint('token'))).size).toBe(1);
  });

  it('refuses a process with another key if a canary was written in the meantime', async () => {
    const store = canaryStore();
    store.readCanary = () => Promise.resolve(null);
    await Vault.open(ringOf('k1'), store);
    expect(await refusal(ringOf('k1'), store)).toContain('key mismatch');
  });
});

describe('fingerprints', () => {
  const keys = { old: `old:${randomKey()}`, fresh: `fresh:${randomKey()}` };

  it('R1.7 stay the same when keys are rotated', async () => {
    const store = canaryStore();
    const before = await Vault.open(KeyRing.parse(keys.old), store);
    const after = await Vault.open(KeyRing.parse(`${keys.fresh},${keys.old}`), store);
    expect(after.fingerprint('token')).toBe(before.fingerprint('token'));
  });

  it('have twelve characters and are equal only for equal tokens', async () => {
    const vault = await Vault.open(ringOf('k1'), canaryStore());
    fc.assert(
      fc.property(fc.string({ minLength: 4 }), fc.string({ minLength: 4 }), (one, other) => {
        const fingerprint = vault.fingerprint(one);
        expect(fingerprint).toMatch(/^[A-Za-z0-9_-]{12}$/);
        expect(vault.fingerprint(other) === fingerprint).toBe(one === other);
      }),
    );
  });

  it('of one token differ between databases', async () => {
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

  it('are sealed with both tokens and their fingerprints, and open', async () => {
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
  ] as const)('do not open for %s', async (_place, place, field) => {
    const vault = await Vault.open(ring, canaryStore());
    const sealed = vault.sealGrant(PLAIN, PLACE);
    expect(() => vault.openToken(sealed.refreshToken, place, field)).toThrow(OpenError);
  });

  it('are re-sealed for another generation and open only there', async () => {
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

  it('are re-sealed with the current sealing key', async () => {
    const vault = await Vault.open(ringOf('k1', 'k2'), canaryStore());
    const sealed = vault.sealGrant(PLAIN, PLACE);
    vault.sealWith('k2');
    const moved = vault.resealGrant(sealed, PLACE);
    expect(moved.accessToken).toMatch(/^ENC:v1:k2:/);
    expect(vault.openToken(moved.accessToken, PLACE, 'access_token')).toBe(PLAIN.accessToken);
  });

  it('have a fallback token that opens in every generation', async () => {
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

  it('R1.4 are never sealed twice', async () => {
    const vault = await Vault.open(ring, canaryStore());
    const sealed = vault.sealGrant(PLAIN, PLACE);
    expect(() => vault.sealToken(sealed.refreshToken, PLACE, 'refresh_token')).toThrow(
      /already ciphertext/,
    );
  });
});

describe('authentication codes', () => {
  const purposes = ['audit', 'api_key', 'webhook_endpoint', 'sealing_key'] as const;

  it('are equal only for the same text and purpose, with any sealing key', async () => {
    const vault = await Vault.open(ringOf('k1', 'k2'), canaryStore());
    const codes = purposes.map((purpose) => vault.authenticationCode(purpose, 'text'));
    expect(new Set(codes).size).toBe(purposes.length);
    for (const code of codes) expect(code).toMatch(/^[A-Za-z0-9_-]{43}$/);
    vault.sealWith('k2');
    expect(purposes.map((purpose) => vault.authenticationCode(purpose, 'text'))).toEqual(codes);
    expect(codes).not.toContain(vault.authenticationCode('api_key', 'text '));
  });

  it('of one text differ between databases and from its fingerprint', async () => {
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

describe('credentials', () => {
  it('never open as a refresh token, nor as those of another grant type', async () => {
    const vault = await Vault.open(ringOf('k1'), canaryStore());
    const held = grantPlace({ ...ACCOUNT, grantType: 'client_credentials' }, 7);
    const sealed = vault.sealToken('{}', held, 'refresh_token');
    expect(vault.openToken(sealed, held, 'refresh_token')).toBe('{}');
    for (const place of [PLACE, grantPlace({ ...ACCOUNT, grantType: 'jwt_bearer' }, 7)])
      expect(() => vault.openToken(sealed, place, 'refresh_token')).toThrow(OpenError);
  });
});
