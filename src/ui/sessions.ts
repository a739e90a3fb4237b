/**
 * Sessions of people: the cookie holds a random secret, MongoDB its digest and the basis of the sign-in. Every request
 * reads the record without a cache, so all processes refuse an ended session at once.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import type { Principal } from '../domain/access/principal';
import type { AuditDetails } from '../domain/audit/audit';
import type { ApiDependencies } from '../http/dependencies';
import type { SessionRecord, StoredSession } from '../store/access/session-records';
import type { Session, UiContext } from './env';
import { opensPages } from './permissions';
import { cookieOptions } from './signed-cookie';

/** The basis of a sign-in; the session ends with it. */
export type SignInProof =
  /** The text of an API key; the session ends with the key. */
  | { by: 'key'; key: string }
  /** The session ends with the JWT (`exp`). */
  | { by: 'jwt'; until: Date }
  /** The session ends with the ID token (`exp`) and may then be renewed at the provider. */
  | {
      by: 'oidc';
      until: Date;
      issuer: string;
      subject: string;
      /** The claim `sid`. */
      providerSession: string | null;
    };

/** The sessions that an OpenID provider's logout token names. */
export interface ProviderLogout {
  issuer: string;
  subject: string | null;
  providerSession: string | null;
  /** Sessions created later are not ended. */
  until: Date;
}

type SessionDependencies = Pick<
  ApiDependencies,
  'store' | 'vault' | 'audit' | 'configuredKeys' | 'jwt' | 'oidc' | 'now'
>;

const COOKIE = 'evergrant_session';

const SESSION_MAX_MS = 8 * 3600_000;

/** Granularity of `seenAt`, in ms, so that page views seldom write. */
const SEEN_EVERY_MS = 10 * 60_000;

