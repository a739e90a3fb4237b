/** Sessions over time, across processes, and after changes of keys and configuration; and the headers of pages. */
import { randomBytes } from 'node:crypto';
import { Hono } from 'hono';
import mongoose, { type Connection } from 'mongoose';
import { Secret } from '../../src/domain/masking/secret';
import type { JwtConfig, OidcConfig } from '../../src/process/config';
import { FailedAttempts } from '../../src/services/access/failed-attempts';
import { createAuditLog } from '../../src/services/audit/audit-log';
import { SESSIONS_MAX, type SessionRecord } from '../../src/store/access/session-records';
import type { UiEnv } from '../../src/ui/env';
import { type ProviderLogout, Sessions, type SignInProof } from '../../src/ui/sessions';
import { KeyRing } from '../../src/vault/key-ring';
import { Vault } from '../../src/vault/vault';
import { type Harness, startHarness } from '../support/harness';

let h: Harness;
let database: Connection;
beforeAll(async () => {
  h = await startHarness({ worker: false });
  database = await mongoose.createConnection(h.mongodbUri).asPromise();
});
afterAll(async () => {
  await database.close();
  await h.stop();
});

const HOUR_MS = 3600_000;
const CONFIGURED = 'an-admin-key-of-the-environment';
const PRINCIPAL = { keyId: 'ADMIN_API_KEY', organisation: 'acme', scopes: ['admin'] as const };
const KEY_PROOF = { by: 'key', key: CONFIGURED } as const;
const ALMA = { keyId: 'oidc:alma', organisation: 'acme', scopes: ['read'] as const };
const JWT: JwtConfig = {
  keys: { secret: new Secret(randomBytes(32).toString('hex')) },
  issuer: null,
  audience: 'evergrant',
  organisationClaims: ['organisation'],
};
const OIDC: OidcConfig = {
  issuer: new URL('https://login.example.com'),
  clientId: 'evergrant',
  clientSecret: null,
  organisation: { claim: 'tenant' },
  scopesClaim: null,
};

interface Process {
  vault?: Vault;
  configuredKey?: string;
  organisation?: string;
  jwt?: JwtConfig | null;
  oidc?: OidcConfig | null;
  now?: Date;
}

/** A process with routes to sign in, to read the session, to sign out, and to check whether a renewal is allowed. */
function processWith({
  vault = h.vault,
  configuredKey = CONFIGURED,
  organisation = 'acme',
  jwt = JWT,
  oidc = OIDC,
  now = new Date(),
}: Process = {}) {
  const sessions = new Sessions({
    store: h.store,
    vault,
    audit: createAuditLog({ store: h.store, vault, retentionDays: 1, now: () => now }),
    configuredKeys: [{ key: new Secret(configuredKey), principal: { ...PRINCIPAL, organisation } }],
    jwt,
    oidc,
    now: () => now,
  });
  const app = new Hono<UiEnv>();
  let start: Parameters<Sessions['start']> extends [unknown, ...infer Rest] ? Rest : never;
  app.post('/', async (c) => {
    await sessions.start(c, ...start);
    return c.body(null);
  });
  app.get('/', async (c) => c.json(await sessions.read(c)));
  app.get('/renew', async (c) => c.json(await sessions.mayRenew(c)));
  app.delete('/', async (c) => {
    await sessions.end(c);
    return c.body(null);
  });
  const ask = (setCookie: string, path = '/', method = 'GET', headers = {}) =>
    app.request(path, {
      method,
      headers: { ...headers, cookie: setCookie.split(';', 1)[0] ?? '' },
    });
  return {
    endOfProvider: (logout: ProviderLogout) => sessions.endOfProvider(logout),
    async signIn(
      principal: (typeof start)[0],
      proof: SignInProof,
      { headers = {}, before = '', url = '/' } = {},
    ) {
      start = [principal, proof];
      const answer = await ask(before, url, 'POST', headers);
      const [cookie = '', ...more] = answer.headers.getSetCookie();
      expect(more).toEqual([]);
      return cookie;
    },
    async session(setCookie: string, url = '/'): Promise<any> {
      return (await ask(setCookie, url)).json();
    },
    mayRenew: async (setCookie: string) => (await ask(setCookie, '/renew')).json(),
    signOut: (setCookie: string) => ask(setCookie, '/', 'DELETE'),
  };
}

