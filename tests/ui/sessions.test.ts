/** What a session cookie is worth, as time goes on, keys change and processes come and go. */
import { randomBytes } from 'node:crypto';
import { Hono } from 'hono';
import { FailedAttempts } from '../../src/api/failed-attempts';
import { Secret } from '../../src/domain/secret';
import type { UiEnv } from '../../src/ui/dependencies';
import { Sessions, type SignInProof } from '../../src/ui/sessions';
import { KeyRing } from '../../src/vault/key-ring';
import { Vault } from '../../src/vault/vault';
import { type Harness, startHarness } from '../support/harness';

let h: Harness;
beforeAll(async () => {
  h = await startHarness({ worker: false });
});
afterAll(() => h.stop());

const HOUR_MS = 3600_000;
const CONFIGURED = 'an-admin-key-of-the-environment';
const PRINCIPAL = { keyId: 'ADMIN_API_KEY', organisation: 'acme', scopes: ['admin'] as const };

interface Process {
  vault?: Vault;
  configuredKey?: string;
  now?: Date;
}

/** A process with one route to sign in and one that says who is. */
function processWith({ vault = h.vault, configuredKey = CONFIGURED, now = new Date() }: Process) {
  const configuredKeys = [{ key: new Secret(configuredKey), principal: PRINCIPAL }];
  const sessions = new Sessions({ store: h.store, vault, configuredKeys, now: () => now });
  const app = new Hono<UiEnv>();
  let start: Parameters<Sessions['start']> extends [unknown, ...infer Rest] ? Rest : never;
  app.post('/', async (c) => {
    await sessions.start(c, ...start);
    return c.body(null);
  });
  app.get('/', async (c) => c.json(await sessions.read(c)));
  return {
    async signIn(principal: (typeof start)[0], proof: SignInProof, headers = {}) {
      start = [principal, proof];
      const answer = await app.request('/', { method: 'POST', headers });
      return answer.headers.get('set-cookie') ?? '';
    },
    async session(setCookie: string, headers = {}): Promise<any> {
      const cookie = setCookie.split(';', 1)[0] ?? '';
      return (await app.request('/', { headers: { ...headers, cookie } })).json();
    },
  };
}

const signInAt = (now: Date) =>
  processWith({ now }).signIn(PRINCIPAL, { by: 'key', key: CONFIGURED });

describe('a session', () => {
  it('lasts eight hours and no longer', async () => {
    const now = new Date();
    const cookie = await signInAt(now);
    const after = (ms: number) =>
      processWith({ now: new Date(now.getTime() + ms) }).session(cookie);
    expect(await after(8 * HOUR_MS - 1)).toMatchObject({ organisation: 'acme' });
    expect(await after(8 * HOUR_MS)).toBeNull();
  });

  it('ends with what vouched for it, where that is sooner', async () => {
    const now = new Date();
    const until = new Date(now.getTime() + HOUR_MS);
    const cookie = await processWith({ now }).signIn(PRINCIPAL, { by: 'claims', until });
    expect(await processWith({ now }).session(cookie)).toMatchObject({ scopes: ['admin'] });
    expect(await processWith({ now: until }).session(cookie)).toBeNull();
  });

  it('holds in every process with the same encryption keys, also after one was put in front', async () => {
    const cookie = await signInAt(new Date());
    const newKey = `k2:${randomBytes(32).toString('base64')}`;
    const ring = KeyRing.parse(`${newKey},${h.encryptionKeys}`);
    const vault = await Vault.open(ring, h.store.settings);
    expect(await processWith({ vault }).session(cookie)).toMatchObject({ organisation: 'acme' });
  });

  it('is worth nothing where the encryption keys are others', async () => {
    const cookie = await signInAt(new Date());
    const ring = KeyRing.parse(`k1:${randomBytes(32).toString('base64')}`);
    const vault = await Vault.open(ring, {
      readCanary: () => Promise.resolve(null),
      writeCanaryIfAbsent: (sealed) => Promise.resolve(sealed),
    });
    expect(await processWith({ vault }).session(cookie)).toBeNull();
  });

  it('ends when the key in the environment is changed', async () => {
    const cookie = await signInAt(new Date());
    expect(await processWith({ configuredKey: 'another-key-of-that-name' }).session(cookie)).toBe(
      null,
    );
  });

  it('ends when its key is revoked', async () => {
    const { key, text } = await h.store.apiKeys.create(
      { organisation: 'acme', name: 'test', scopes: ['read'] },
      new Date(),
    );
    const process = processWith({});
    const cookie = await process.signIn(key, { by: 'key', key: text });
    expect(await process.session(cookie)).toMatchObject({ keyId: key.keyId, scopes: ['read'] });
    await h.store.apiKeys.revoke('acme', key.keyId);
    expect(await process.session(cookie)).toBeNull();
  });

  it('is for https alone, and for this host, once the browser’s connection is https', async () => {
    const behindProxy = { 'x-forwarded-proto': 'https' };
    const process = processWith({});
    const proof = { by: 'key', key: CONFIGURED } as const;
    const cookie = await process.signIn(PRINCIPAL, proof, behindProxy);
    expect(cookie).toMatch(/^__Host-evergrant_session=.*; HttpOnly; Secure; SameSite=Lax/);
    expect(await process.session(cookie, behindProxy)).toMatchObject({ organisation: 'acme' });
    expect(await process.signIn(PRINCIPAL, proof)).not.toContain('Secure');
  });
});

