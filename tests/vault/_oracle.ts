/**
 * A second implementation of sealing, with a cipher in pure JavaScript. Where both agree, the format is proven
 * independently of one library.
 */
import { hkdfSync } from 'node:crypto';
import { gcm } from '@noble/ciphers/aes.js';
import type { GrantContext } from '../../src/vault/sealing';

export interface SealedVector {
  what: string;
  key_id: string;
  /** Base64, as in ENCRYPTION_KEYS. */
  key: string;
  /** Hexadecimal. */
  salt: string;
  /** Hexadecimal. */
  iv: string;
  organisation: string;
  account: string;
  field: string;
  /** Set for tokens only. */
  grant?: GrantContext;
  text: string;
  sealed: string;
}

type Place = Pick<SealedVector, 'key_id' | 'organisation' | 'account' | 'field' | 'grant'>;

const derived = (key: Buffer, salt: Buffer, part: 'key' | 'commitment') =>
  Buffer.from(hkdfSync('sha256', key, salt, `evergrant/v1/token/${part}`, 32));

function associatedData(place: Place): Buffer {
  const { key_id, organisation, account, field, grant } = place;
  const parts = ['v1', key_id, organisation, account, field];
  if (grant) parts.push(grant.provider, grant.environment, grant.externalId, `${grant.generation}`);
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
