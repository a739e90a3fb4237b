/** Accounts without a person, on real engines: created, served, refreshed, refused, re-encrypted and disconnected. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { JWK } from 'jose';
import mongoose from 'mongoose';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';

const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
const PRIVATE_KEY = String(RSA.privateKey.export({ format: 'pem', type: 'pkcs8' }));
const PUBLIC_KEY: JWK = RSA.publicKey.export({ format: 'jwk' });
const SCOPE = 'https://www.googleapis.com/auth/drive.readonly';

let h: Harness;
let admin: string;
let reader: string;
beforeAll(async () => {
  h = await startHarness({
    encryptionKeys: `k1:${randomBytes(32).toString('base64')},k2:${randomBytes(32).toString('base64')}`,
    providers: ['ebay', 'google'],
  });
  admin = await h.key();
  reader = await h.key({ scopes: ['tokens'] });
});
afterAll(() => h?.stop());

const random = (name: string) => `${name}-${randomBytes(6).toString('hex')}`;
const create = (body: object) => h.request(admin, 'POST', '/api/admin/accounts', body);
const token = async (id: string) => (await h.request(reader, 'GET', `/api/tokens/${id}`)).body;
const show = async (id: string) =>
  (await h.request(admin, 'GET', `/api/admin/accounts/${id}`)).body;
const patch = (id: string, body: object) =>
  h.request(admin, 'PATCH', `/api/admin/accounts/${id}`, body);

/** An account of eBay with its own client, which the sandbox knows. */
async function ownClient() {
  const credentials = { client_id: random('client'), client_secret: random('secret') };
  h.sandbox.credentialGrants.setClient(credentials.client_id, credentials.client_secret);
  const { body, status } = await create({
    provider: 'ebay',
    external_id: credentials.client_id,
    grant: 'client_credentials',
    credentials,
  });
  expect(status).toBe(201);
  return { id: String(body.id), body, credentials };
}

/** A service account of Google, entered as its key file. */
async function serviceAccount() {
  const email = `${random('robot')}@project.iam.gserviceaccount.com`;
  h.sandbox.credentialGrants.setKey(email, PUBLIC_KEY);
  const { body, status } = await create({
    provider: 'google',
    external_id: email,
    grant: 'jwt_bearer',
    scopes: SCOPE,
    credentials: {
      type: 'service_account',
      client_email: email,
      private_key_id: 'key-1',
      private_key: PRIVATE_KEY,
      client_id: '108912345',
      token_uri: 'https://oauth2.googleapis.com/token',
    },
  });
  expect(status).toBe(201);
  return { id: String(body.id), body, email };
}

/** Moves the expiry of the access token into the past, as time would. */
async function expire(id: string, members: object = {}): Promise<void> {
  const connection = await mongoose.createConnection(h.mongodbUri).asPromise();
  const past = new Date(Date.now() - 1000);
  await connection
    .collection<{ _id: string }>('accounts')
    .updateOne({ _id: id }, { $set: { 'current.expires_at': past, ...members } });
  await connection.close();
}

it('R3.7 the application token of eBay is obtained with the OAuth app, served from the store, and obtained again after it expired', async () => {
  const { body } = await create({
    provider: 'ebay',
    external_id: random('application'),
    grant: 'client_credentials',
  });
  expect(body).toMatchObject({
    grant: 'client_credentials',
    own_client: false,
    status: 'expired',
    access_token_fingerprint: null,
    scopes: [],
  });
  const first = await token(body.id);
  expect(first).toMatchObject({ active: true, fallback: false });
  expect(h.sandbox.isAccessTokenActive(first.access_token)).toBe(true);
  expect((await token(body.id)).access_token).toBe(first.access_token);
  await expire(body.id);
  const second = await eventually(async () => {
    const answer = await token(body.id);
    return answer.access_token !== first.access_token && answer;
  });
  expect(second).toMatchObject({ active: true });
  expect(await show(body.id)).toMatchObject({ generation: 3, status: 'ok' });
  const [entry] = await h.entries(body.id);
  expect(entry).toMatchObject({
    outcome: 'ok',
    request: { method: 'POST' },
    diagnostics: { decrypted_prefix: null, final_prefix: null },
  });
  expect(entry?.request?.refresh_token).toBeUndefined();
}, 60_000);

