/**
 * Who is signed in: a signed cookie that names the key and never holds it. Any API process with the same
 * ENCRYPTION_KEYS knows it, and none keeps a list.
 */
import { deleteCookie, getSignedCookie, setSignedCookie } from 'hono/cookie';
import type { CookieOptions } from 'hono/utils/cookie';
import { z } from 'zod';
import { hasScope } from '../api/authenticate';
import type { ApiDependencies } from '../api/dependencies';
import { type Principal, SCOPES } from '../store/api-keys';
import type { UiContext } from './dependencies';

export interface Session extends Principal {
  expiresAt: Date;
}

/** What the sign-in rested on, and so what must still be there for the session to go on. */
export type SignInProof =
  /** The text of an API key: the session ends with the key. */
  | { by: 'key'; key: string }
  /** What somebody else vouched for; nothing is asked again. */
  | { by: 'claims'; until: Date | null };

const COOKIE = 'evergrant_session';
const SESSION_MAX_MS = 8 * 3600_000;

const Kept = z.strictObject({
  by: z.enum(['key', 'claims']),
  key_id: z.string(),
  organisation: z.string(),
  scopes: z.array(z.enum(SCOPES)),
  /** Of the key's text: a key from the environment keeps its id when its text is changed. */
  key_fingerprint: z.string().nullable(),
  expires_at: z.iso.datetime(),
});
type Kept = z.infer<typeof Kept>;

export class Sessions {
  readonly #deps: Pick<ApiDependencies, 'store' | 'vault' | 'configuredKeys' | 'now'>;

  constructor(deps: Pick<ApiDependencies, 'store' | 'vault' | 'configuredKeys' | 'now'>) {
    this.#deps = deps;
  }

  /** Signs the principal in with this answer. */
  async start(c: UiContext, principal: Principal, proof: SignInProof): Promise<void> {
    const { vault, now } = this.#deps;
    const latest = now().getTime() + SESSION_MAX_MS;
    const until = proof.by === 'claims' ? (proof.until?.getTime() ?? latest) : latest;
    const expires = new Date(Math.min(latest, until));
    const kept: Kept = {
      by: proof.by,
      key_id: principal.keyId,
      organisation: principal.organisation,
      scopes: [...principal.scopes],
      key_fingerprint: proof.by === 'key' ? vault.fingerprint(proof.key) : null,
      expires_at: expires.toISOString(),
    };
    const value = Buffer.from(JSON.stringify(kept)).toString('base64url');
    const [key] = vault.sessionKeys();
    if (key === undefined) throw new TypeError('there is no key to sign with');
    await setSignedCookie(c, COOKIE, value, key, { ...cookieOptions(c), expires });
  }

  /** The session of a request, or `null`: none, forged, past its end, or its key is no more. */
  async read(c: UiContext): Promise<Session | null> {
    const kept = await this.#verified(c);
    if (kept === null) return null;
    const expiresAt = new Date(kept.expires_at);
    if (expiresAt <= this.#deps.now()) return null;
    const principal = await this.#principal(kept);
    return principal === null || !hasScope(principal, 'read') ? null : { ...principal, expiresAt };
  }

  end(c: UiContext): void {
    deleteCookie(c, COOKIE, cookieOptions(c));
  }

  async #verified(c: UiContext): Promise<Kept | null> {
    for (const key of this.#deps.vault.sessionKeys()) {
      // oxlint-disable-next-line no-await-in-loop -- the first key signs, so the first mostly verifies
      const value = await getSignedCookie(c, key, COOKIE, cookieOptions(c).prefix);
      if (typeof value === 'string') {
        const json: unknown = JSON.parse(Buffer.from(value, 'base64url').toString('utf8'));
        return Kept.safeParse(json).data ?? null;
      }
    }
    return null;
  }

  /** Who the session stands for now: a key's scopes are those that it has today. */
  async #principal(kept: Kept): Promise<Principal | null> {
    const { key_id: keyId, organisation, scopes } = kept;
    if (kept.by === 'claims') return { keyId, organisation, scopes };
    const { store, vault, configuredKeys } = this.#deps;
    const configured = configuredKeys.find(({ principal }) => principal.keyId === keyId);
    if (configured === undefined) return store.apiKeys.find(organisation, keyId);
    const same = vault.fingerprint(configured.key) === kept.key_fingerprint;
    return same ? configured.principal : null;
  }
}

/**
 * Lax, not Strict: a link to an entry that came by mail must open for who is signed in, and so must the way back from
 * an OpenID provider. What changes anything is a POST, which Lax withholds from other sites as Strict does.
 */
function cookieOptions(c: UiContext): CookieOptions {
  const secure = isHttps(c);
  return {
    path: '/',
    httpOnly: true,
    sameSite: 'Lax',
    secure,
    ...(secure ? { prefix: 'host' } : {}),
  };
}

/** Whether the browser's side of the connection is https, here or at the proxy in front. */
export function isHttps(c: UiContext): boolean {
  return c.req.url.startsWith('https:') || c.req.header('x-forwarded-proto') === 'https';
}
