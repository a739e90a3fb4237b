/**
 * Sealing as the form of sealed values is described, a second time and with another cipher (pure JavaScript): what both
 * agree on is the form, and no slip of one library.
 */
import { hkdfSync } from 'node:crypto';
import { gcm } from '@noble/ciphers/aes.js';

export interface SealedVector {
  what: string;
  key_id: string;
  /** base64, as in ENCRYPTION_KEYS. */
  key: string;
  /** hex */
  salt: string;
  /** hex */
  iv: string;
  organisation: string;
  account: string;
  field: string;
  text: string;
  sealed: string;
}

type Place = Pick<SealedVector, 'key_id' | 'organisation' | 'account' | 'field'>;

const derived = (key: Buffer, salt: Buffer, what: 'key' | 'commitment') =>
  Buffer.from(hkdfSync('sha256', key, salt, `evergrant/v1/token/${what}`, 32));

function associatedData(place: Place): Buffer {
  const parts = ['v1', place.key_id, place.organisation, place.account, place.field];
  return Buffer.concat(
    parts.flatMap((part) => {
      const bytes = Buffer.from(part);
      return [Buffer.from([0, 0, bytes.length >> 8, bytes.length & 255]), bytes];
    }),
  );
}

export function sealedByOracle(vector: Omit<SealedVector, 'what' | 'sealed'>): string {
  const key = Buffer.from(vector.key, 'base64');
  const [salt, iv] = [Buffer.from(vector.salt, 'hex'), Buffer.from(vector.iv, 'hex')];
  const cipher = gcm(derived(key, salt, 'key'), iv, associatedData(vector));
  const out = Buffer.from(cipher.encrypt(Buffer.from(vector.text)));
  const [ciphertext, tag] = [out.subarray(0, -16), out.subarray(-16)];
  const body = Buffer.concat([salt, derived(key, salt, 'commitment'), iv, tag, ciphertext]);
  return `ENC:v1:${vector.key_id}:${body.toString('base64url')}`;
}

export function openedByOracle(sealed: string, place: Place & { key: string }): string {
  const body = Buffer.from(sealed.slice(`ENC:v1:${place.key_id}:`.length), 'base64url');
  const key = Buffer.from(place.key, 'base64');
  const salt = body.subarray(0, 16);
  const [iv, tag, ciphertext] = [body.subarray(48, 60), body.subarray(60, 76), body.subarray(76)];
  const cipher = gcm(derived(key, salt, 'key'), iv, associatedData(place));
  return Buffer.from(cipher.decrypt(Buffer.concat([ciphertext, tag]))).toString();
}