it('R3.7 a service account of Google is obtained with a signed assertion, and its key file is never shown', async () => {
  const { id, body } = await serviceAccount();
  expect(body).toMatchObject({ grant: 'jwt_bearer', own_client: true });
  expect(JSON.stringify(body)).not.toContain('PRIVATE');
  const served = await token(id);
  expect(served).toMatchObject({ active: true, scopes: [SCOPE] });
  expect(h.sandbox.isAccessTokenActive(served.access_token)).toBe(true);
}, 60_000);

it('R3.7 a lost response is followed by another request, because credentials are not used up', async () => {
  const { id, email } = await serviceAccount();
  h.sandbox.script({ subject: email, answer: { kind: 'drop', at: 'after_commit' } });
  const answer = await eventually(async () => {
    const served = await token(id);
    return served.active === true && served;
  }, 45_000);
  expect(h.sandbox.isAccessTokenActive(answer.access_token)).toBe(true);
  const entries = await h.entries(id);
  expect(entries.map(({ outcome }) => outcome)).toEqual(expect.arrayContaining(['unknown', 'ok']));
  expect((await h.account(id)).state).toBe('active');
}, 60_000);

it('R3.7 an account that no caller asks for leaves the due list, and returns to it with the next request', async () => {
  const { id, credentials } = await ownClient();
  await token(id);
  const dueAt = await eventually(async () => (await show(id)).due_at);
  expect(dueAt).not.toBeNull();
  const anHour = 3600_000;
  const obtained = new Date(Date.now() - 2 * anHour);
  const asked = new Date(Date.now() - 5 * anHour);
  await expire(id, { asked_at: asked, 'current.obtained_at': obtained });
  await h.store.accounts.rewriteDueTimes('ebay', { afterId: null, limit: 1_000 });
  expect(await show(id)).toMatchObject({
    due_at: null,
    due: { due: false, reason: 'not_asked_for' },
    status: 'ok',
  });
  const listed = await h.request(admin, 'GET', `/api/admin/accounts?status=expired&limit=200`);
  expect(JSON.stringify(listed.body)).not.toContain(credentials.client_id);
  // The API process serves the former token from memory for some seconds.
  const due = await eventually(async () => {
    expect(await token(id)).toMatchObject({ active: true });
    return (await show(id)).due_at;
  });
  expect(Date.parse(due)).toBeGreaterThan(Date.now());
}, 60_000);

it('R3.8 a refused own client concerns its account only: no circuit opens, and other accounts are served', async () => {
  const wrong = await ownClient();
  const right = await ownClient();
  const person = await h.addAccount({ provider: 'ebay', proven: true });
  h.sandbox.credentialGrants.setClient(wrong.credentials.client_id, random('changed'));
  for (let attempt = 0; attempt < 3; attempt += 1) {
    await h.request(admin, 'POST', `/api/admin/accounts/${wrong.id}/refresh`, { force: true });
  }
  expect(await show(wrong.id)).toMatchObject({
    status: 'needs_reconnect',
    last_error: { class: 'account', code: 'invalid_client' },
  });
  expect(await token(wrong.id)).toMatchObject({ active: false });
  const limiters = await h.store.limiters.list();
  for (const { state, evidence, failure } of limiters.filter(({ provider }) => provider === 'ebay'))
    expect({ state, evidence, failure }).toEqual({
      state: 'closed',
      evidence: { app: null, outage: null },
      failure: null,
    });
  expect(await token(right.id)).toMatchObject({ active: true });
  const refreshed = await h.request(admin, 'POST', `/api/admin/accounts/${person.id}/refresh`, {
    force: true,
  });
  expect(refreshed.body).toMatchObject({ outcome: 'refreshed' });
  expect(await h.account(right.id)).toMatchObject({ isProven: false });

  // New credentials are tried before they replace the current ones.
  const changed = random('secret');
  const given = { ...wrong.credentials, client_secret: changed };
  expect(await patch(wrong.id, { credentials: given })).toMatchObject({ status: 422 });
  h.sandbox.credentialGrants.setClient(wrong.credentials.client_id, changed);
  expect(await patch(wrong.id, { credentials: given })).toMatchObject({
    status: 200,
    body: { status: 'ok', last_reconnect: { outcome: 'accepted' } },
  });
  expect(await token(wrong.id)).toMatchObject({ active: true });
}, 90_000);

