/**
 * The vault: what the rest of Evergrant uses of the keys. Opened once at start against the canary, so that a wrong
 * key stops the start with its reason instead of failing account by account (R0.6).
 */
import { createHmac, randomBytes } from 'node:crypto';
import type { SealedFallback, SealedGrant } from '../domain/grant';
import type { KeyRing } from './key-ring';
import { OpenError, open, type SealingContext, seal } from './sealing';

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

const CANARY_PLACE: SealingContext = {
  organisation: '',
  account: 'canary',
  field: 'fingerprint_key',
};
const FINGERPRINT_BYTES = 9;

export class Vault {
  readonly #ring: KeyRing;
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
      throw new VaultSealedError(error, stored, ring);
    }
  }

  /** What sessions are signed with: the first signs, all verify, and no token was ever sealed with one. */
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

/** The encryption key does not fit the database. Nothing was written and nothing sent. */
export class VaultSealedError extends Error {
  override name = 'VaultSealedError';
  constructor(cause: OpenError, stored: string, ring: KeyRing) {
    const keyId = /^ENC:v1:([^:]+):/.exec(stored)?.[1] ?? '?';
    const have = ring.keyIds.join(', ');
    const what: Record<OpenError['reason'], string> = {
      key_missing: `this database was sealed with key "${keyId}", which is not in ENCRYPTION_KEYS (it has: ${have})`,
      key_mismatch: `key mismatch: ENCRYPTION_KEYS has a key named "${keyId}", but it is not the one this database was sealed with`,
      corrupt: 'the canary record of this database is damaged',
      not_sealed: 'the canary record of this database is not sealed',
    };
    super(
      `Wrong encryption key: ${what[cause.reason]}. Nothing was changed and nothing was sent. ` +
        `To go on: put the key that sealed this database into ENCRYPTION_KEYS (kid:base64, the first seals, all open), ` +
        'or point MONGODB_URI (or DATA_DIR) at the database that belongs to this key.',
    );
  }
}

function webhookContext({ organisation, endpointId }: WebhookPlace): SealingContext {
  return { organisation, account: endpointId, field: 'webhook_secret' };
}

function sealingContext(place: GrantPlace, field: string): SealingContext {
  return { organisation: place.organisation, account: place.accountId, field };
}
