/** The access rules of all routes. The table is derived from the API's document, so a new route is in it at once. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { generateKeyPair } from 'jose';
import mongoose, { type Connection } from 'mongoose';
import { SCOPES, type Scope } from '../../src/domain/access/principal';
import type { ApiDependencies } from '../../src/http/dependencies';
import { createApp } from '../../src/server/app';
import { newConnectSession } from '../store/_connect-session';
import { sessionRecord } from '../store/_session-record';
import { type Answer, type Api, expectError, startApi } from './_api';
import { type OpenApiDocument, operationsOf } from './_contract';
import { assembled, nowSeconds, secretIssuer, signed, startJwksIssuer } from './_jwt';

const document = createApp({
  configuredKeys: [],
} as unknown as ApiDependencies).getOpenAPI31Document({
  openapi: '3.1.0',
  info: { title: 'Evergrant', version: '1' },
}) as unknown as OpenApiDocument;
const operations = operationsOf(document);
const guarded = operations.filter(({ operation }) => operation.security?.length !== 0);

const TRIGGER = 'POST /api/admin/internal/refresh-tokens';
/** Selects the audit that operators read. */
const CHAIN = '?chain=operator';

/** Routes for objects that belong to no organisation. A reader sees only the parts that concern its organisation. */
const SHARED = new Set([
  'GET /api/admin/schedules',
  'GET /api/admin/sweeps',
  'GET /api/admin/workflows',
  'GET /api/admin/workflows/{workflow_id}/history',
  'GET /api/admin/status',
]);

