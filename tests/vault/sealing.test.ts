/** Sealing: values open only unchanged, with their key and at their place. */
import * as fc from 'fast-check';
import { KeyRing } from '../../src/vault/key-ring';
import { isCiphertext, OpenError, open, reseal, seal } from '../../src/vault/sealing';
import { openFailure, PLACE, randomKey, ringOf } from './_keys';

const HEAD_BYTES = 16 + 32 + 12 + 16;
const TOKEN = 'v^1.1#i^1#I^3#p^3#r^1#f^0#t^Ul4xMF8xOjQ2RTc4RkI5';

const ring = ringOf('k1');

/** Splits a sealed value into parts, and joins them with one part changed. */
function taken(sealed: string) {
  const colon = sealed.lastIndexOf(':');
  const bytes = Buffer.from(sealed.slice(colon + 1), 'base64url');
  const prefix = sealed.slice(0, colon + 1);
  return {
    prefix,
    bytes,
    body: sealed.slice(colon + 1),
    put: (changed: Buffer) => prefix + changed.toString('base64url'),
  };
}

/** Sealed values are random, so this retries until one matches. */
function sealedLike(pattern: RegExp): string {
  for (;;) {
    const sealed = seal(ring, TOKEN, PLACE);
    if (pattern.test(taken(sealed).body)) return sealed;
  }
}

const places = fc.record({
  organisation: fc.string(),
  account: fc.string(),
  field: fc.string(),
});

describe('seal and open', () => {
  it('return every text that is not ciphertext at its place', () => {
    const text = fc
      .string({ unit: 'grapheme', maxLength: 3000 })
      .filter((one) => !isCiphertext(one));
    fc.assert(
      fc.property(text, places, (plaintext, place) => {
        expect(open(ring, seal(ring, plaintext, place), place)).toBe(plaintext);
      }),
      { numRuns: 500 },
    );
  });

  it('refuse any other place', () => {
    fc.assert(
      fc.property(places, places, (here, there) => {
        fc.pre(JSON.stringify(here) !== JSON.stringify(there));
        expect(openFailure(ring, seal(ring, TOKEN, here), there)).toBe('corrupt');
      }),
      { numRuns: 500 },
    );
  });

  it('distinguish places whose parts join to the same text', () => {
    const here = { organisation: 'org', account: '1acc', field: 'refresh_token' };
    const there = { organisation: 'org1', account: 'acc', field: 'refresh_token' };
    expect(openFailure(ring, seal(ring, TOKEN, here), there)).toBe('corrupt');
    const grant = { provider: 'a', environment: 'b', externalId: '1', generation: 2 };
    const ofGrant = { ...here, grant };
    for (const [one, other] of [
      [ofGrant, here],
      [ofGrant, { ...here, grant: { ...grant, provider: 'ab', environment: '' } }],
      [ofGrant, { ...here, grant: { ...grant, externalId: '', generation: 12 } }],
    ] as const) {
      expect(openFailure(ring, seal(ring, TOKEN, one), other)).toBe('corrupt');
      expect(openFailure(ring, seal(ring, TOKEN, other), one)).toBe('corrupt');
    }
  });

  it('re-seal a value for another place, where alone it opens', () => {
    const to = { ...PLACE, field: 'access_token' };
    const moved = reseal(ring, seal(ring, TOKEN, PLACE), PLACE, { to });
    expect(open(ring, moved, to)).toBe(TOKEN);
    expect(openFailure(ring, moved, PLACE)).toBe('corrupt');
    expect(() => reseal(ring, moved, PLACE, { to })).toThrow(OpenError);
  });

  it('open and re-seal a value only for its purpose', () => {
    const sealed = seal(ring, TOKEN, PLACE, 'session');
    for (const one of [sealed, reseal(ring, sealed, PLACE, { purpose: 'session' })]) {
      expect(open(ring, one, PLACE, 'session')).toBe(TOKEN);
      expect(openFailure(ring, one, PLACE)).toBe('key_mismatch');
    }
    expect(() => reseal(ring, sealed, PLACE)).toThrow(OpenError);
  });

  it('never return the same ciphertext twice or any part of the text', () => {
    const sealed = new Set(Array.from({ length: 1000 }, () => seal(ring, TOKEN, PLACE)));
    expect(sealed.size).toBe(1000);
    for (const one of sealed) {
      expect(one).not.toContain(TOKEN);
      expect(one).not.toContain(Buffer.from(TOKEN).toString('base64url').slice(0, 12));
    }
  });

  it('R1.4 refuse a value that is already ciphertext of any system', () => {
    for (const one of [seal(ring, TOKEN, PLACE), 'ENC:', 'ENC:v2:x', 'ENC:aGVsbG8='])
      expect(() => seal(ring, one, PLACE)).toThrow(/already ciphertext/);
  });
});

