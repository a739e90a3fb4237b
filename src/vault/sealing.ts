/**
 * Sealing: AES-256-GCM with a key per record, a commitment to that key, and the place of the record as associated data.
 * A ciphertext moved to another account, field or organisation therefore does not open. The place of a token includes
 * provider, environment, external id and generation.
 *
 * Format: `ENC:v1:<kid>:<base64url of salt(16) commitment(32) iv(12) tag(16) ciphertext>`.
 */
import { createCipheriv, createDecipheriv, randomBytes, timingSafeEqual } from 'node:crypto';
import type { KeyPurpose, KeyRing } from './key-ring';

/** The place of a sealed value. Each part is authenticated as associated data. */
export interface SealingContext {
  organisation: string;
  account: string;
  field: string;
  /** Set for tokens only. */
  grant?: GrantContext;
}

/** The use of a token. A token moved to another provider, environment or generation of its account does not open. */
export interface GrantContext {
  provider: string;
  environment: string;
  /** For some providers it determines the host that the token is sent to. */
  externalId: string;
  generation: number;
}

/** Prefix of every sealed value; the key id follows. */
export const ENVELOPE_PREFIX = 'ENC:v1:';

/** Reasons why a value does not open. */
export type OpenFailure =
  /** No envelope: a plaintext or legacy row. Never used as a token. */
  | 'not_sealed'
  /** The envelope is damaged, or the value was moved from another place. */
  | 'corrupt'
  /** The ring has no key with this id. */
  | 'key_missing'
  /** The ring has another key with this id. */
  | 'key_mismatch';

export class OpenError extends Error {
  override name = 'OpenError';
  readonly reason: OpenFailure;
  constructor(reason: OpenFailure) {
    super(`decryption failed: ${reason}`);
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

/** Whether a value looks like ciphertext of Evergrant or another system. Such a value is never sent to a provider. */
export function isCiphertext(value: string): boolean {
  return value.startsWith('ENC:');
}

/**
 * Seals a value for one place.
 * @throws {TypeError} if the value is already ciphertext; if it were sealed again, ciphertext would later be sent to a
 * provider
 */
export function seal(
  ring: KeyRing,
  plaintext: string,
  context: SealingContext,
  purpose: KeyPurpose = 'token',
): string {
  if (isCiphertext(plaintext))
    throw new TypeError('the value is already ciphertext (ENC:…) and must not be encrypted twice');
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
 * @throws {OpenError} with the reason, and without any part of the value
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

/** Returns the id of the key that sealed a value, or `null` if it is not sealed. */
export function sealingKeyOf(sealed: string): string | null {
  return ENVELOPE.exec(sealed)?.[1] ?? null;
}

/**
 * Seals the same text again with the current sealing key.
 * @param to its new place; by default the place is unchanged
 * @throws {OpenError}
 */
export function reseal(
  ring: KeyRing,
  sealed: string,
  context: SealingContext,
  { purpose = 'token', to = context }: { purpose?: KeyPurpose; to?: SealingContext } = {},
): string {
  return seal(ring, open(ring, sealed, context, purpose), to, purpose);
}

/** Each part is prefixed with its length, so that two places never produce the same bytes. */
function associatedData(keyId: string, context: SealingContext): Buffer {
  const { organisation, account, field, grant } = context;
  const parts = [VERSION, keyId, organisation, account, field];
  if (grant !== undefined) {
    const { provider, environment, externalId, generation } = grant;
    parts.push(provider, environment, externalId, String(generation));
  }
  return Buffer.concat(
    parts.flatMap((part) => {
      const bytes = Buffer.from(part, 'utf8');
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }),
  );
}
