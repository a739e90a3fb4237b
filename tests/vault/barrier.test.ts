/**
 * The tests of HashiCorp Vault's barrier (`vault/barrier_aes_gcm_test.go`), one to one, with the same names. Vault's
 * storage path corresponds to a place here: organisation, account and field; for a token also provider, environment,
 * external id and generation.
 */
import * as fc from 'fast-check';
import { KeyRing, KeyRingError } from '../../src/vault/key-ring';
import { open, reseal, seal, sealingKeyOf } from '../../src/vault/sealing';
import { grantPlace, Vault, VaultSealedError } from '../../src/vault/vault';
import { canaryStore, openFailure, PLACE, randomKey, ringOf } from './_keys';
import { openedByOracle, type SealedVector, sealedByOracle } from './_oracle';
import vectors from './vectors.json';

const TOKEN = 'v^1.1#i^1#r^1#t^quick-brown-fox';

function bodyOf(sealed: string): { prefix: string; bytes: Buffer } {
  const at = sealed.lastIndexOf(':') + 1;
  return { prefix: sealed.slice(0, at), bytes: Buffer.from(sealed.slice(at), 'base64url') };
}

const HEAD = { salt: 0, commitment: 16, iv: 48, tag: 60, ciphertext: 76 };

it('Confidential: a sealed value contains no part of the text in any encoding', () => {
  const sealed = seal(ringOf('k1'), TOKEN, PLACE);
  const { bytes } = bodyOf(sealed);
  for (const form of [TOKEN, TOKEN.slice(8), encodeURIComponent(TOKEN)])
    for (const where of [sealed, bytes.toString('latin1')]) expect(where).not.toContain(form);
});

it('Integrity: a value with any flipped bit is refused, with one reason after the commitment', () => {
  const ring = ringOf('k1');
  const { prefix, bytes } = bodyOf(seal(ring, TOKEN, PLACE));
  const reasons = new Map<string, Set<string>>();
  let flips = 0;
  for (const [index, byte] of bytes.entries()) {
    for (let bit = 0; bit < 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed[index] = byte ^ (1 << bit);
      const reason = openFailure(ring, prefix + changed.toString('base64url'), PLACE);
      const part = index < HEAD.iv ? 'salt and commitment' : 'iv, tag and ciphertext';
      reasons.set(part, (reasons.get(part) ?? new Set()).add(reason));
      flips += 1;
    }
  }
  expect(flips).toBe(bytes.length * 8);
  // R0.6: the commitment shows that another key sealed the value. It reveals nothing secret.
  expect(reasons.get('salt and commitment')).toEqual(new Set(['key_mismatch']));
  expect(reasons.get('iv, tag and ciphertext')).toEqual(new Set(['corrupt']));
});

it('MoveIntegrity: all 3,540 moves between 20 accounts × 3 fields are refused', () => {
  const ring = ringOf('k1');
  const fields = ['access_token', 'refresh_token', 'fallback_access_token'];
  const places = Array.from({ length: 20 }, (_, n) => n).flatMap((n) =>
    fields.map((field) => ({ organisation: `org_${n % 2}`, account: `acc_${n}`, field })),
  );
  const sealed = places.map((place) => seal(ring, TOKEN, place));
  const reasons = { opened: 0, corrupt: 0 } as Record<string, number>;
  for (const value of sealed) {
    for (const place of places) {
      const reason = openFailure(ring, value, place);
      reasons[reason] = (reasons[reason] ?? 0) + 1;
    }
  }
  expect(reasons).toEqual({ opened: 60, corrupt: 3_540 });
  expect(sealed.map((value, at) => open(ring, value, places[at] ?? PLACE))).toEqual(
    places.map(() => TOKEN),
  );
});

it('MoveIntegrity: all 12,432 moves between generations, providers, environments, external ids and fields of one account are refused', () => {
  const ring = ringOf('k1');
  const two = <T>(one: T, other: T) => [one, other];
  const places = two('access_token', 'refresh_token').flatMap((field) =>
    two('ebay', 'etsy').flatMap((provider) =>
      two('production', 'sandbox').flatMap((environment) =>
        two('shop-1', 'shop-2').flatMap((externalId) =>
          Array.from({ length: 7 }, (_, generation) => ({
            ...PLACE,
            field,
            grant: { provider, environment, externalId, generation },
          })),
        ),
      ),
    ),
  );
  const opened = places.map((place) => {
    const sealed = seal(ring, TOKEN, place);
    return places.filter((other) => openFailure(ring, sealed, other) === 'opened');
  });
  expect(places.length * (places.length - 1)).toBe(12_432);
  expect(opened).toEqual(places.map((place) => [place]));
});

