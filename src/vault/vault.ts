/**
 * The vault: what the rest of Evergrant uses of the keys. Opened once at start against the canary, so that a wrong
 * key stops the start with its reason instead of failing account by account (R0.6).
 */
import { createHmac, randomBytes } from 'node:crypto';
import type { SealedFallback, SealedGrant } from '../domain/grant';
import type { KeyPurpose, KeyRing } from './key-ring';
import { OpenError, open, reseal, type SealingContext, seal, sealingKeyOf } from './sealing';

/** Where the canary is kept; the first process writes it, all later ones must be able to open it. */
export interface CanaryStore {
  readCanary(): Promise<string | null>;
  /** Stores the canary if there is none, and answers the one that is stored. */
  writeCanaryIfAbsent(sealed: string): Promise<string>;
}

/** The place of one account's grant. */
export interface GrantPlace {
  organisation: string;
  accountId: string;
}

/** The place of one webhook endpoint's secrets. */
export interface WebhookPlace {
  organisation: string;
  endpointId: string;
}

/** A token pair as it came from a provider or a person; lives in memory only. */
export interface PlainGrant {
  accessToken: string;
  /** `null`: the access token does not end, and came alone. */
  refreshToken: string | null;
}

type SealedTokens = Pick<
  SealedGrant,
  'accessToken' | 'refreshToken' | 'accessTokenFingerprint' | 'refreshTokenFingerprint'
>;

type TokenField = 'access_token' | 'refresh_token' | 'fallback_access_token';

/** Where the canary stands. */
export const CANARY_PLACE: SealingContext = {
  organisation: '',
  account: 'canary',
  field: 'fingerprint_key',
};
const FINGERPRINT_BYTES = 9;

export class Vault {
  #ring: KeyRing;
  readonly #fingerprintKey: Buffer;

  private constructor(ring: KeyRing, fingerprintKey: Buffer) {
    this.#ring = ring;
    this.#fingerprintKey = fingerprintKey;
  }

  /**
   * Opens the vault. The canary holds the key of the fingerprints: what proves the encryption key right is also what
   * keeps fingerprints comparable when encryption keys are rotated.
   * @throws {VaultSealedError} with what is wrong and how to go on.
   */
  static async open(ring: KeyRing, store: CanaryStore): Promise<Vault> {
    const stored =
      (await store.readCanary()) ??
      (await store.writeCanaryIfAbsent(
        seal(ring, randomBytes(32).toString('base64'), CANARY_PLACE),
      ));
    try {
      return new Vault(ring, Buffer.from(open(ring, stored, CANARY_PLACE), 'base64'));
    } catch (error) {
      if (!(error instanceof OpenError)) throw error;
      throw new VaultSealedError(canaryProblem(error, stored, ring));
    }
  }

  /** The ids of all keys it has. */
  get keyIds(): string[] {
    return this.#ring.keyIds;
  }

  get sealingKeyId(): string {
    return this.#ring.sealingKeyId;
  }

  hasKey(keyId: string): boolean {
    return this.#ring.has(keyId);
  }

  /** By key id: see {@link KeyRing.keyChecks}. */
  keyChecks(): Map<string, string> {
    return this.#ring.keyChecks();
  }

  /**
   * From now on this key seals. Which one it is, is kept in the database, so that all processes agree.
   * @throws {KeyRingError}
   */
  sealWith(keyId: string): void {
    this.#ring = this.#ring.sealingWith(keyId);
  }