describe('failed sign-ins', () => {
  const now = new Date();
  const failures = (count: number) => {
    const failed = new FailedAttempts(10);
    for (let i = 0; i < count; i += 1) failed.record('192.0.2.1', now);
    return failed;
  };

  it('make an address wait for the rest of a minute after the tenth, and no other address', () => {
    expect(failures(9).waitSeconds('192.0.2.1', now)).toBe(0);
    const failed = failures(10);
    expect(failed.waitSeconds('192.0.2.1', new Date(now.getTime() + 15_000))).toBe(45);
    expect(failed.waitSeconds('192.0.2.2', now)).toBe(0);
    expect(failed.waitSeconds('192.0.2.1', new Date(now.getTime() + 60_000))).toBe(0);
  });

  it('are answered with 429 and when to come back, even for a right key', async () => {
    const post = async (key: string) => {
      const body = new URLSearchParams({ key });
      const headers = { 'sec-fetch-site': 'same-origin' };
      return h.app.request('/sign-in', { method: 'POST', body, headers });
    };
    const key = await h.key();
    expect((await post(key)).status).toBe(303);
    for (let i = 0; i < 10; i += 1) expect((await post(`wrong-${i}`)).status).toBe(401);
    const answer = await post(key);
    expect(answer.status).toBe(429);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await answer.text()).toMatch(/Too many failed sign-ins. Try again in \d+ s\./);
    expect(h.logs.join('')).not.toMatch(/wrong-\d/);
  });
});

describe('every page', () => {
  it('comes with a policy that lets in our own files only, and is in no cache', async () => {
    const page = await h.app.request('/sign-in');
    expect(page.headers.get('content-security-policy')).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    );
    expect(page.headers.get('cache-control')).toBe('no-store');
    const html = await page.text();
    expect(html).not.toMatch(/<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)/);
  });

  it('names its files by their content, to be kept for ever', async () => {
    const html = await (await h.app.request('/sign-in')).text();
    const files = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, url]) => url);
    expect(files).toHaveLength(2);
    for (const url of files) {
      const file = await h.app.request(url ?? '');
      expect(file.status).toBe(200);
      expect(file.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    }
  });

  it('leaves the policy of the API as it is', async () => {
    const answer = await h.app.request('/healthz');
    expect(answer.headers.get('content-security-policy')).toBe(
      "default-src 'none'; frame-ancestors 'none'",
    );
  });
});