it('R3.8 an own client is served while the OAuth app is refused', async () => {
  const own = await ownClient();
  const people = [
    await h.addAccount({ provider: 'ebay', proven: true }),
    await h.addAccount({ provider: 'ebay', proven: true }),
  ];
  h.sandbox.setClientSecret('another secret');
  try {
    for (const { id } of people)
      await h.request(admin, 'POST', `/api/admin/accounts/${id}/refresh`, { force: true });
    expect(await token(own.id)).toMatchObject({ active: true });
  } finally {
    h.sandbox.setClientSecret(h.clientSecret);
    await h.closeCircuits();
  }
}, 60_000);

it('R3.7 a rotation of the encryption key re-encrypts credentials, which work afterwards', async () => {
  const accounts = [await ownClient(), await serviceAccount()];
  for (const { id } of accounts) await token(id);
  const started = await h.request(admin, 'POST', '/api/admin/encryption/rotate', {});
  expect(started.status).toBe(200);
  await eventually(async () => {
    const { body } = await h.request(admin, 'GET', '/api/admin/encryption/rotation');
    return body.status === 'finished' || body.progress?.finished_at;
  }, 60_000);
  for (const { id } of accounts) {
    const { current, previous } = await h.account(id);
    for (const grant of [current, previous]) expect(grant?.refreshToken).toMatch(/^ENC:v1:k2:/);
    const before = await token(id);
    await h.request(admin, 'POST', `/api/admin/accounts/${id}/refresh`, { force: true });
    await eventually(async () => (await token(id)).access_token !== before.access_token);
  }
}, 120_000);

it('R3.7 a disconnection revokes the access token, and sends no credentials to the provider', async () => {
  const { id } = await serviceAccount();
  const { access_token: accessToken } = await token(id);
  expect((await h.request(admin, 'POST', `/api/admin/accounts/${id}/disconnect`)).status).toBe(202);
  await eventually(async () => (await h.account(id)).disconnection?.finishedAt);
  const { disconnection, current } = await h.account(id);
  expect(disconnection?.tokens).toMatchObject([{ token: 'access_token', result: 'revoked' }]);
  expect(current.refreshToken).toBeNull();
  expect(h.sandbox.isAccessTokenActive(accessToken)).toBe(false);
}, 60_000);

it('R3.7 a sweep obtains the first token of a new account, and does not refresh one that no caller asks for', async () => {
  const { id } = await ownClient();
  const idle = await ownClient();
  await token(idle.id);
  const past = new Date(Date.now() - 5 * 3600_000);
  await expire(idle.id, { asked_at: past, 'current.obtained_at': new Date(Date.now() - 3600_000) });
  await h.store.accounts.rewriteDueTimes('ebay', { afterId: null, limit: 1_000 });
  const { body } = await h.request(admin, 'POST', '/api/admin/internal/refresh-tokens', {});
  for (const { workflow_id: workflowId, run_id: runId } of body.started)
    await h.client.workflow.getHandle(workflowId, runId).result();
  const swept = await eventually(async () => {
    const account = await h.account(id);
    return account.generation === 2 && account;
  });
  expect(swept.current.accessToken).toMatch(/^ENC:/);
  expect((await h.account(idle.id)).generation).toBe(2);
}, 60_000);