describe('Upgrade: values that Vault’s V1 accepts', () => {
  // After an upgrade to V2, Vault still reads V1 values, which were sealed without their path, and seals them as V2 at
  // the next write. Evergrant has no V1. A value without its place, of another version or without an envelope is always
  // refused; migration is the task of the import.
  const key = randomKey();
  const ring = KeyRing.parse(`k1:${key}`);
  const sealed = seal(ring, TOKEN, PLACE);
  const withoutPlace = sealedByOracle({
    key_id: 'k1',
    key,
    salt: '00'.repeat(16),
    iv: '00'.repeat(12),
    organisation: '',
    account: '',
    field: '',
    text: TOKEN,
  });

  it.each([
    ['a value sealed without its place (the attack that V1 allows)', withoutPlace, 'corrupt'],
    ['an older version', sealed.replace('ENC:v1:', 'ENC:v0:'), 'corrupt'],
    ['a later version', sealed.replace('ENC:v1:', 'ENC:v2:'), 'corrupt'],
    ['an envelope without a version', sealed.replace('ENC:v1:', 'ENC:'), 'corrupt'],
    ['a plaintext row', TOKEN, 'not_sealed'],
    ['an empty row', '', 'not_sealed'],
  ])('%s is refused', (_kind, value, reason) => {
    expect(openFailure(ring, value, PLACE)).toBe(reason);
  });
});

describe('Rotate, Rekey, ReloadKeyring', () => {
  const [old, fresh] = [`old:${randomKey()}`, `new:${randomKey()}`];
  const before = KeyRing.parse(old);
  const distributed = KeyRing.parse(`${old},${fresh}`);

  it('Rotate: older values still open, and new values use the new key', () => {
    const value = seal(distributed, TOKEN, PLACE);
    const promoted = distributed.sealingWith('new');
    expect(open(promoted, value, PLACE)).toBe(TOKEN);
    expect(sealingKeyOf(seal(promoted, TOKEN, PLACE))).toBe('new');
    expect(open(distributed, seal(promoted, TOKEN, PLACE), PLACE)).toBe(TOKEN);
  });

  it('Rekey: a value re-sealed with the new key opens only with that key', () => {
    const value = seal(before, TOKEN, PLACE);
    const resealed = reseal(distributed.sealingWith('new'), value, PLACE);
    expect(open(KeyRing.parse(fresh), resealed, PLACE)).toBe(TOKEN);
    expect(openFailure(before, resealed, PLACE)).toBe('key_missing');
    expect(openFailure(KeyRing.parse(fresh), value, PLACE)).toBe('key_missing');
    // The text is the same, but no other part of the value.
    expect(bodyOf(resealed).bytes.subarray(0, HEAD.ciphertext)).not.toEqual(
      bodyOf(value).bytes.subarray(0, HEAD.ciphertext),
    );
  });

  it('Rekey: a value that does not open is not re-sealed', () => {
    const { prefix, bytes } = bodyOf(seal(before, TOKEN, PLACE));
    bytes.writeUInt8(bytes.readUInt8(HEAD.tag) ^ 1, HEAD.tag);
    const damaged = prefix + bytes.toString('base64url');
    const promoted = distributed.sealingWith('new');
    expect(() => reseal(promoted, damaged, PLACE)).toThrow(/corrupt/);
    expect(() => reseal(promoted, TOKEN, PLACE)).toThrow(/not_sealed/);
    expect(() => reseal(promoted, seal(before, TOKEN, PLACE), { ...PLACE, field: 'x' })).toThrow(
      /corrupt/,
    );
  });

  it('Upgrade_Rekey, ReloadKeyring: after one process rotates, another opens new values and then seals with the new key', async () => {
    const store = canaryStore();
    const [one, other] = [
      await Vault.open(distributed, store),
      await Vault.open(distributed, store),
    ];
    const account = { organisation: 'org_a', id: 'acc_1', externalId: 'shop-1' };
    const place = grantPlace({ ...account, provider: 'ebay', environment: 'production' }, 1);
    one.sealWith('new');
    const sealed = one.sealToken(TOKEN, place, 'access_token');
    expect(other.openToken(sealed, place, 'access_token')).toBe(TOKEN);
    expect(other.sealingKeyId).toBe('old');
    expect(
      one.openToken(other.sealToken(TOKEN, place, 'access_token'), place, 'access_token'),
    ).toBe(TOKEN);
    other.sealWith('new');
    expect(sealingKeyOf(other.sealToken(TOKEN, place, 'access_token'))).toBe('new');
  });

  it('ReloadKeyring: a process with only the old keys does not start and names the missing key', async () => {
    const store = canaryStore();
    const vault = await Vault.open(distributed, store);
    store.stored = vault.reseal(
      store.stored ?? '',
      { organisation: '', account: 'canary', field: 'fingerprint_key' },
      'token',
      'new',
    );
    await expect(Vault.open(before, store)).rejects.toThrow(VaultSealedError);
    await expect(Vault.open(before, store)).rejects.toThrow(/encrypted with key "new"/);
    const after = await Vault.open(KeyRing.parse(fresh), store);
    expect(after.fingerprint(TOKEN)).toBe(vault.fingerprint(TOKEN));
  });

  it('sealingWith refuses a key that is not on the ring', () => {
    expect(() => before.sealingWith('new')).toThrow(KeyRingError);
  });

  it('sessions stay valid: every process verifies signatures of the old and the new key', () => {
    const promoted = KeyRing.parse(`${fresh},${old}`).sealingWith('old');
    const keys = (ring: KeyRing) => ring.signingKeys('session').map((key) => key.toString('hex'));
    // A process without the new key verifies signatures of processes that have it.
    expect(keys(before)).toContain(keys(promoted)[0]);
    expect(keys(distributed)[0]).toBe(keys(promoted)[0]);
    // After the switch the new key signs, and signatures of the old key are still verified.
    expect(keys(distributed.sealingWith('new'))).toEqual(keys(promoted).toReversed());
    expect(keys(KeyRing.parse(fresh))).toEqual([keys(distributed.sealingWith('new'))[0]]);
  });
});

