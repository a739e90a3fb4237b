/** The key ring: master keys by id, and the keys derived from them. The only holder of key bytes. */
import { createHmac, hkdfSync } from 'node:crypto';

/** Each purpose gets keys of its own; two never share one. */
export type KeyPurpose = 'token' | 'session' | 'webhook';

const KEY_BYTES = 32;
const CHECK_BYTES = 12;
const KEY_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/;
const BETWEEN_KEYS = /,?\s*\n|,/;

export interface RecordKey {
  key: Buffer;
  /** Names the key without giving it away: compared before decryption, so that a wrong key is told from damage. */
  commitment: Buffer;
}

/** One key seals, the first unless it is said otherwise; all open. */
export class KeyRing {
  readonly #keys: ReadonlyMap<string, Buffer>;
  readonly sealingKeyId: string;

  private constructor(keys: ReadonlyMap<string, Buffer>, sealingKeyId: string) {
    this.#keys = keys;
    this.sealingKeyId = sealingKeyId;
  }

  /**
   * Reads `kid:base64,kid:base64,…`; a line break separates as a comma does.
   * @throws {KeyRingError} with a sentence that names the entry by place and id, never by its bytes.
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
      // Buffer ignores what is not base64; a mistyped key must not become another key.
      if (key.length !== KEY_BYTES || key.toString('base64') !== encoded) {
        // Written the wrong way round, what stands before the colon is the key.
        const named = id.length < encoded.length ? `${where} ("${id}")` : where;
        throw new KeyRingError(
          `${named} must be ${KEY_BYTES} bytes in base64, e.g. from: openssl rand -base64 32`,
        );
      }
      if (keys.has(id)) throw new KeyRingError(`${where}: the id "${id}" stands twice`);
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
   * The same keys, of which this one seals.
   * @throws {KeyRingError} if it is not among them
   */
  sealingWith(keyId: string): KeyRing {
    if (!this.has(keyId)) throw new KeyRingError(`the key "${keyId}" is not on the ring`);
    return new KeyRing(this.#keys, keyId);
  }

  /** Tells a key from another one of the same id without giving it away: of 256 bits, a hash is of no use to anybody. */
  keyChecks(): Map<string, string> {
    return new Map([...this.#keys].map(([keyId, master]) => [keyId, checkOf(master)]));
  }

  /**
   * One key for each on the ring, to sign with: that of the sealing key signs, all verify. While a new key is being
   * handed out, what one process signs is verified by those that have not got it yet.
   */
  signingKeys(purpose: KeyPurpose): Buffer[] {
    const { sealingKeyId } = this;
    return [...this.#keys]
      .toSorted(([one], [other]) => Number(other === sealingKeyId) - Number(one === sealingKeyId))
      .map(([, master]) =>
        Buffer.from(hkdfSync('sha256', master, '', `evergrant/v1/${purpose}/signing`, KEY_BYTES)),
      );
  }

  /** Derives a record's own key, so that no number of records wears a master key out. `undefined`: no such key. */
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
 * HKDF's second step for as many bytes as the hash has. Its first is the same for both keys of a record, and each record
 * needs them: by `hkdfSync`, which begins anew for each key, they took half of what sealing takes.
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
