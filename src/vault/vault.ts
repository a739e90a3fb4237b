/**
 * The vault: the interface to the encryption keys for the rest of Evergrant. It opens at start by opening the canary,
 * so that a wrong key stops the start instead of failing account by account.
 */
import { createHmac, hkdfSync, randomBytes } from 'node:crypto';
import type { Account } from '../domain/account/account';
import { NO_GENERATION, type SealedFallback, type SealedGrant } from '../domain/account/grant';
import { type GrantType, holdsCredentials } from '../domain/account/grant-type';
import type { KeyPurpose, KeyRing } from './key-ring';
import { OpenError, open, reseal, type SealingContext, seal, sealingKeyOf } from './sealing';

/** Stores the canary. The first process writes it; every later process must be able to open it. */
export interface CanaryStore {
  readCanary(): Promise<string | null>;
  /** Stores the canary if there is none, and returns the stored one. */
  writeCanaryIfAbsent(sealed: string): Promise<string>;
}

export interface GrantPlace {
  organisation: string;
  accountId: string;
  provider: string;
  environment: string;
  externalId: string;
  /** The generation in which the grant is current; {@link NO_GENERATION} if it is current in none. */
  generation: number;
  /** Absent: `refresh_token`. */
  grantType?: GrantType;
}

/** Returns the place for which an account's grant is sealed in a generation. */
export function grantPlace(
  account: Pick<Account, 'organisation' | 'id' | 'provider' | 'environment' | 'externalId'> & {
    grantType?: GrantType | undefined;
  },
  generation: number,
): GrantPlace {
  const { organisation, id, provider, environment, externalId, grantType } = account;
  return {
    organisation,
    accountId: id,
    provider,
    environment,
    externalId,
    generation,
    ...(holdsCredentials(grantType) ? { grantType } : {}),
  };
}

export interface WebhookPlace {
  organisation: string;
  endpointId: string;
}

export type AccountPlace = Pick<GrantPlace, 'organisation' | 'accountId'>;

export interface ConnectPlace {
  organisation: string;
  sessionId: string;
}

/** A token pair in plaintext, from a provider or a person. It exists in memory only. */
export interface PlainGrant {
  /** `null`: there is none yet. */
  accessToken: string | null;
  /** `null`: the access token does not expire and has no refresh token. */
  refreshToken: string | null;
}

type SealedTokens = Pick<
  SealedGrant,
  | 'accessToken'
  | 'refreshToken'
  | 'accessTokenFingerprint'
  | 'refreshTokenFingerprint'
  | 'generation'
>;

/** Purposes of authentication codes. Each purpose has its own key. */
export type CodePurpose =
  | 'audit'
  | 'api_key'
  | 'webhook_endpoint'
  | 'sealing_key'
  | 'session'
  | 'subject'
  | 'owner_email'
  | 'unsubscribe';

type TokenField = 'access_token' | 'refresh_token' | 'fallback_access_token';

export const CANARY_PLACE: SealingContext = {
  organisation: '',
  account: 'canary',
  field: 'fingerprint_key',
};
const FINGERPRINT_BYTES = 9;
const CODE_KEY_BYTES = 32;

export class Vault {
  #ring: KeyRing;
  readonly #fingerprintKey: Buffer;
  readonly #codeKeys = new Map<CodePurpose, Buffer>();

  private constructor(ring: KeyRing, fingerprintKey: Buffer) {
    this.#ring = ring;
    this.#fingerprintKey = fingerprintKey;
  }

  /**
   * Opens the vault. The canary contains the fingerprint key: one record proves that the encryption key is right and
   * keeps fingerprints comparable across key rotations.
   * @throws {VaultSealedError} with the problem and the remedy
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

  get keyIds(): string[] {
    return this.#ring.keyIds;
  }

  get sealingKeyId(): string {
    return this.#ring.sealingKeyId;
  }

  hasKey(keyId: string): boolean {
    return this.#ring.has(keyId);
  }

  /** By key id, see {@link KeyRing.keyChecks}. */
  keyChecks(): Map<string, string> {
    return this.#ring.keyChecks();
  }