it('Encrypt_Unique: 10,000 seals of one text at one place repeat no salt, iv or ciphertext', () => {
  const ring = ringOf('k1');
  const seen = { salt: new Set<string>(), iv: new Set<string>(), ciphertext: new Set<string>() };
  for (let n = 0; n < 10_000; n += 1) {
    const { bytes } = bodyOf(seal(ring, TOKEN, PLACE));
    seen.salt.add(bytes.toString('hex', HEAD.salt, HEAD.commitment));
    seen.iv.add(bytes.toString('hex', HEAD.iv, HEAD.tag));
    seen.ciphertext.add(bytes.toString('hex', HEAD.tag));
  }
  expect([seen.salt.size, seen.iv.size, seen.ciphertext.size]).toEqual([10_000, 10_000, 10_000]);
});

it.each([0, 1, 16, 24, 31, 33, 64])(
  'Initialize_KeyLength: a key of %i bytes is refused',
  (length) => {
    const key = Buffer.alloc(length, 1).toString('base64');
    expect(() => KeyRing.parse(`k1:${key}`)).toThrow(KeyRingError);
  },
);

it('Decrypt_InvalidCipherLength: a value of any shorter length is refused without a crash', () => {
  const ring = ringOf('k1');
  const { prefix, bytes } = bodyOf(seal(ring, TOKEN, PLACE));
  for (let length = 0; length < bytes.length; length += 1)
    expect(openFailure(ring, prefix + bytes.subarray(0, length).toString('base64url'), PLACE)).toBe(
      'corrupt',
    );
});

/** Vectors that are not tokens have no grant. */
const VECTORS: readonly SealedVector[] = vectors;

describe('frozen vectors', () => {
  const ring = (vector: SealedVector) => KeyRing.parse(`${vector.key_id}:${vector.key}`);

  it.each(VECTORS)('$what opens', (vector) => {
    expect(open(ring(vector), vector.sealed, vector)).toBe(vector.text);
  });

  it.each(VECTORS)('$what equals the value from another implementation', (vector) => {
    expect(sealedByOracle(vector)).toBe(vector.sealed);
    expect(openedByOracle(vector.sealed, vector)).toBe(vector.text);
  });

  it.each(VECTORS)('$what opens with no other key and at no other place', (vector) => {
    expect(openFailure(ringOf(vector.key_id), vector.sealed, vector)).toBe('key_mismatch');
    for (const member of ['organisation', 'account', 'field'] as const)
      expect(openFailure(ring(vector), vector.sealed, { ...vector, [member]: 'other' })).toBe(
        'corrupt',
      );
    const { grant, ...withoutGrant } = vector;
    if (grant === undefined) return;
    expect(openFailure(ring(vector), vector.sealed, withoutGrant)).toBe('corrupt');
    for (const changed of [
      { provider: 'other' },
      { environment: 'other' },
      { externalId: 'other' },
      { generation: 41 },
    ])
      expect(
        openFailure(ring(vector), vector.sealed, { ...vector, grant: { ...grant, ...changed } }),
      ).toBe('corrupt');
  });

  it('both implementations open the values of the other', () => {
    const key = randomKey();
    const ours = KeyRing.parse(`k1:${key}`);
    const hex = (bytes: number) =>
      fc
        .uint8Array({ minLength: bytes, maxLength: bytes })
        .map((one) => Buffer.from(one).toString('hex'));
    const any = fc.record({
      organisation: fc.string(),
      account: fc.string(),
      field: fc.string(),
      grant: fc.record({
        provider: fc.string(),
        environment: fc.string(),
        externalId: fc.string(),
        generation: fc.nat(),
      }),
      text: fc
        .string({ unit: 'grapheme', maxLength: 500 })
        .filter((one) => !one.startsWith('ENC:')),
      salt: hex(16),
      iv: hex(12),
    });
    fc.assert(
      fc.property(any, (one) => {
        const vector = { ...one, key_id: 'k1', key };
        expect(openedByOracle(seal(ours, one.text, one), vector)).toBe(one.text);
        expect(open(ours, sealedByOracle(vector), one)).toBe(one.text);
      }),
      { numRuns: 200 },
    );
  });
});
