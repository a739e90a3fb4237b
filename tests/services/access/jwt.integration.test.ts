/** JWTs: accepted issuers, scopes, refusals, and the names of their bearers. */
import { randomBytes, randomUUID } from 'node:crypto';
import { Secret } from '../../../src/domain/masking/secret';
import type { ApiDependencies } from '../../../src/http/dependencies';
import type { JwtConfig } from '../../../src/process/config';
import { type Answer, type Api, expectError, startApi } from '../../api/_api';
import {
  assembled,
  encoded,
  type Issuer,
  type JwksIssuer,
  nowSeconds,
  secretIssuer,
  signed,
  startJwksIssuer,
} from '../../api/_jwt';
import { eventually } from '../../support/eventually';

const READ = '/api/admin/accounts';
const ALGORITHMS = ['RS256', 'RS512', 'PS256', 'ES256', 'ES384', 'EdDSA'];

const shared = secretIssuer();
let api: Api;
let published: JwksIssuer;
beforeAll(async () => {
  [api, published] = await Promise.all([startApi(), startJwksIssuer(ALGORITHMS)]);
});
afterAll(async () => {
  await published.stop();
  await api.stop();
});

const used: string[] = [];
/** Sends a token to a server that trusts the issuer, and expects an answer that does not repeat it. */
async function ask(
  token: string,
  jwt: JwtConfig | null,
  {
    path = READ,
    method = 'GET',
    body,
    ...deps
  }: { path?: string; method?: string; body?: unknown } & Partial<ApiDependencies> = {},
): Promise<Answer> {
  used.push(token);
  const answer = await api.with({ jwt, ...deps })(method, path, { key: token, body });
  for (const part of token.split('.').filter((text) => text.length > 8)) {
    expect(answer.text).not.toContain(part);
    expect(JSON.stringify([...answer.headers])).not.toContain(part);
  }
  return answer;
}

function expectRefused(answer: Answer, sentence: RegExp): void {
  expectError(answer, 401, 'unauthenticated');
  expect(answer.body.error.message).toMatch(sentence);
  expect(answer.headers.get('www-authenticate')).toBe(
    'Bearer realm="evergrant", error="invalid_token"',
  );
}

const mine = (claims: Record<string, unknown> = {}) => ({
  organisation: api.organisation,
  scope: 'read',
  ...claims,
});