  /**
   * Seals with this key from now on. The database stores the choice, so that all processes agree.
   * @throws {KeyRingError}
   */
  sealWith(keyId: string): void {
    this.#ring = this.#ring.sealingWith(keyId);
  }

  /**
   * Seals a value again with this key, for the same place and purpose.
   * @throws {OpenError}
   */
  reseal(sealed: string, place: SealingContext, purpose: KeyPurpose, keyId: string): string {
    return reseal(this.#ring.sealingWith(keyId), sealed, place, { purpose });
  }

  /**
   * Seals a grant again with the current key, for a place that may be of another generation. A grant read before a key
   * rotation and written after it must not reintroduce the old key. A token that does not open is left unchanged.
   */
  resealGrant<T extends SealedTokens>(grant: T, place: GrantPlace): T {
    const { accessToken, refreshToken, generation } = grant;
    const from = { ...place, generation };
    const moved = (sealed: string | null, field: TokenField) =>
      sealed === null ? null : this.#moved(sealed, field, from, place);
    return {
      ...grant,
      accessToken: moved(accessToken, 'access_token'),
      refreshToken: moved(refreshToken, 'refresh_token'),
      generation: place.generation,
    };
  }

  /** Returns the keys for session cookies: the first one signs, all verify. None of them seals tokens. */
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

  /** Seals both tokens of a grant and adds their fingerprints. */
  sealGrant(
    plain: { accessToken: string; refreshToken: string },
    place: GrantPlace,
  ): Record<Exclude<keyof SealedTokens, 'generation'>, string> & { generation: number };
  sealGrant(plain: PlainGrant, place: GrantPlace): SealedTokens;
  sealGrant(plain: PlainGrant, place: GrantPlace): SealedTokens {
    return {
      accessToken:
        plain.accessToken === null
          ? null
          : this.sealToken(plain.accessToken, place, 'access_token'),
      refreshToken:
        plain.refreshToken === null
          ? null
          : this.sealToken(plain.refreshToken, place, 'refresh_token'),
      accessTokenFingerprint:
        plain.accessToken === null ? null : this.fingerprint(plain.accessToken),
      refreshTokenFingerprint:
        plain.refreshToken === null ? null : this.fingerprint(plain.refreshToken),
      generation: place.generation,
    };
  }

  /** Seals a fallback token under its own field, so that it never opens as a token of the grant. */
  sealFallback(
    accessToken: string,
    place: GrantPlace,
  ): Pick<SealedFallback, 'accessToken' | 'accessTokenFingerprint'> {
    return {
      accessToken: this.sealToken(accessToken, place, 'fallback_access_token'),
      accessTokenFingerprint: this.fingerprint(accessToken),
    };
  }

  #moved(sealed: string, field: TokenField, from: GrantPlace, to: GrantPlace): string {
    const isThere = from.generation === to.generation;
    if (isThere && sealingKeyOf(sealed) === this.sealingKeyId) return sealed;
    try {
      return reseal(this.#ring, sealed, sealingContext(from, field), {
        to: sealingContext(to, field),
      });
    } catch (error) {
      if (!(error instanceof OpenError)) throw error;
      return sealed;
    }
  }

  /** Seals the secret of a webhook endpoint with separate keys, so that it never opens as a token. */
  sealWebhookSecret(secret: string, place: WebhookPlace): string {
    return seal(this.#ring, secret, webhookContext(place), 'webhook');
  }

  /** @throws {OpenError} */
  openWebhookSecret(sealed: string, place: WebhookPlace): string {
    return open(this.#ring, sealed, webhookContext(place), 'webhook');
  }

  /** Seals the PKCE verifier of a connect session. */
  sealVerifier(verifier: string, place: ConnectPlace): string {
    return seal(this.#ring, verifier, verifierContext(place));
  }

  /** @throws {OpenError} */
  openVerifier(sealed: string, place: ConnectPlace): string {
    return open(this.#ring, sealed, verifierContext(place));
  }

  /** Seals the e-mail address of an account's owner. */
  sealOwnerEmail(address: string, place: AccountPlace): string {
    return seal(this.#ring, address, ownerEmailContext(place));
  }

  /** @throws {OpenError} */
  openOwnerEmail(sealed: string, place: AccountPlace): string {
    return open(this.#ring, sealed, ownerEmailContext(place));
  }

  /** Returns a keyed hash of a text. It cannot be created or verified without the key, and is valid for one purpose only. */
  authenticationCode(purpose: CodePurpose, text: string): string {
    return createHmac('sha256', this.#codeKey(purpose)).update(text).digest('base64url');
  }

  #codeKey(purpose: CodePurpose): Buffer {
    const known = this.#codeKeys.get(purpose);
    if (known !== undefined) return known;
    const info = `evergrant/v1/code/${purpose}`;
    const key = Buffer.from(hkdfSync('sha256', this.#fingerprintKey, '', info, CODE_KEY_BYTES));
    this.#codeKeys.set(purpose, key);
    return key;
  }

  /** Returns a keyed hash of 12 characters. Equal tokens have equal fingerprints. Without the key it is useless. */
  fingerprint(token: string): string {
    return createHmac('sha256', this.#fingerprintKey)
      .update(token)
      .digest()
      .subarray(0, FINGERPRINT_BYTES)
      .toString('base64url');
  }
}

/** The encryption keys do not match the database. Nothing was written or sent. */
export class VaultSealedError extends Error {
  override name = 'VaultSealedError';
  /** @param problem the problem, as part of a sentence */
  constructor(problem: string) {
    super(
      `Wrong encryption key: ${problem}. Nothing was changed and nothing was sent. ` +
        `Add the key that encrypted this database to ENCRYPTION_KEYS (kid:base64, separated by commas), ` +
        'or set MONGODB_URI (or DATA_DIR) to the database that belongs to this key.',
    );
  }
}

function canaryProblem({ reason }: OpenError, stored: string, ring: KeyRing): string {
  const keyId = sealingKeyOf(stored) ?? '?';
  switch (reason) {
    case 'key_missing':
      return `this database was encrypted with key "${keyId}", which is not in ENCRYPTION_KEYS (it has: ${ring.keyIds.join(', ')})`;
    case 'key_mismatch':
      return `key mismatch: ENCRYPTION_KEYS has a key named "${keyId}", but it is not the key that encrypted this database`;
    case 'corrupt':
      return 'the canary record of this database is damaged';
    case 'not_sealed':
      return 'the canary record of this database is not encrypted';
  }
}

function webhookContext({ organisation, endpointId }: WebhookPlace): SealingContext {
  return { organisation, account: endpointId, field: 'webhook_secret' };
}

function verifierContext({ organisation, sessionId }: ConnectPlace): SealingContext {
  return { organisation, account: sessionId, field: 'connect_verifier' };
}

function ownerEmailContext({ organisation, accountId }: AccountPlace): SealingContext {
  return { organisation, account: accountId, field: 'owner_email' };
}

function sealingContext(place: GrantPlace, field: TokenField): SealingContext {
  const { organisation, accountId, provider, environment, externalId, grantType } = place;
  // A fallback token outlives the current grant, so its place has no generation.
  const generation = field === 'fallback_access_token' ? NO_GENERATION : place.generation;
  return {
    organisation,
    account: accountId,
    // Credentials have a separate field, so that no process sends them as a refresh token.
    field: field === 'refresh_token' ? (grantType ?? field) : field,
    grant: { provider, environment, externalId, generation },
  };
}