/** The scopes that are sufficient for a route. The default is `read` for reading and `admin` for changing. */
function scopesOf({ name, method, path }: Record<'name' | 'method' | 'path', string>): Scope[] {
  if (name === TRIGGER) return ['internal'];
  if (path.startsWith('/api/tokens')) return ['tokens'];
  if (name === 'GET /api/admin/keys' || name.endsWith('/token-accesses')) return ['admin'];
  if (name === 'PATCH /api/admin/connect/settings') return ['admin'];
  if (path.includes('/connect/') || path.endsWith('/reconnect')) return ['admin', 'connect'];
  if (SHARED.has(name)) return ['read', 'admin', 'operator'];
  if (path.startsWith('/api/admin/encryption')) return ['operator'];
  if (path.startsWith('/api/admin/schedules')) return ['operator'];
  if (path.startsWith('/api/admin/audit')) return ['admin', 'operator'];
  if (name === 'POST /api/admin/workflows/{workflow_id}/terminate') return ['admin', 'operator'];
  if (path.startsWith('/api/admin/sessions')) return ['admin'];
  if (path.startsWith('/api/admin/webhooks')) return ['admin'];
  if (/^\/api\/(?:admin\/)?connect\//.test(path) || path.endsWith('/reconnect'))
    return ['admin', 'connect'];
  return method === 'GET' ? ['read', 'admin'] : ['admin'];
}

interface Ids {
  account: string;
  externalId: string;
  key: string;
  session: string;
  connectSession: string;
  webhook: string;
  delivery: string;
}

/** The path with an id for each parameter. */
function filled(path: string, ids: Ids): string {
  const place = path
    .replace('/accounts/{id}', `/accounts/${ids.account}`)
    .replace('/keys/{id}', `/keys/${ids.key}`)
    .replace('/connect/sessions/{id}', `/connect/sessions/${ids.connectSession}`)
    .replace('/sessions/{id}', `/sessions/${ids.session}`)
    .replace('/webhooks/{id}', `/webhooks/${ids.webhook}`)
    .replace('/deliveries/{id}', `/deliveries/${ids.delivery}`)
    .replace('{schedule_id}', encodeURIComponent('sweep/ebay'))
    .replace('{workflow_id}', encodeURIComponent(`refresh-account/${ids.account}`))
    .replace('{account_id}', ids.account)
    .replace('{external_id}', ids.externalId)
    .replace('{provider}', 'ebay');
  if (place.includes('{')) throw new Error(`name here the value of the parameter in ${path}`);
  return place;
}

/** The body that a route needs before it looks for the object. */
function bodyOf(name: string, ids: { account: string }): unknown {
  if (name.endsWith('/token/refresh-debug')) return { account_id: ids.account };
  if (name.endsWith('/finish')) return { code_verifier: 'v'.repeat(43) };
  if (name.endsWith('/reconnect')) return {};
  if (name === 'PATCH /api/admin/webhooks/{id}') return { description: 'mine now' };
  if (name.endsWith('/finish')) return { code_verifier: 'v'.repeat(43) };
  if (name === 'POST /api/admin/keys/{id}/grant') return { scopes: ['read'] };
  return name.startsWith('PATCH ') ? { label: 'mine now' } : undefined;
}

const ABSENT = {
  externalId: `shop-${randomUUID()}`,
  account: `acc_${randomBytes(12).toString('hex')}`,
  key: randomBytes(8).toString('hex'),
  session: `ses_${randomBytes(8).toString('hex')}`,
  connectSession: `ccs_${randomBytes(8).toString('hex')}`,
  webhook: `whk_${randomBytes(12).toString('hex')}`,
  delivery: `dlv_${randomBytes(12).toString('hex')}`,
};

const shared = secretIssuer();
/** Keys whose rows were not written by Evergrant. */
let forgedRows: string[];
let published: Awaited<ReturnType<typeof startJwksIssuer>>;
let api: Api;
let database: Connection;
const deliveries = () =>
  database.collection<{ _id: string; organisation: string }>('webhook_deliveries');
/** The same API with another JWT issuer. */
let withJwks: Api['send'];
beforeAll(async () => {
  published = await startJwksIssuer();
  api = await startApi({ worker: false, jwt: shared.config });
  withJwks = api.with({ jwt: published.config });
  database = await mongoose.createConnection(api.harness.mongodbUri).asPromise();
  forgedRows = await forgedKeys();
});
afterAll(async () => {
  await published.stop();
  await database.close();
  await api.stop();
});

it('only the health, readiness and documentation routes are public', () => {
  const open = operations.filter((one) => !guarded.includes(one)).map(({ name }) => name);
  expect(open.toSorted()).toEqual([
    'GET /docs',
    'GET /healthz',
    'GET /openapi.json',
    'GET /readyz',
  ]);
});

/** One key with an invented row that has the right hash, and one key whose row was given every scope. */
async function forgedKeys(): Promise<string[]> {
  const rows = database.collection<{ _id: string } & Record<string, unknown>>('api_keys');
  const reader = await api.key(['read']);
  const [, id = ''] = reader.split('_');
  const row = await rows.findOneAndUpdate(
    { _id: id },
    { $set: { scopes: [...SCOPES] } },
    { returnDocument: 'after' },
  );
  const [madeUpId, secret] = [
    randomBytes(8).toString('hex'),
    randomBytes(32).toString('base64url'),
  ];
  const secret_sha256 = createHash('sha256').update(secret).digest('hex');
  await rows.insertOne({ ...row, _id: madeUpId, secret_sha256 });
  return [reader, `evg_${madeUpId}_${secret}`];
}

describe.each(guarded)('$name', (route) => {
  const { name, method, path } = route;
  const ask = (headers: Record<string, string>, send = api.send): Promise<Answer> =>
    send(method, filled(path, ABSENT), { key: null, headers, body: bodyOf(name, ABSENT) });
  const askWith = (token: string, send = api.send) =>
    ask({ authorization: `Bearer ${token}` }, send);
  const everything = () => ({ organisation: api.organisation, scope: SCOPES.join(' ') });

  function expectUnauthenticated(answer: Answer): void {
    expectError(answer, 401, 'unauthenticated');
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer\b/);
  }

  it('refuses a request without a key', async () => {
    expectUnauthenticated(await ask({}));
  });

  it('refuses a malformed header, even with a valid key', async () => {
    const basic = Buffer.from(`admin:${api.admin}`).toString('base64');
    const malformed = [api.admin, 'Bearer', `Bearer ${api.admin} more`, `Token ${api.admin}`];
    for (const authorization of [...malformed, `Basic ${basic}`, 'Bearer ,', ''])
      expectUnauthenticated(await ask({ authorization }));
  });

  it('refuses an unknown key, and a key with a wrong secret', async () => {
    const secret = randomBytes(32).toString('base64url');
    const known = api.admin.slice(0, 'evg_'.length + 16);
    const unknown = `evg_${randomBytes(8).toString('hex')}_${secret}`;
    for (const key of [unknown, `${known}_${secret}`, 'x', 'x'.repeat(8000)])
      expectUnauthenticated(await ask({ authorization: `Bearer ${key}` }));
  });

  it('refuses a revoked key', async () => {
    const created = await api.post('/api/admin/keys', { name: 'short-lived', scopes: ['admin'] });
    await api.delete(`/api/admin/keys/${created.body.id}`);
    expectUnauthenticated(await ask({ authorization: `Bearer ${created.body.api_key}` }));
  });

  it('refuses a key whose row was invented or given more scopes in the database', async () => {
    for (const key of forgedRows) expectUnauthenticated(await askWith(key));
  });

  it('refuses a key without its scope', async () => {
    const enough = scopesOf(route);
    const others = SCOPES.filter((one) => !enough.includes(one));
    for (const scopes of [...others.map((one) => [one]), others, []]) {
      const key = await api.key(scopes);
      expectError(await ask({ authorization: `Bearer ${key}` }), 403, 'forbidden');
    }
  });

  // A stream does not end. Its own tests read it.
  if (!path.endsWith('/stream')) {
    it('accepts each of its scopes alone, as a key and as a JWT', async () => {
      for (const scope of scopesOf(route)) {
        const query = path.startsWith('/api/admin/audit') && scope === 'operator' ? CHAIN : '';
        const tokens = [await api.key([scope]), await shared.sign({ ...everything(), scope })];
        for (const token of tokens) {
          const headers = { authorization: `Bearer ${token}` };
          const place = `${filled(path, ABSENT)}${query}`;
          const { status } = await api.send(method, place, { key: null, headers });
          expect({ scope, status, isRefused: [401, 403].includes(status) }).toEqual({
            scope,
            status,
            isRefused: false,
          });
        }
      }
    });
  }

  it('names its scopes in the document, and the missing scope in the refusal', async () => {
    const documented = (route.operation.security ?? []).flatMap(({ bearer }) => bearer ?? []);
    const implied = documented.includes('read') ? ['admin'] : [];
    expect([...documented, ...implied].toSorted()).toEqual(scopesOf(route).toSorted());
    const refused = await askWith(await api.key([]));
    expect(refused.headers.get('www-authenticate')).toContain(`scope="${documented[0]}"`);
    expect(refused.body.error.message).toMatch(/lacks the scope .*evergrant keys grant/);
  });

  it('refuses a JWT that has expired, or that has no expiry', async () => {
    for (const exp of [nowSeconds() - 60, undefined]) {
      const claims = { ...everything(), exp };
      expectUnauthenticated(await askWith(await shared.sign(claims)));
      expectUnauthenticated(await askWith(await published.sign(claims), withJwks));
    }
  });

  it('refuses a JWT with the algorithm "none"', async () => {
    const claims = { sub: 'nobody', exp: nowSeconds() + 60, ...everything() };
    for (const signature of ['', 'c2ln'])
      for (const send of [api.send, withJwks])
        expectUnauthenticated(
          await askWith(assembled({ alg: 'none', typ: 'JWT' }, claims, signature), send),
        );
  });

  it('refuses a JWT that another key signed', async () => {
    expectUnauthenticated(await askWith(await secretIssuer().sign(everything())));
    const { privateKey } = await generateKeyPair('RS256');
    const forged = await signed(privateKey, { alg: 'RS256', kid: 'RS256' }, everything());
    expectUnauthenticated(await askWith(forged, withJwks));
  });

  it("refuses a JWT that is signed with the issuer's public key as a secret", async () => {
    for (const text of await published.publicKeyTexts()) {
      const secret = new TextEncoder().encode(text);
      const confused = await signed(secret, { alg: 'HS256', kid: 'RS256' }, everything());
      expectUnauthenticated(await askWith(confused, withJwks));
    }
  });

  it('refuses a JWT without an organisation', async () => {
    const token = await shared.sign({ ...everything(), organisation: undefined });
    expectUnauthenticated(await askWith(token));
  });

  it('refuses a JWT without its scope, and accepts one with it', async () => {
    const enough = scopesOf(route);
    const others = SCOPES.filter((one) => !enough.includes(one));
    for (const scope of [others.join(' '), 'openid', undefined]) {
      const claims = { ...everything(), scope };
      expectError(await askWith(await shared.sign(claims)), 403, 'forbidden');
      expectError(await askWith(await published.sign(claims), withJwks), 403, 'forbidden');
    }
  });

  if (name !== TRIGGER) {
    it('does not accept X-Internal-API-Key, whatever the scopes of the key', async () => {
      for (const scopes of [['internal'], [...SCOPES]] satisfies Scope[][]) {
        const answer = await ask({ 'x-internal-api-key': await api.key(scopes) });
        expectError(answer, 403, 'forbidden');
      }
    });
  }

  it('refuses a key without the scope "internal" in X-Internal-API-Key', async () => {
    const key = await api.key(['admin', 'read', 'tokens']);
    expectUnauthenticated(await ask({ 'x-internal-api-key': key }));
  });
});