describe.each<[string, () => Issuer]>([
  ['a secret', () => shared],
  ['a JWKS', () => published],
])('a JWT verified by %s', (_way, issuer) => {
  const askWith = async (
    claims: Record<string, unknown>,
    config: Partial<JwtConfig> = {},
    deps = {},
  ) => ask(await issuer().sign(claims), { ...issuer().config, ...config }, deps);

  it.each<[string, Record<string, unknown>]>([
    ['scope', { scope: 'openid read profile' }],
    ['scope, where admin may also read', { scope: 'admin' }],
    ['scp as a list', { scope: undefined, scp: ['read', 'offline_access'] }],
    ['scp as a text', { scope: undefined, scp: 'email read' }],
    ['scopes', { scope: undefined, scopes: ['read'] }],
  ])('has the scopes in its %s', async (_what, claims) => {
    expect((await askWith(mine(claims))).status).toBe(200);
  });

  it.each<[string, Record<string, unknown>]>([
    ['none', { scope: undefined }],
    ['another', { scope: 'tokens internal' }],
    ['none of ours', { scope: 'READ reader read:all root', scp: [['read'], 7, null] }],
    ['no text', { scope: { read: true }, scopes: 1 }],
  ])('has no further scopes from scopes that are %s', async (_what, claims) => {
    const answer = await askWith(mine(claims));
    expectError(answer, 403, 'forbidden');
    expect(answer.headers.get('www-authenticate')).toBe(
      'Bearer realm="evergrant", error="insufficient_scope", scope="read"',
    );
  });

  it('sees only its organisation', async () => {
    const account = await api.addAccount();
    const own = await askWith(mine({ scope: 'admin' }), {}, { path: `${READ}/${account.id}` });
    expect(own.body).toMatchObject({ id: account.id });
    const theirs = {
      organisation: `org-${randomUUID()}`,
      scope: 'admin',
      org_id: api.organisation,
    };
    const foreign = await askWith(theirs, {}, { path: `${READ}/${account.id}` });
    expectError(foreign, 404, 'not_found');
  });

  it('names its organisation also by org_id, or only by the configured claim', async () => {
    const account = await api.addAccount();
    const seen = { path: `${READ}/${account.id}` };
    const byOrgId = { organisation: undefined, org_id: api.organisation };
    expect((await askWith(mine(byOrgId), {}, seen)).status).toBe(200);
    const configured = { organisationClaims: ['https://shop.example/tenant'] };
    const byOther = { organisation: 'other', 'https://shop.example/tenant': api.organisation };
    expect((await askWith(mine(byOther), configured, seen)).status).toBe(200);
    expectRefused(await askWith(mine(byOrgId), configured), /needs the claim "https:.*tenant"\.$/);
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['has expired', { exp: nowSeconds() - 60 }, /has expired/],
    ['never expires', { exp: undefined }, /lacks the claim "exp"/],
    ['has text as its expiry', { exp: 'tomorrow' }, /"exp" of the JWT is not a number/],
    ['is not valid yet', { nbf: nowSeconds() + 3_600 }, /not valid yet/],
    ['has no subject', { sub: undefined }, /lacks the claim "sub"/],
    ['has an empty sub', { sub: '' }, /"sub" of the JWT must be 1–255 printable/],
    ['has a line break in its sub', { sub: 'al\nice' }, /"sub" of the JWT must be/],
    ['has a number for sub', { sub: 7 }, /"sub" of the JWT must be/],
    [
      'has no organisation',
      { organisation: undefined },
      /needs the claim "organisation" or "org_id"/,
    ],
    ['has an empty organisation', { organisation: '' }, /"organisation" of the JWT must be 1–64/],
    ['has two organisations', { organisation: ['a', 'b'] }, /"organisation" of the JWT must be/],
    ['has a query operator as organisation', { organisation: { $ne: '' } }, /of the JWT must be/],
  ])('is refused if it %s', async (_what, claims, sentence) => {
    expectRefused(await askWith(mine(claims)), sentence);
  });

  it('must have the configured issuer and audience', async () => {
    const config = { issuer: 'https://id.example', audience: 'evergrant' };
    const good = { iss: 'https://id.example', aud: ['shop', 'evergrant'] };
    expect((await askWith(mine(good), config)).status).toBe(200);
    const wrong = (claims: Record<string, unknown>) =>
      askWith(mine({ ...good, ...claims }), config);
    expectRefused(
      await wrong({ iss: 'https://evil.example' }),
      /"iss" of the JWT is not the issuer/,
    );
    expectRefused(await wrong({ iss: undefined }), /lacks the claim "iss"/);
    expectRefused(await wrong({ aud: 'shop' }), /"aud" of the JWT is not the audience/);
    expectRefused(await wrong({ aud: undefined }), /lacks the claim "aud"/);
  });

  it('may come from a clock with a difference of less than five seconds', async () => {
    const at = nowSeconds();
    const deps = { now: () => new Date(at * 1000) };
    expect((await askWith(mine({ exp: at - 4 }), {}, deps)).status).toBe(200);
    expectRefused(await askWith(mine({ exp: at - 5 }), {}, deps), /has expired/);
    expect((await askWith(mine({ exp: at + 60, nbf: at + 5 }), {}, deps)).status).toBe(200);
    expectRefused(await askWith(mine({ exp: at + 60, nbf: at + 6 }), {}, deps), /not valid yet/);
  });

  it('is refused if it was changed or signed with another key', async () => {
    const [header = '', , signature = ''] = (await issuer().sign(mine())).split('.');
    const claims = { sub: 'x', exp: nowSeconds() + 60, ...mine({ scope: 'admin' }) };
    const changed = Buffer.from(JSON.stringify(claims)).toString('base64url');
    const refused = await ask(`${header}.${changed}.${signature}`, issuer().config);
    expectRefused(refused, /signature of the JWT is wrong/);
    const unsigned = await ask(`${header}.${changed}.`, issuer().config);
    expectRefused(unsigned, /signature of the JWT is wrong/);
  });

  it.each(['none', 'None', 'NONE', 'nOnE', '', 'HS1', undefined])(
    'is refused with the algorithm %j',
    async (alg) => {
      const claims = { sub: 'x', exp: nowSeconds() + 60, ...mine() };
      for (const signature of ['', 'AAAA'])
        expectRefused(
          await ask(assembled({ alg, typ: 'JWT' }, claims, signature), issuer().config),
          /must be signed with one of|cannot be decoded/,
        );
    },
  );

  it.each([
    ['three letters', 'a.b.c'],
    ['two letters, not signed', 'a.b.'],
    ['a long text', `${'x'.repeat(6000)}.y.z`],
    ['claims that are not JSON', `${encoded({ alg: 'HS256' })}.bm90IGpzb24.c2ln`],
    [
      'claims that are not encoded',
      assembled({ alg: 'HS256', crit: ['b64'], b64: false }, {}, 'c2ln'),
    ],
    ['several algorithms', assembled({ alg: ['HS256'] }, {}, 'c2ln')],
    ['lists', assembled([], [], 'c2ln')],
  ])('is refused if it is not a JWT: %s', async (_what, text) => {
    expectRefused(await ask(text, issuer().config), /JWT/);
  });
});

