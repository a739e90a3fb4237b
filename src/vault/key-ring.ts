/** The key ring: master keys by id, and the keys derived from them. No other module holds key bytes. */
import { createHmac, hkdfSync } from 'node:crypto';

/** Each purpose has its own derived keys. No two purposes share a key. */
export type KeyPurpose = 'token' | 'session' | 'webhook';

const KEY_BYTES = 32;
const CHECK_BYTES = 12;
const KEY_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/;
const BETWEEN_KEYS = /,?\s*\n|,/;

export interface RecordKey {
  key: Buffer;
  /** Identifies the key without revealing it. Compared before decryption, to tell a wrong key from damaged data. */
  commitment: Buffer;
}

/** The first key seals, unless another is chosen. All keys open. */
export class KeyRing {
  readonly #keys: ReadonlyMap<string, Buffer>;
  readonly sealingKeyId: string;

  private constructor(keys: ReadonlyMap<string, Buffer>, sealingKeyId: string) {
    this.#keys = keys;
    this.sealingKeyId = sealingKeyId;
  }

  /**
   * Parses `kid:base64,kid:base64,…`, separated by commas or line breaks.
   * @throws {KeyRingError} naming the entry by position and id, never by its bytes
   */
  static parse(text: string): KeyRing {
    const keys = new Map<string, Buffer>();
    for (const [index, part] of text.trim().split(BETWEEN_KEYS).entries()) {
      const entry = part.trim();
      const colon = entry.indexOf(':');
      const id = colon < 0 ? '' : entry.slice(0, colon);
      const where = `key ${index + 1}`;
      if (!KEY_ID.test(id)) {
        throw new KeyRingError(
          `${where} must be written kid:base64 (a short id of letters and digits, a colon, the key)`,
        );
      }
      const encoded = entry.slice(colon + 1);
      const key = Buffer.from(encoded, 'base64');
      // Buffer ignores invalid base64; without this check a mistyped key would become another key.
      if (key.length !== KEY_BYTES || key.toString('base64') !== encoded) {
        // If id and key were swapped, the text before the colon is the key and must not be shown.
        const named = id.length < encoded.length ? `${where} ("${id}")` : where;
        throw new KeyRingError(
          `${named} must be ${KEY_BYTES} bytes in base64, e.g. from: openssl rand -base64 32`,
        );
      }
      if (keys.has(id)) throw new KeyRingError(`${where}: the id "${id}" is used twice`);
      keys.set(id, key);
    }
    const [first] = keys.keys();
    if (first === undefined) throw new KeyRingError('no key given');
    return new KeyRing(keys, first);
  }

  has(keyId: string): boolean {
    return this.#keys.has(keyId);
  }

  get keyIds(): string[] {
    return [...this.#keys.keys()];
  }

  /**
   * Returns a ring with the same keys that seals with this one.
   * @throws {KeyRingError} if the ring does not contain it
   */
  sealingWith(keyId: string): KeyRing {
    if (!this.has(keyId)) throw new KeyRingError(`the key "${keyId}" is not on the ring`);
    return new KeyRing(this.#keys, keyId);
  }

  /**
   * Returns a hash per key id, to detect different keys with one id. The keys are random, so a hash reveals nothing.
   */
  keyChecks(): Map<string, string> {
    return new Map([...this.#keys].map(([keyId, master]) => [keyId, checkOf(master)]));
  }

  /**
   * Returns one signing key per master key. The sealing key's comes first and signs; all verify. A new key signs only
   * once it seals, so until then a process that lacks it can verify every signature.
   */
  signingKeys(purpose: KeyPurpose): Buffer[] {
    const { sealingKeyId } = this;
    return [...this.#keys]
      .toSorted(([one], [other]) => Number(other === sealingKeyId) - Number(one === sealingKeyId))
      .map(([, master]) =>
        Buffer.from(hkdfSync('sha256', master, '', `evergrant/v1/${purpose}/signing`, KEY_BYTES)),
      );
  }

  /**
   * Derives the key of one record, so that the number of records does not wear out a master key.
   * @returns `undefined` if the ring lacks the key
   */
  recordKey(keyId: string, salt: Buffer, purpose: KeyPurpose): RecordKey | undefined {
    const master = this.#keys.get(keyId);
    if (master === undefined) return undefined;
    const extracted = createHmac('sha256', salt).update(master).digest();
    return {
      key: expand(extracted, `evergrant/v1/${purpose}/key`),
      commitment: expand(extracted, `evergrant/v1/${purpose}/commitment`),
    };
  }
}

/**
 * HKDF-Expand for one block of output. Both keys of a record share one HKDF-Extract. `hkdfSync` would repeat it per
 * key, which doubles the time of sealing.
 * @see [RFC 5869](https://www.rfc-editor.org/rfc/rfc5869#section-2.3)
 */
function expand(extracted: Buffer, info: string): Buffer {
  return createHmac('sha256', extracted).update(info).update('\x01').digest();
}

function checkOf(master: Buffer): string {
  const check = hkdfSync('sha256', master, '', 'evergrant/v1/check', CHECK_BYTES);
  return Buffer.from(check).toString('base64url');
}

export class KeyRingError extends Error {
  override name = 'KeyRingError';
}