/** `<id>_<secret>`: the id finds the record without a secret-dependent search. */
const COOKIE_FORM = /^(ses_[0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;

export class Sessions {
  readonly #deps: SessionDependencies;
  /** Fingerprints of the current JWT and OpenID Connect configurations; `null` if not configured. */
  readonly #sources: { jwt: string | null; oidc: string | null };

  constructor(deps: SessionDependencies) {
    this.#deps = deps;
    this.#sources = sourcesOf(deps);
  }

  /**
   * Signs the principal in: ends the browser's previous session and replaces its cookie.
   * @param details what the audit records of the sign-in; if the audit entry cannot be written, no session starts
   */
  async start(
    c: UiContext,
    { keyId: actor, organisation, scopes }: Principal,
    proof: SignInProof,
    details: AuditDetails = {},
  ): Promise<void> {
    const { store, audit, now } = this.#deps;
    await this.#endPresented(c);
    const createdAt = now();
    const latest = new Date(createdAt.getTime() + SESSION_MAX_MS);
    const until = proof.by === 'key' || proof.until > latest ? latest : proof.until;
    const secret = randomBytes(32).toString('base64url');
    const { by } = proof;
    const record: SessionRecord = {
      id: `ses_${randomBytes(8).toString('hex')}`,
      secretSha256: sha256(secret).toString('hex'),
      organisation,
      actor,
      by,
      scopes,
      createdAt,
      expiresAt: until,
      removeAt: by === 'oidc' ? latest : until,
      sourceFingerprint: this.#sourceOf(proof),
      issuer: by === 'oidc' ? proof.issuer : null,
      subject: by === 'oidc' ? proof.subject : null,
      providerSession: by === 'oidc' ? proof.providerSession : null,
    };
    const { id } = record;
    await audit.append({
      organisation,
      actor,
      action: 'sign-in',
      details: { by, session: id, ...details },
    });
    for (const old of await store.sessionRecords.create(record)) {
      if (old.expiresAt <= createdAt) continue;
      const why = { by: 'too many sessions', session: old.id };
      // oxlint-disable-next-line no-await-in-loop -- entries of one chain wait for each other anyway
      await audit.append({ organisation, actor, action: 'sign-out', details: why });
    }
    const options = { ...cookieOptions(c), expires: record.removeAt };
    setCookie(c, COOKIE, `${id}_${secret}`, options);
  }

  /** The session of a request; `null` if there is none, it ended or expired, or the key that it was opened with is revoked. */
  async read(c: UiContext): Promise<Session | null> {
    const record = await this.#presented(c);
    const now = this.#deps.now();
    if (record === null || record.expiresAt <= now) return null;
    const principal = await this.#principal(record);
    if (principal === null || !opensPages(principal)) return null;
    const { id, organisation, expiresAt, seenAt } = record;
    if (now.getTime() - seenAt.getTime() >= SEEN_EVERY_MS)
      await this.#deps.store.sessionRecords.touch(organisation, id, now);
    return { ...principal, id, expiresAt };
  }

  /** Whether the session expired with its ID token, so that the provider may renew it without asking the person. */
  async mayRenew(c: UiContext): Promise<boolean> {
    const record = await this.#presented(c);
    const now = this.#deps.now();
    return (
      record?.by === 'oidc' &&
      record.expiresAt <= now &&
      record.removeAt > now &&
      record.sourceFingerprint === this.#sources.oidc
    );
  }

  /** Ends the session of a request and deletes the cookie. */
  async end(c: UiContext): Promise<void> {
    await this.#endPresented(c);
    deleteCookie(c, COOKIE, cookieOptions(c));
  }

  /** Ends the sessions that an OpenID provider signed out. Safe to repeat. */
  async endOfProvider(logout: ProviderLogout): Promise<number> {
    const { store, audit } = this.#deps;
    let ended = 0;
    for (;;) {
      const endedBefore = ended;
      // oxlint-disable-next-line no-await-in-loop -- a page at a time, until none is left
      const sessions = await store.sessionRecords.ofProvider(logout);
      for (const { id, organisation, actor } of sessions) {
        const details = { by: 'back-channel logout', session: id };
        // oxlint-disable-next-line no-await-in-loop -- entries of one chain wait for each other anyway
        await audit.append({ organisation, actor, action: 'sign-out', details });
        // oxlint-disable-next-line no-await-in-loop
        if (await store.sessionRecords.end(organisation, id)) ended += 1;
      }
      // If no session of a page could be ended, the store would return the same page forever.
      if (ended === endedBefore) return ended;
    }
  }

  async #endPresented(c: UiContext): Promise<void> {
    const { store, audit, now } = this.#deps;
    const record = await this.#presented(c);
    if (record === null) return;
    const { id, organisation, actor } = record;
    // An expired session is already over; only its record remains.
    if (record.expiresAt > now())
      await audit.append({ organisation, actor, action: 'sign-out', details: { session: id } });
    await store.sessionRecords.end(organisation, id);
  }

  /** The record whose secret a request presents, even if it has expired. */
  async #presented(c: UiContext): Promise<StoredSession | null> {
    const cookie = getCookie(c, COOKIE, cookieOptions(c).prefix);
    const [, id, secret] = COOKIE_FORM.exec(cookie ?? '') ?? [];
    if (id === undefined || secret === undefined) return null;
    const record = await this.#deps.store.sessionRecords.find(id);
    if (record === null) return null;
    const isRight = timingSafeEqual(sha256(secret), Buffer.from(record.secretSha256, 'hex'));
    return isRight ? record : null;
  }

  /** The session's current principal: for an API key, with the key's current scopes. */
  async #principal(record: StoredSession): Promise<Principal | null> {
    const { by, actor: keyId, organisation, scopes, sourceFingerprint } = record;
    if (by !== 'key')
      return this.#sources[by] === sourceFingerprint ? { keyId, organisation, scopes } : null;
    const { store, vault, configuredKeys } = this.#deps;
    const configured = configuredKeys.find(({ principal }) => principal.keyId === keyId);
    if (configured === undefined) return store.apiKeys.find(organisation, keyId);
    const { key, principal } = configured;
    // A key from the environment keeps its id when its text or its organisation changes.
    const isSame = vault.fingerprint(key.reveal()) === sourceFingerprint;
    return isSame && principal.organisation === organisation ? principal : null;
  }

  #sourceOf(proof: SignInProof): string {
    if (proof.by === 'key') return this.#deps.vault.fingerprint(proof.key);
    const source = this.#sources[proof.by];
    if (source === null) throw new TypeError(`sign-in by ${proof.by} is not configured`);
    return source;
  }
}

/** Fingerprints of the configurations: removing or changing one ends the sessions based on it. */
function sourcesOf({ jwt, oidc, vault }: Pick<SessionDependencies, 'jwt' | 'oidc' | 'vault'>) {
  const fingerprint = (source: readonly unknown[]) => vault.fingerprint(JSON.stringify(source));
  return {
    jwt:
      jwt &&
      fingerprint([
        'jwt',
        'secret' in jwt.keys ? jwt.keys.secret.reveal() : jwt.keys.jwksUrl,
        jwt.issuer,
        jwt.audience,
        jwt.organisationClaims,
      ]),
    oidc:
      oidc &&
      fingerprint(['oidc', oidc.issuer, oidc.clientId, oidc.organisation, oidc.scopesClaim]),
  };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