describe('the algorithm', () => {
  it.each(['HS256', 'HS384', 'HS512'])('may be %s with a secret', async (alg) => {
    expect((await ask(await shared.sign(mine(), { alg }), shared.config)).status).toBe(200);
  });

  it.each(ALGORITHMS)('may be %s with a JWKS', async (alg) => {
    expect((await ask(await published.sign(mine(), { alg }), published.config)).status).toBe(200);
  });

  it('cannot use a public key as an HMAC secret', async () => {
    for (const text of await published.publicKeyTexts()) {
      const secret = new TextEncoder().encode(text);
      for (const alg of ['HS256', 'HS384', 'HS512'])
        expectRefused(
          await ask(await signed(secret, { alg, kid: 'RS256' }, mine()), published.config),
          /must be signed with one of RS256/,
        );
    }
  });

  it('cannot supply its own key or replace the secret with a signature', async () => {
    for (const alg of ALGORITHMS)
      expectRefused(
        await ask(await published.sign(mine(), { alg }), shared.config),
        /must be signed with one of HS256/,
      );
    const stranger = await startJwksIssuer(['RS256']);
    await stranger.stop();
    expectRefused(
      await ask(await stranger.sign(mine()), published.config),
      /signature .* is wrong/,
    );
    const unknown = await published.sign(mine(), { alg: 'ES256', kid: 'of an unknown issuer' });
    expectRefused(await ask(unknown, published.config), /no key for this JWT/);
  });
});

it('is refused if neither a secret nor a JWKS is configured', async () => {
  expectRefused(
    await ask(await shared.sign(mine()), null),
    /neither JWT_SECRET nor JWKS_URL is set/,
  );
});

it('is not mistaken for a configured key with dots', async () => {
  const key = 'my.configured.key-of-the-environment';
  const principal = { keyId: 'ADMIN_API_KEY', organisation: api.organisation, scopes: [] };
  const send = api.with({
    jwt: shared.config,
    configuredKeys: [{ key: new Secret(key), principal }],
  });
  expectError(await send('GET', READ, { key }), 403, 'forbidden');
});