const signInAt = (now: Date) => processWith({ now }).signIn(PRINCIPAL, KEY_PROOF);
const jwtProof = (until: Date) => ({ by: 'jwt', until }) as const;
const oidcProof = (until: Date) =>
  ({
    by: 'oidc',
    until,
    issuer: 'https://login.example.com',
    subject: 'alma',
    providerSession: null,
  }) as const;
const later = (ms: number, since = new Date()) => new Date(since.getTime() + ms);
const rows = () => database.collection<any>('sessions');
const rowsOfAudit = () => database.collection<any>('audit_entries');
const idOf = (cookie: string) => /ses_[0-9a-f]{16}/.exec(cookie)?.[0] ?? '';

describe('a session', () => {
  it('lasts exactly eight hours', async () => {
    const now = new Date();
    const cookie = await signInAt(now);
    const after = (ms: number) => processWith({ now: later(ms, now) }).session(cookie);
    expect(await after(8 * HOUR_MS - 1)).toMatchObject({ organisation: 'acme' });
    expect(await after(8 * HOUR_MS)).toBeNull();
  });

  it.each([
    ['a JWT', jwtProof],
    ['an ID token', oidcProof],
  ])('ends with %s if that expires sooner', async (_what, proof) => {
    const now = new Date();
    const cookie = await processWith({ now }).signIn(ALMA, proof(later(HOUR_MS, now)));
    const at = (ms: number) => processWith({ now: later(ms, now) }).session(cookie);
    expect(await at(HOUR_MS - 1)).toMatchObject({ scopes: ['read'] });
    expect(await at(HOUR_MS)).toBeNull();
    const long = await processWith({ now }).signIn(ALMA, proof(later(9 * HOUR_MS, now)));
    expect(await processWith({ now: later(8 * HOUR_MS, now) }).session(long)).toBeNull();
  });

  it('may be renewed for eight hours if it expired with its ID token', async () => {
    const now = new Date();
    const until = later(HOUR_MS, now);
    const cookie = await processWith({ now }).signIn(ALMA, oidcProof(until));
    const at = (ms: number, otherwise: Process = {}) =>
      processWith({ ...otherwise, now: later(ms, now) }).mayRenew(cookie);
    expect(await at(HOUR_MS - 1)).toBe(false);
    expect(await at(HOUR_MS)).toBe(true);
    expect(await at(HOUR_MS, { oidc: null })).toBe(false);
    expect(await at(8 * HOUR_MS)).toBe(false);
    const withJwt = await processWith({ now }).signIn(ALMA, jwtProof(until));
    expect(await processWith({ now: until }).mayRenew(withJwt)).toBe(false);
  });

  it('is valid in every process with the same encryption keys, even after a new key was added', async () => {
    const cookie = await signInAt(new Date());
    const newKey = `k2:${randomBytes(32).toString('base64')}`;
    const ring = KeyRing.parse(`${newKey},${h.encryptionKeys}`);
    const vault = await Vault.open(ring, h.store.canary);
    expect(await processWith({ vault }).session(cookie)).toMatchObject({ organisation: 'acme' });
  });

  it('is invalid with other encryption keys', async () => {
    const cookie = await signInAt(new Date());
    const ring = KeyRing.parse(`k1:${randomBytes(32).toString('base64')}`);
    const vault = await Vault.open(ring, {
      readCanary: () => Promise.resolve(null),
      writeCanaryIfAbsent: (sealed) => Promise.resolve(sealed),
    });
    expect(await processWith({ vault }).session(cookie)).toBeNull();
  });

  it('ends when the configured key gets another text or another organisation', async () => {
    const cookie = await signInAt(new Date());
    for (const change of [{ configuredKey: 'another-key-of-that-name' }, { organisation: 'b' }])
      expect(await processWith(change).session(cookie)).toBeNull();
    expect(await processWith().session(cookie)).toMatchObject({ organisation: 'acme' });
  });

  it('ends when its key is revoked', async () => {
    const { key, text } = await h.store.apiKeys.create(
      { organisation: 'acme', name: 'test', scopes: ['read'] },
      new Date(),
    );
    const process = processWith();
    const cookie = await process.signIn(key, { by: 'key', key: text });
    expect(await process.session(cookie)).toMatchObject({ keyId: key.keyId, scopes: ['read'] });
    await h.store.apiKeys.revoke('acme', key.keyId);
    expect(await process.session(cookie)).toBeNull();
  });

  it('has the current scopes of its key', async () => {
    const { key, text } = await h.store.apiKeys.create(
      { organisation: 'acme', name: 'test', scopes: ['read'] },
      new Date(),
    );
    const process = processWith();
    const cookie = await process.signIn(key, { by: 'key', key: text });
    expect(await process.session(cookie)).toMatchObject({ scopes: ['read'] });
    await h.store.apiKeys.grant('acme', key.keyId, ['admin']);
    expect(await process.session(cookie)).toMatchObject({ scopes: ['admin', 'read'] });
  });

  it('ends when the row of its key is changed in the database', async () => {
    const { key, text } = await h.store.apiKeys.create(
      { organisation: 'acme', name: 'test', scopes: ['read'] },
      new Date(),
    );
    const process = processWith();
    const cookie = await process.signIn(key, { by: 'key', key: text });
    const keys = database.collection<{ _id: string; scopes: string[] }>('api_keys');
    await keys.updateOne({ _id: key.keyId }, { $set: { scopes: ['read', 'admin'] } });
    expect(await process.session(cookie)).toBeNull();
  });

  it.each<[string, SignInProof, Process]>([
    ['JWTs are no longer accepted', jwtProof(later(HOUR_MS)), { jwt: null }],
    [
      'the secret of JWTs changes',
      jwtProof(later(HOUR_MS)),
      { jwt: { ...JWT, keys: { secret: new Secret(randomBytes(32).toString('hex')) } } },
    ],
    ['the audience of JWTs changes', jwtProof(later(HOUR_MS)), { jwt: { ...JWT, audience: 'x' } }],
    ['no OpenID provider is configured', oidcProof(later(HOUR_MS)), { oidc: null }],
    [
      'another OpenID provider is configured',
      oidcProof(later(HOUR_MS)),
      { oidc: { ...OIDC, issuer: new URL('https://other.example.com') } },
    ],
    [
      'the organisation of the OpenID provider changes',
      oidcProof(later(HOUR_MS)),
      { oidc: { ...OIDC, organisation: { fixed: 'other' } } },
    ],
  ])('ends when %s', async (_what, proof, change) => {
    const cookie = await processWith().signIn(ALMA, proof);
    expect(await processWith(change).session(cookie)).toBeNull();
    expect(await processWith().session(cookie)).toMatchObject({ keyId: 'oidc:alma' });
  });

  it('is deleted on the server by the sign-out, so that its cookie is refused', async () => {
    const [one, other] = [processWith(), processWith()];
    const cookie = await one.signIn(PRINCIPAL, KEY_PROOF);
    expect(await other.session(cookie)).toMatchObject({ organisation: 'acme' });
    const answer = await one.signOut(cookie);
    expect(answer.headers.get('set-cookie')).toMatch(/^evergrant_session=; Max-Age=0/);
    for (const process of [one, other]) expect(await process.session(cookie)).toBeNull();
    expect(await h.store.sessionRecords.find(idOf(cookie))).toBeNull();
  });

  it('gets a new id with every sign-in, and replaces the browser’s previous session', async () => {
    const process = processWith();
    const first = await process.signIn(PRINCIPAL, KEY_PROOF);
    const second = await process.signIn(PRINCIPAL, KEY_PROOF, { before: first });
    expect(idOf(second)).not.toBe(idOf(first));
    expect(await process.session(first)).toBeNull();
    expect(await process.session(second)).toMatchObject({ id: idOf(second) });
    const planted = `evergrant_session=ses_${'0'.repeat(16)}_${'A'.repeat(43)}`;
    const third = await process.signIn(PRINCIPAL, KEY_PROOF, { before: planted });
    expect(third).not.toContain('0'.repeat(16));
  });

  it('is stored as a digest, without its secret', async () => {
    const cookie = await signInAt(new Date());
    const secret = /_([\w-]{43})(;|$)/.exec(cookie)?.[1] ?? 'none';
    const stored = JSON.stringify(await rows().findOne({ _id: idOf(cookie) }));
    expect(stored).toContain('secret_sha256');
    expect(stored).not.toContain(secret);
    expect(stored).not.toContain(CONFIGURED);
  });

  it('is refused with another secret or in another form', async () => {
    const process = processWith();
    const cookie = (await signInAt(new Date())).split(';', 1)[0] ?? '';
    for (const changed of [
      `${cookie.slice(0, -1)}${cookie.endsWith('A') ? 'B' : 'A'}`,
      `${cookie}A`,
      cookie.toUpperCase(),
      `evergrant_session=${idOf(cookie)}`,
      'evergrant_session=x',
    ])
      expect(await process.session(changed)).toBeNull();
    expect(await process.session(cookie)).not.toBeNull();
  });

  it.each<[keyof SessionRecord, string, unknown]>([
    ['organisation', 'organisation', 'other'],
    ['actor', 'actor', 'INTERNAL_API_KEY'],
    ['scopes', 'scopes', ['admin']],
    ['by', 'by', 'oidc'],
    ['expiresAt', 'expires_at', later(100 * HOUR_MS)],
    ['removeAt', 'remove_at', later(100 * HOUR_MS)],
    ['sourceFingerprint', 'source_fingerprint', 'x'],
    ['secretSha256', 'secret_sha256', 'ff'],
    ['subject', 'subject', 'otto'],
  ])(
    'is refused and logged if its %s was changed in the database',
    async (_name, member, value) => {
      const process = processWith();
      const cookie = await process.signIn(ALMA, jwtProof(later(HOUR_MS)));
      await rows().updateOne({ _id: idOf(cookie) }, { $set: { [member]: value } });
      expect(await process.session(cookie)).toBeNull();
      const reports = h.logs.filter((line) => line.includes(idOf(cookie)));
      expect(reports.join('')).toContain('a row in MongoDB was refused');
    },
  );

  it('is refused if its record was replaced by that of another session', async () => {
    const process = processWith();
    const reader = await process.signIn(ALMA, jwtProof(later(HOUR_MS)));
    const admin = await process.signIn(PRINCIPAL, KEY_PROOF);
    const { _id: _, secret_sha256: __, ...strong } = await rows().findOne({ _id: idOf(admin) });
    await rows().updateOne({ _id: idOf(reader) }, { $set: strong });
    expect(await process.session(reader)).toBeNull();
  });

  it('records its last use to within ten minutes', async () => {
    const now = new Date();
    const cookie = await signInAt(now);
    const seenAfter = async (ms: number) => {
      await processWith({ now: later(ms, now) }).session(cookie);
      return (await h.store.sessionRecords.find(idOf(cookie)))?.seenAt;
    };
    expect(await seenAfter(9 * 60_000)).toEqual(now);
    expect(await seenAfter(11 * 60_000)).toEqual(later(11 * 60_000, now));
  });

  it('of an actor with too many sessions ends, the oldest first', async () => {
    const principal = { ...ALMA, keyId: `oidc:${randomBytes(4).toString('hex')}` };
    const began = Date.now();
    const cookies: string[] = [];
    for (let at = 0; at <= SESSIONS_MAX; at += 1) {
      const process = processWith({ now: new Date(began + at) });
      cookies.push(await process.signIn(principal, jwtProof(later(HOUR_MS))));
    }
    const living = await Promise.all(
      cookies.map(async (cookie) => (await processWith().session(cookie)) !== null),
    );
    expect(living).toEqual([false, ...Array.from({ length: SESSIONS_MAX }, () => true)]);
    const ends = await signOutsOf(principal.keyId);
    expect(ends).toEqual([{ by: 'too many sessions', session: idOf(cookies[0] ?? '') }]);
  });

  it('has a cookie for HTTPS and this host only, if the browser uses HTTPS', async () => {
    const url = 'https://localhost/';
    const process = processWith();
    const cookie = await process.signIn(PRINCIPAL, KEY_PROOF, { url });
    expect(cookie).toMatch(/^__Host-evergrant_session=.*; HttpOnly; Secure; SameSite=Lax/);
    expect(await process.session(cookie, url)).toMatchObject({ organisation: 'acme' });
    expect(await process.signIn(PRINCIPAL, KEY_PROOF)).not.toContain('Secure');
    const headers = { 'x-forwarded-proto': 'https' };
    expect(await process.signIn(PRINCIPAL, KEY_PROOF, { headers })).not.toContain('Secure');
  });
});