describe('a changed sealed value', () => {
  // Contains a character that differs between the two base64 alphabets.
  const sealed = sealedLike(/[-_]/);
  const { prefix, bytes, put } = taken(sealed);

  it('is refused with any bit flipped', () => {
    const opened: string[] = [];
    for (const [index, byte] of bytes.entries()) {
      for (let bit = 0; bit < 8; bit += 1) {
        const changed = Buffer.from(bytes);
        changed[index] = byte ^ (1 << bit);
        if (openFailure(ring, put(changed), PLACE) === 'opened') opened.push(`${index}/${bit}`);
      }
    }
    expect(opened).toEqual([]);
  });

  it('is refused with any character replaced', () => {
    for (let index = 0; index < sealed.length; index += 1) {
      const other = sealed[index] === 'A' ? 'B' : 'A';
      const changed = sealed.slice(0, index) + other + sealed.slice(index + 1);
      expect([index, openFailure(ring, changed, PLACE)]).not.toEqual([index, 'opened']);
    }
  });

  it('is refused if it was cut at any length', () => {
    for (let length = 0; length < bytes.length; length += 1)
      expect([length, openFailure(ring, put(bytes.subarray(0, length)), PLACE)]).toEqual([
        length,
        'corrupt',
      ]);
  });

  it('is refused with a tag of four bytes, which Node would accept', () => {
    const short = Buffer.concat([
      bytes.subarray(0, HEAD_BYTES - 16),
      bytes.subarray(HEAD_BYTES - 16, HEAD_BYTES - 12),
      bytes.subarray(HEAD_BYTES),
    ]);
    expect(openFailure(ring, put(short), PLACE)).toBe('corrupt');
  });

  it.each([
    ['with padding', `${sealed}=`],
    ['with a line break after it', `${sealed}\n`],
    ['with a space before it', ` ${sealed}`],
    ['with a character that lenient decoders skip', `${prefix}!${sealed.slice(prefix.length)}`],
    ['in the other base64 alphabet', put(bytes).replace(/[-_]/g, (c) => (c === '-' ? '+' : '/'))],
    ['with nothing after the key id', prefix],
    ['with a later version', sealed.replace('ENC:v1:', 'ENC:v2:')],
    ['in lower case', sealed.replace('ENC:', 'enc:')],
  ])('is refused %s', (_change, changed) => {
    expect(openFailure(ring, changed, PLACE)).toMatch(/^(corrupt|not_sealed)$/);
  });

  it('is refused with trailing bits that decode to the same bytes', () => {
    const last = sealed.at(-1) ?? '';
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const twins = alphabet.split('').filter((one) => {
      if (one === last) return false;
      const twin = sealed.slice(prefix.length, -1) + one;
      return Buffer.from(twin, 'base64url').equals(bytes);
    });
    expect(twins).toHaveLength(bytes.length % 3 === 1 ? 15 : 3);
    for (const twin of twins)
      expect(openFailure(ring, sealed.slice(0, -1) + twin, PLACE)).toBe('corrupt');
  });
});

describe('a moved sealed value', () => {
  it('is refused at every other of 20 places', () => {
    const all = ['org_a', 'org_b'].flatMap((organisation) =>
      ['acc_1', 'acc_2', 'acc_3', 'acc_4', 'acc_5'].flatMap((account) =>
        ['access_token', 'refresh_token'].map((field) => ({ organisation, account, field })),
      ),
    );
    const sealedAt = all.map((place) => seal(ring, TOKEN, place));
    let pairs = 0;
    for (const [from, sealed] of sealedAt.entries()) {
      for (const [to, place] of all.entries()) {
        expect(openFailure(ring, sealed, place)).toBe(from === to ? 'opened' : 'corrupt');
        pairs += 1;
      }
    }
    expect(pairs).toBe(400);
  });

  it('is refused under another id of the same key', () => {
    const key = randomKey();
    const sealed = seal(KeyRing.parse(`k1:${key}`), TOKEN, PLACE);
    const renamed = sealed.replace('ENC:v1:k1:', 'ENC:v1:k2:');
    expect(openFailure(KeyRing.parse(`k2:${key}`), renamed, PLACE)).toBe('corrupt');
  });
});

describe('the reason of a refusal', () => {
  const sealed = seal(ring, TOKEN, PLACE);
  const { bytes, put } = taken(sealed);
  const damaged = Buffer.from(bytes);
  damaged[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;

  it.each([
    ['R0.6 is key_missing if the ring lacks the key', ringOf('k2'), sealed, 'key_missing'],
    [
      'R0.6 is key_mismatch if the ring has another key with the id',
      ringOf('k1'),
      sealed,
      'key_mismatch',
    ],
    ['is corrupt for a damaged ciphertext', ring, put(damaged), 'corrupt'],
    ['is corrupt for an unknown envelope', ring, 'ENC:whatever', 'corrupt'],
    ['is not_sealed for a plaintext row', ring, TOKEN, 'not_sealed'],
    ['is not_sealed for an empty row', ring, '', 'not_sealed'],
  ])('%s', (_reason, keys, value, expected) => {
    expect(openFailure(keys, value, PLACE)).toBe(expected);
  });

  it('contains no part of the value', () => {
    for (const value of [TOKEN, put(damaged)]) {
      expect(() => open(ring, value, PLACE)).toThrow(OpenError);
      expect(() => open(ring, value, PLACE)).toThrow(/^decryption failed: \w+$/);
    }
  });
});
