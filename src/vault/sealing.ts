/**
 * Sealing: AES-256-GCM with a key derived for each record, a commitment to that key, and the record's place as
 * associated data, so that a ciphertext moved to another account, field or organisation does not open.
 *
 * Form: `ENC:v1:<kid>:<base64url of salt(16) commitment(32) iv(12) tag(16) ciphertext>`.
 */
import { createCipheriv, createDecipheriv, randomBytes, timingSafeEqual } from 'node:crypto';
import type { KeyPurpose, KeyRing } from './key-ring';

/** Where a sealed value lives. Each part is bound into the ciphertext. */
export interface SealingContext {
  organisation: string;
  account: string;
  field: string;
}

/** What every sealed value begins with; its key's id follows. */
export const ENVELOPE_PREFIX = 'ENC:v1:';

/** Why a value did not open. */
export type OpenFailure =
  /** No envelope: a plaintext or legacy row. Never taken for a token. */
  | 'not_sealed'
  /** The envelope is damaged, or the value was moved from another place. */
  | 'corrupt'
  /** Sealed with a key id that is not on the ring. */
  | 'key_missing'
  /** The ring has a key of that id, but not the one that sealed. */
  | 'key_mismatch';

export class OpenError extends Error {
  override name = 'OpenError';
  readonly reason: OpenFailure;
  constructor(reason: OpenFailure) {
    super(`sealed value does not open: ${reason}`);
    this.reason = reason;
  }
}

const VERSION = 'v1';
const SALT = 16;
const COMMITMENT = 32;
const IV = 12;
const TAG = 16;
const HEAD = SALT + COMMITMENT + IV + TAG;
const ENVELOPE = /^ENC:v1:([A-Za-z0-9][A-Za-z0-9._-]{0,31}):([A-Za-z0-9_-]+)$/;

/** Whether a value claims to be ciphertext, ours or another system's. Such a value is never sent to a provider (R1.4). */
export function isCiphertext(value: string): boolean {
  return value.startsWith('ENC:');
}

/**
 * Seals a value for one place.
 * @throws {TypeError} if the value is ciphertext already: sealing twice would send ciphertext to a provider one day.
 */
export function seal(
  ring: KeyRing,
  plaintext: string,
  context: SealingContext,
  purpose: KeyPurpose = 'token',
): string {
  if (isCiphertext(plaintext))
    throw new TypeError('the value is ciphertext already (ENC:…) and is not sealed twice');
  const keyId = ring.sealingKeyId;
  const random = randomBytes(SALT + IV);
  const salt = random.subarray(0, SALT);
  const record = ring.recordKey(keyId, salt, purpose);
  if (record === undefined) throw new TypeError('the sealing key is not on the ring');
  const iv = random.subarray(SALT);
  const cipher = createCipheriv('aes-256-gcm', record.key, iv, { authTagLength: TAG });
  cipher.setAAD(associatedData(keyId, context));
  const ciphertext = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
  const body = Buffer.concat([salt, record.commitment, iv, cipher.getAuthTag(), ciphertext]);
  return `ENC:${VERSION}:${keyId}:${body.toString('base64url')}`;
}

/**
 * Opens a sealed value.
 * @throws {OpenError} with the reason; never with any part of the value.
 */
export function open(
  ring: KeyRing,
  sealed: string,
  context: SealingContext,
  purpose: KeyPurpose = 'token',
): string {
  const match = ENVELOPE.exec(sealed);
  if (match === null) throw new OpenError(isCiphertext(sealed) ? 'corrupt' : 'not_sealed');
  const [, keyId = '', encoded = ''] = match;
  const body = Buffer.from(encoded, 'base64url');
  if (body.length < HEAD || body.toString('base64url') !== encoded) throw new OpenError('corrupt');
  const part = (from: number, length: number) => body.subarray(from, from + length);
  const record = ring.recordKey(keyId, part(0, SALT), purpose);
  if (record === undefined) throw new OpenError('key_missing');
  if (!timingSafeEqual(record.commitment, part(SALT, COMMITMENT)))
    throw new OpenError('key_mismatch');
  const decipher = createDecipheriv('aes-256-gcm', record.key, part(SALT + COMMITMENT, IV), {
    authTagLength: TAG,
  });
  decipher.setAAD(associatedData(keyId, context));
  decipher.setAuthTag(part(SALT + COMMITMENT + IV, TAG));
  try {
    return Buffer.concat([decipher.update(body.subarray(HEAD)), decipher.final()]).toString('utf8');
  } catch {
    throw new OpenError('corrupt');
  }
}

/** The id of the key that a value is sealed with; `null` for what is no sealed value. */
export function sealingKeyOf(sealed: string): string | null {
  return ENVELOPE.exec(sealed)?.[1] ?? null;
}

/**
 * The same text, sealed with the key that seals now.
 * @throws {OpenError}
 */
export function reseal(
  ring: KeyRing,
  sealed: string,
  context: SealingContext,
  purpose: KeyPurpose = 'token',
): string {
  return seal(ring, open(ring, sealed, context, purpose), context, purpose);
}

/** Length-prefixed, so that no two places have the same bytes. */
function associatedData(keyId: string, context: SealingContext): Buffer {
  const parts = [VERSION, keyId, context.organisation, context.account, context.field];
  return Buffer.concat(
    parts.flatMap((part) => {
      const bytes = Buffer.from(part, 'utf8');
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }),
  );
}