it('a back-channel logout ends only genuine sessions, and ignores forged rows', async () => {
  const subject = randomBytes(4).toString('hex');
  const principal = { ...ALMA, keyId: `oidc:${subject}` };
  const process = processWith();
  const cookie = await process.signIn(principal, { ...oidcProof(later(HOUR_MS)), subject });
  const row = await rows().findOne({ _id: idOf(cookie) });
  const forged = Array.from({ length: 150 }, (_, at) => ({ ...row, _id: { made: subject, at } }));
  await rows().deleteOne({ _id: row._id });
  await rows().insertMany([...forged, row]);
  const logout = { issuer: row.issuer, subject, providerSession: null, until: later(1_000) };
  expect(await process.endOfProvider(logout)).toBe(1);
  expect(await process.session(cookie)).toBeNull();
  expect(await process.endOfProvider(logout)).toBe(0);
  expect(await signOutsOf(principal.keyId)).toEqual([
    { by: 'back-channel logout', session: idOf(cookie) },
  ]);
});

async function signOutsOf(actor: string): Promise<unknown[]> {
  const entries = await rowsOfAudit().find({ actor, action: 'sign-out' }).toArray();
  return entries.map(({ details }) => JSON.parse(details));
}

describe('failed attempts', () => {
  const now = new Date();
  const failures = (count: number) => {
    const failed = new FailedAttempts(10);
    for (let i = 0; i < count; i += 1) failed.record('192.0.2.1', now);
    return failed;
  };

  it('block only their address for the rest of a minute after the tenth', () => {
    expect(failures(9).waitSeconds('192.0.2.1', now)).toBe(0);
    const failed = failures(10);
    expect(failed.waitSeconds('192.0.2.1', new Date(now.getTime() + 15_000))).toBe(45);
    expect(failed.waitSeconds('192.0.2.2', now)).toBe(0);
    expect(failed.waitSeconds('192.0.2.1', new Date(now.getTime() + 60_000))).toBe(0);
  });
});

describe('every page', () => {
  it('has a content security policy that allows only our files, and is not cached', async () => {
    const page = await h.app.request('/sign-in');
    expect(page.headers.get('content-security-policy')).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    );
    expect(page.headers.get('cache-control')).toBe('no-store');
    const html = await page.text();
    expect(html).not.toMatch(/<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)/);
  });

  it('links its files by a hash of their content, with unlimited caching', async () => {
    const html = await (await h.app.request('/sign-in')).text();
    const files = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, url]) => url);
    expect(files).toHaveLength(2);
    for (const url of files) {
      const file = await h.app.request(url ?? '');
      expect(file.status).toBe(200);
      expect(file.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    }
  });

  it('does not change the content security policy of the API', async () => {
    const answer = await h.app.request('/healthz');
    expect(answer.headers.get('content-security-policy')).toBe(
      "default-src 'none'; frame-ancestors 'none'",
    );
  });
});
