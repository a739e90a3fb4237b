/** The key ring: parsing, rotation, and keys of records. */
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { KeyRing, KeyRingError } from '../../src/vault/key-ring';
import { isCiphertext, open, seal } from '../../src/vault/sealing';
import { openFailure, PLACE, randomKey } from './_keys';

/** Returns the message that a text is refused with, or `accepted`. */
function refusal(text: string): string {
  try {
    KeyRing.parse(text);
    return 'accepted';
  } catch (error) {
    if (error instanceof KeyRingError) return error.message;
    throw error;
  }
}

describe('KeyRing.parse', () => {
  it('uses the first key to seal and all keys to open', () => {
    const ring = KeyRing.parse(`new:${randomKey()}, old.2024-01:${randomKey()}`);
    expect(ring.sealingKeyId).toBe('new');
    expect(ring.keyIds).toEqual(['new', 'old.2024-01']);
    expect([ring.has('old.2024-01'), ring.has('other')]).toEqual([true, false]);
  });

  it.each([
    ['an empty text', '', /^key 1 must be written kid:base64/],
    ['a key without an id', randomKey(), /^key 1 must be written kid:base64/],
    ['an empty id', `:${randomKey()}`, /^key 1 must be written kid:base64/],
    ['an id with a space', `my key:${randomKey()}`, /^key 1 must be written kid:base64/],
    ['an id that is too long', `${'k'.repeat(33)}:${randomKey()}`, /^key 1 must be written/],
    ['a trailing comma', `k1:${randomKey()},`, /^key 2 must be written/],
    ['a key of 16 bytes', `k1:${Buffer.alloc(16, 1).toString('base64')}`, /^key 1 .*32 bytes/],
    ['a key of 33 bytes', `k1:${Buffer.alloc(33, 1).toString('base64')}`, /^key 1 .*32 bytes/],
    ['a key in hex', `k1:${Buffer.alloc(32, 1).toString('hex')}`, /^key 1 .*32 bytes in base64/],
    ['an unpadded key', `k1:${randomKey().replace(/=+$/, '')}`, /^key 1 .*32 bytes in base64/],
    ['a mistyped key', `k1:!${randomKey()}`, /^key 1 .*32 bytes in base64/],
    ['a duplicate id', `k1:${randomKey()},k1:${randomKey()}`, /^key 2: the id "k1" is used twice$/],
  ])('refuses %s and names the position', (_problem, text, message) => {
    expect(refusal(text)).toMatch(message);
  });

  it('prints no part of a key in any malformed text', () => {
    const written = fc
      .record({
        bytes: fc.uint8Array({ minLength: 9, maxLength: 48 }),
        encoding: fc.constantFrom<BufferEncoding>('base64', 'base64url', 'hex'),
        around: fc.constantFrom<(key: string) => string>(
          (key) => key,
          (key) => `k1:${key}`,
          (key) => `${key}:k1`,
          (key) => `${randomKey()},${key}`,
          (key) => `k1:${key}:k2`,
          (key) => `k1=${key}`,
        ),
      })
      .map(({ bytes, encoding, around }) => {
        const key = Buffer.from(bytes).toString(encoding);
        return { key, text: around(key) };
      });
    fc.assert(
      fc.property(written, ({ key, text }) => {
        const message = refusal(text);
        const parts = Array.from({ length: key.length - 7 }, (_, at) => key.slice(at, at + 8));
        expect(parts.filter((part) => message.includes(part))).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });

  it('contains no key when it is printed or serialised', () => {
    const key = randomKey();
    const ring = KeyRing.parse(`k1:${key}`);
    expect(JSON.stringify(ring)).not.toContain(key.slice(0, 8));
    expect(inspect(ring, { depth: 9, showHidden: true })).not.toContain(key.slice(0, 8));
  });
});

describe('rotating keys', () => {
  const old = `old:${randomKey()}`;
  const fresh = `fresh:${randomKey()}`;
  const before = seal(KeyRing.parse(old), 'token', PLACE);

  it('opens values of an older key and seals with the first', () => {
    const rotated = KeyRing.parse(`${fresh},${old}`);
    expect(open(rotated, before, PLACE)).toBe('token');
    expect(seal(rotated, 'token', PLACE)).toMatch(/^ENC:v1:fresh:/);
  });

  it('opens values of both keys while only some processes seal with the new one', () => {
    const distributed = KeyRing.parse(`${old},${fresh}`);
    const promoted = KeyRing.parse(`${fresh},${old}`);
    expect(open(distributed, seal(promoted, 'token', PLACE), PLACE)).toBe('token');
    expect(open(promoted, seal(distributed, 'token', PLACE), PLACE)).toBe('token');
  });

  it('R0.6 reports a key that was removed too early', () => {
    expect(openFailure(KeyRing.parse(fresh), before, PLACE)).toBe('key_missing');
  });
});

describe('record keys', () => {
  const ring = KeyRing.parse(`k1:${randomKey()}`);
  const salt = Buffer.alloc(16, 7);

  it('are equal for one salt, differ between salts, and differ from the commitment', () => {
    const record = ring.recordKey('k1', salt, 'token');
    expect(record).toEqual(ring.recordKey('k1', salt, 'token'));
    expect(record?.key).not.toEqual(ring.recordKey('k1', Buffer.alloc(16, 8), 'token')?.key);
    expect(record?.key).not.toEqual(record?.commitment);
    expect(ring.recordKey('k2', salt, 'token')).toBeUndefined();
  });
});

describe('isCiphertext', () => {
  it.each([
    ['ENC:v1:k1:AAAA', true],
    ['ENC:', true],
    ['enc:v1', false],
    [' ENC:v1', false],
    ['v^1.1#i^1', false],
    ['', false],
  ])('R1.4 returns for %j: %j', (value, expected) => {
    expect(isCiphertext(value)).toBe(expected);
  });
});