describe('the issuer of a JWKS', () => {
  const expectAway = (answer: Answer) => {
    expectError(answer, 503, 'jwks_unavailable');
    expect(answer.body.error.message).toMatch(/JWKS_URL/);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  };

  it('gets one request for many tokens, and tokens with known keys are accepted while it is unreachable', async () => {
    const issuer = await startJwksIssuer(['ES256']);
    const send = api.with({ jwt: issuer.config });
    const accepted = async () =>
      (await send('GET', READ, { key: await issuer.sign(mine()) })).status;
    expect(await Promise.all(Array.from({ length: 20 }, accepted))).toEqual(
      Array.from({ length: 20 }, () => 200),
    );
    expect(issuer.fetched()).toBe(1);
    await issuer.stop();
    expect(await accepted()).toBe(200);
  });

  it('leads to 503 while it is unreachable, never to 401; API keys still work', async () => {
    const issuer = await startJwksIssuer(['ES256']);
    await issuer.stop();
    const send = api.with({ jwt: issuer.config });
    const key = await issuer.sign(mine());
    expectAway(await send('GET', READ, { key }));
    expect((await send('GET', READ)).status).toBe(200);
    expect(api.logs.join('')).toContain('could not be fetched (JWKS_URL)');
    await issuer.start();
    await eventually(async () => (await send('GET', READ, { key })).status === 200);
    await issuer.stop();
  });

  it('gets at most one request per second while it fails, for any number of JWTs', async () => {
    const issuer = await startJwksIssuer(['ES256']);
    issuer.answer = { status: 500, body: '' };
    const send = api.with({ jwt: issuer.config });
    const from = performance.now();
    for (let sent = 0; sent < 50; sent += 1)
      expectAway(await send('GET', READ, { key: await issuer.sign(mine()) }));
    const seconds = (performance.now() - from) / 1000;
    expect(issuer.fetched()).toBeLessThanOrEqual(1 + Math.ceil(seconds));
    await issuer.stop();
  });

  it('gets no request for each JWT that names an unknown key', async () => {
    const issuer = await startJwksIssuer(['ES256']);
    const send = api.with({ jwt: issuer.config });
    for (let sent = 0; sent < 50; sent += 1) {
      const key = await issuer.sign(mine(), { kid: randomBytes(8).toString('hex') });
      expectRefused(await send('GET', READ, { key }), /no key for this JWT/);
    }
    expect(issuer.fetched()).toBe(1);
    expect((await send('GET', READ, { key: await issuer.sign(mine()) })).status).toBe(200);
    await issuer.stop();
  });

  it.each<[number, string]>([
    [500, '{"keys":[]}'],
    [302, ''],
    [200, '<html>'],
    [200, '{"error":"none"}'],
    [200, '{"keys":"none"}'],
  ])('leads to 503 if it answers %d %s', async (status, body) => {
    const issuer = await startJwksIssuer(['ES256']);
    issuer.answer = { status, body };
    expectAway(await ask(await issuer.sign(mine()), issuer.config));
    await issuer.stop();
  });

  it('leads to 401 if it has no key for a token, or several for a token without kid', async () => {
    const issuer = await startJwksIssuer(['ES256']);
    const asked = async () => ask(await issuer.sign(mine()), issuer.config);
    issuer.answer = { status: 200, body: '{"keys":[]}' };
    expectRefused(await asked(), /no key for this JWT/);
    const { kid: _kid, ...nameless } = issuer.publicKey();
    issuer.answer = { status: 200, body: JSON.stringify({ keys: [nameless, nameless] }) };
    expectRefused(await asked(), /no key for this JWT/);
    const unnamed = await issuer.sign(mine(), { kid: undefined });
    expectRefused(await ask(unnamed, issuer.config), /must name its key in "kid"/);
    await issuer.stop();
  });
});

describe('the bearer of a JWT', () => {
  const sub = `auth0|${randomBytes(32).toString('base64url')}`;
  const as = async (scope: string) => shared.sign(mine({ sub, scope }));

  it('is named jwt:<sub> in the audit of token accesses', async () => {
    const { id } = await api.addAccount({ expiresInMs: 3600_000, refreshedAgoMs: 0 });
    const path = `/api/tokens/${id}`;
    expect((await ask(await as('tokens'), shared.config, { path })).status).toBe(200);
    await api.tokenAccesses.flush();
    const { body } = await api.get(`${READ}/${id}/token-accesses`);
    expect(body.items).toEqual([expect.objectContaining({ key_id: `jwt:${sub}` })]);
  });

  it('is named jwt:<sub> as the caller of a refresh', async () => {
    const { id } = await api.addAccount();
    const refreshed = await ask(await as('admin'), shared.config, {
      method: 'POST',
      path: '/api/admin/ebay/token/refresh-debug',
      body: { account_id: id },
    });
    expect(refreshed.body.entry.diagnostics.caller).toBe(`jwt:${sub}`);
    const [entry] = await api.harness.entries(id);
    expect(entry?.diagnostics?.caller).toBe(`jwt:${sub}`);
  });

  it('is named jwt:<sub> in the note of a schedule, and in the log', async () => {
    const path = `/api/admin/schedules/${encodeURIComponent('sweep/ebay')}/pause`;
    const options = { method: 'POST', path, body: {} };
    const paused = await ask(await as('operator'), shared.config, options);
    expect(paused.body.note).toBe(`paused by jwt:${sub}`);
    expect(api.logs.join('')).toContain(`"key_id":"jwt:${sub}"`);
  });
});

it('the log contains none of the presented tokens', () => {
  const log = api.logs.join('');
  const signatures = used.map((token) => token.split('.')[2] ?? '').filter((one) => one.length > 8);
  expect(signatures.length).toBeGreaterThan(20);
  expect(signatures.filter((signature) => log.includes(signature))).toEqual([]);
});