it('R3.7 an import stores accounts with credentials, of which several may hold the same', async () => {
  const secret = random('secret');
  const line = (externalId: string, credentials: object) =>
    JSON.stringify({
      provider: 'ebay',
      external_id: externalId,
      grant: 'client_credentials',
      credentials,
    });
  const own = { client_id: 'imported', client_secret: secret };
  const response = await h.app.request('/api/admin/accounts/import', {
    method: 'POST',
    headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/x-ndjson' },
    body: [
      line(random('one'), own),
      line(random('two'), own),
      line(random('app'), {}),
      line(random('bad'), { client_secret: secret }),
    ].join('\n'),
  });
  const text = await response.text();
  expect(text).not.toContain(secret);
  const results = text
    .trim()
    .split('\n')
    .map((one) => JSON.parse(one) as Record<string, unknown>);
  expect(results).toMatchObject([
    { result: 'created', warnings: [] },
    { result: 'created', warnings: [] },
    { result: 'created', warnings: [] },
    { result: 'refused', message: expect.stringContaining('client_id: required') },
    { summary: { created: 3, refused: 1 } },
  ]);
}, 60_000);

it('R3.7 scopes alone keep the credentials of an account, and credentials alone keep its scopes', async () => {
  const { id, credentials } = await ownClient();
  const first = await token(id);
  const scopes = ['https://api.ebay.com/oauth/api_scope/sell.inventory'];
  expect(await patch(id, { scopes })).toMatchObject({
    status: 200,
    body: { status: 'ok', own_client: true, scopes, last_reconnect: { outcome: 'accepted' } },
  });
  const second = await eventually(async () => {
    const served = await token(id);
    return served.access_token !== first.access_token && served;
  });
  expect(second).toMatchObject({ active: true, scopes });

  const changed = random('secret');
  h.sandbox.credentialGrants.setClient(credentials.client_id, changed);
  expect(
    await patch(id, { credentials: { ...credentials, client_secret: changed } }),
  ).toMatchObject({ status: 200, body: { scopes, last_reconnect: { outcome: 'accepted' } } });

  // A second change does not undo a first one that still waits to be tried.
  const next = random('secret');
  const waiting = { ...credentials, client_secret: next };
  h.sandbox.script({ subject: credentials.client_id, answer: { kind: 'unavailable' } });
  expect(await patch(id, { credentials: waiting })).toMatchObject({ status: 202 });
  h.sandbox.credentialGrants.setClient(credentials.client_id, next);
  expect(await patch(id, { scopes: [] })).toMatchObject({
    status: 200,
    body: { last_reconnect: { outcome: 'accepted' } },
  });
}, 90_000);

it('R3.7 members of another grant are refused', async () => {
  const { id } = await ownClient();
  const person = await h.addAccount({ provider: 'ebay' });
  const credentials = { client_id: 'c', client_secret: 's' };
  for (const { status, body } of [
    await patch(id, { refresh_token: 'v^1.1#token' }),
    await patch(id, { credentials: {} }),
    await patch(person.id, { credentials }),
    await create({ provider: 'ebay', external_id: random('x'), credentials }),
    await create({ provider: 'ebay', external_id: random('x'), grant: 'jwt_bearer' }),
    await create({
      provider: 'ebay',
      external_id: random('x'),
      grant: 'client_credentials',
      refresh_token: 'v^1.1#token',
    }),
  ])
    expect({ status, code: body.error?.code ?? body.code }).toEqual({
      status: 400,
      code: 'invalid_request',
    });
  const link = await h.request(admin, 'POST', `/api/admin/accounts/${id}/reconnect`, {});
  expect(link.status).toBe(409);
}, 60_000);