describe('an object of another organisation', () => {
  const routes = guarded.filter(
    ({ name, path }) =>
      /\{(account_|external_)?id\}/.test(path) || name.endsWith('/token/refresh-debug'),
  );

  const askers = [
    { with: 'an API key', token: async () => api.admin },
    {
      with: 'a JWT',
      token: () => shared.sign({ organisation: api.organisation, scope: 'admin tokens' }),
    },
  ];

  it.each(routes.flatMap((route) => askers.map((asker) => ({ ...route, ...asker }))))(
    '$name answers as if it did not exist, with $with',
    async (asked) => {
      const { name, method, path } = asked;
      const token = await asked.token();
      const theirs = `org-${randomUUID()}`;
      const theirAdmin = await api.key(['admin'], theirs);
      const account = await api.addAccount({ organisation: theirs });
      const created = await api.send('POST', '/api/admin/keys', {
        key: theirAdmin,
        body: { name: 'theirs', scopes: ['read'] },
      });
      const webhook = await api.send('POST', '/api/admin/webhooks', {
        key: theirAdmin,
        body: { url: 'https://example.com/evergrant' },
      });
      const delivery = `dlv_${randomBytes(12).toString('hex')}`;
      await deliveries().insertOne({ _id: delivery, organisation: theirs });
      const session = sessionRecord({ organisation: theirs });
      await api.store.sessionRecords.create(session);
      const link = newConnectSession({ organisation: theirs, mode: 'app' });
      await api.store.connectSessions.create(link, randomBytes(32).toString('hex'));
      const foreign: Ids = {
        // Before the account, because the external id contains the id of the account.
        externalId: account.externalId,
        account: account.id,
        key: String(created.body.id),
        session: session.id,
        connectSession: link.id,
        webhook: String(webhook.body.id),
        delivery,
      };
      const ask = (ids: Ids) =>
        api.send(method, filled(path, ids), { key: token, body: bodyOf(name, ids) });

      const [toAbsent, toForeign] = [await ask(ABSENT), await ask(foreign)];

      expectError(toForeign, 404, 'not_found');
      const withoutIds = (answer: Answer, ids: Ids) =>
        [...Object.values(ids), answer.body.error.request_id].reduce(
          (text, id) => text.replaceAll(id, '<id>'),
          answer.text,
        );
      expect(withoutIds(toForeign, foreign)).toBe(withoutIds(toAbsent, ABSENT));
      const headers = ({ headers: all }: Answer) =>
        [...all].filter(([key]) => key !== 'x-request-id');
      expect(headers(toForeign)).toEqual(headers(toAbsent));
      expect(await api.harness.account(account.id)).toEqual(
        expect.objectContaining({ label: account.label, generation: 1, claim: null }),
      );
      const keys = await api.send('GET', '/api/admin/keys', { key: theirAdmin });
      expect(keys.body.items).toContainEqual(expect.objectContaining({ id: foreign.key }));
      expect(await api.store.sessionRecords.find(session.id)).not.toBeNull();
      expect(await api.store.connectSessions.find(theirs, link.id)).toMatchObject({
        status: 'created',
      });
    },
  );

  it('is in no list', async () => {
    const theirs = `org-${randomUUID()}`;
    await api.addAccount({ organisation: theirs });
    const organisation = `org-${randomUUID()}`;
    const mine = await api.key(['admin'], organisation);
    const jwt = await shared.sign({ organisation, scope: 'admin' });
    for (const key of [mine, jwt]) {
      for (const path of ['/api/admin/accounts', '/api/admin/ebay/tokens/terminal-logs']) {
        const answer = await api.send('GET', path, { key });
        expect(answer.body).toEqual({ items: [], next_cursor: null });
      }
    }
  });
});
