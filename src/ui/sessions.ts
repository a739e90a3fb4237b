/**
 * Who is signed in: a signed cookie that names the key and never holds it. Any API process with the same
 * ENCRYPTION_KEYS knows it, and none keeps a list.
 */
import { z } from 'zod';
import { hasScope } from '../api/authenticate';
import type { ApiDependencies } from '../api/dependencies';
import { type Principal, SCOPES } from '../store/api-keys';
import type { UiContext } from './dependencies';
import { forgetCookie, readJsonCookie, setJsonCookie } from './signed-cookie';

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
    await setJsonCookie(c, vault, COOKIE, kept, expires);
  }

  /** The session of a request, or `null`: none, forged, past its end, or its key is no more. */
  async read(c: UiContext): Promise<Session | null> {
    const kept = await readJsonCookie(c, this.#deps.vault, COOKIE, Kept);
    if (kept === null) return null;
    const expiresAt = new Date(kept.expires_at);
    if (expiresAt <= this.#deps.now()) return null;
    const principal = await this.#principal(kept);
    return principal === null || !hasScope(principal, 'read') ? null : { ...principal, expiresAt };
  }

  end(c: UiContext): void {
    forgetCookie(c, COOKIE);
  }

  /** Who the session stands for now: a key's scopes are those that it has today. */
  async #principal(kept: Kept): Promise<Principal | null> {
    const { key_id: keyId, organisation, scopes } = kept;
    if (kept.by === 'claims') return { keyId, organisation, scopes };
    const { store, vault, configuredKeys } = this.#deps;
    const configured = configuredKeys.find(({ principal }) => principal.keyId === keyId);
    if (configured === undefined) return store.apiKeys.find(organisation, keyId);
    const same = vault.fingerprint(configured.key.reveal()) === kept.key_fingerprint;
    return same ? configured.principal : null;
  }
}