  /**
   * What stands at a place, sealed with this key for the purpose that it was sealed for.
   * @throws {OpenError}
   */
  reseal(sealed: string, place: SealingContext, purpose: KeyPurpose, keyId: string): string {
    return reseal(this.#ring.sealingWith(keyId), sealed, place, purpose);
  }

  /**
   * A grant that was sealed a while ago, with the key that seals now: what was read before a rotation and is written
   * after it must not bring the old key back. A token that does not open stays as it is.
   */
  resealGrant<T extends SealedTokens>(grant: T, place: GrantPlace): T {
    return {
      ...grant,
      accessToken: this.#upToDate(grant.accessToken, place, 'access_token'),
      refreshToken:
        grant.refreshToken === null
          ? null
          : this.#upToDate(grant.refreshToken, place, 'refresh_token'),
    };
  }

  /** What sessions are signed with: the first of these signs, all verify, and no token was ever sealed with one. */
  sessionKeys(): Buffer[] {
    return this.#ring.signingKeys('session');
  }

  sealToken(token: string, place: GrantPlace, field: TokenField): string {
    return seal(this.#ring, token, sealingContext(place, field));
  }

  /** @throws {OpenError} */
  openToken(sealed: string, place: GrantPlace, field: TokenField): string {
    return open(this.#ring, sealed, sealingContext(place, field));
  }

  /** Seals both tokens of a grant, with their fingerprints. */
  sealGrant(
    plain: PlainGrant & { refreshToken: string },
    place: GrantPlace,
  ): SealedTokens & { refreshToken: string; refreshTokenFingerprint: string };
  sealGrant(plain: PlainGrant, place: GrantPlace): SealedTokens;
  sealGrant(plain: PlainGrant, place: GrantPlace): SealedTokens {
    return {
      accessToken: this.sealToken(plain.accessToken, place, 'access_token'),
      refreshToken:
        plain.refreshToken === null
          ? null
          : this.sealToken(plain.refreshToken, place, 'refresh_token'),
      accessTokenFingerprint: this.fingerprint(plain.accessToken),
      refreshTokenFingerprint:
        plain.refreshToken === null ? null : this.fingerprint(plain.refreshToken),
    };
  }

  /** Seals a fallback token: under a field of its own, so that it never opens as a token of the grant. */
  sealFallback(
    accessToken: string,
    place: GrantPlace,
  ): Pick<SealedFallback, 'accessToken' | 'accessTokenFingerprint'> {
    return {
      accessToken: this.sealToken(accessToken, place, 'fallback_access_token'),
      accessTokenFingerprint: this.fingerprint(accessToken),
    };
  }

  #upToDate(sealed: string, place: GrantPlace, field: TokenField): string {
    if (sealingKeyOf(sealed) === this.sealingKeyId) return sealed;
    try {
      return reseal(this.#ring, sealed, sealingContext(place, field));
    } catch (error) {
      if (!(error instanceof OpenError)) throw error;
      return sealed;
    }
  }

  /** Seals the secret of a webhook endpoint: with keys of its own, so that it never opens as a token. */
  sealWebhookSecret(secret: string, place: WebhookPlace): string {
    return seal(this.#ring, secret, webhookContext(place), 'webhook');
  }

  /** @throws {OpenError} */
  openWebhookSecret(sealed: string, place: WebhookPlace): string {
    return open(this.#ring, sealed, webhookContext(place), 'webhook');
  }

  /** A keyed hash of a text, for the audit: nobody makes or checks one without the keys. */
  authenticationCode(text: string): string {
    const key = createHmac('sha256', this.#fingerprintKey).update('evergrant/audit').digest();
    return createHmac('sha256', key).update(text).digest('base64url');
  }

  /** A keyed hash, 12 characters: equal for equal tokens; useless to whoever has no key. */
  fingerprint(token: string): string {
    return createHmac('sha256', this.#fingerprintKey)
      .update(token)
      .digest()
      .subarray(0, FINGERPRINT_BYTES)
      .toString('base64url');
  }
}

/** The encryption keys do not fit the database. Nothing was written and nothing sent. */
export class VaultSealedError extends Error {
  override name = 'VaultSealedError';
  /** @param problem what is wrong, as part of a sentence */
  constructor(problem: string) {
    super(
      `Wrong encryption key: ${problem}. Nothing was changed and nothing was sent. ` +
        `To go on: put the key that sealed this database into ENCRYPTION_KEYS (kid:base64, separated by commas), ` +
        'or point MONGODB_URI (or DATA_DIR) at the database that belongs to this key.',
    );
  }
}

function canaryProblem({ reason }: OpenError, stored: string, ring: KeyRing): string {
  const keyId = sealingKeyOf(stored) ?? '?';
  switch (reason) {
    case 'key_missing':
      return `this database was sealed with key "${keyId}", which is not in ENCRYPTION_KEYS (it has: ${ring.keyIds.join(', ')})`;
    case 'key_mismatch':
      return `key mismatch: ENCRYPTION_KEYS has a key named "${keyId}", but it is not the one this database was sealed with`;
    case 'corrupt':
      return 'the canary record of this database is damaged';
    case 'not_sealed':
      return 'the canary record of this database is not sealed';
  }
}

function webhookContext({ organisation, endpointId }: WebhookPlace): SealingContext {
  return { organisation, account: endpointId, field: 'webhook_secret' };
}

function sealingContext(place: GrantPlace, field: string): SealingContext {
  return { organisation: place.organisation, account: place.accountId, field };
}
