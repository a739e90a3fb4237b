/**
 * No plaintext anywhere: tokens with planted markers take every path, and then every store and output is searched for
 * them, in plain text and in common encodings.
 */
import { randomBytes } from 'node:crypto';
import { Writable } from 'node:stream';
import { exportJWK, exportPKCS8, generateKeyPair } from 'jose';
import { metricsText } from '../../src/metrics/registry';
import { createLogger } from '../../src/process/logging';
import type { ScriptedAnswer } from '../../src/sandbox/scripted-answer';
import { serveApi } from '../../src/server/serve';
import { createOtlpTracer } from '../../src/tracing/otlp';
import { traceWith } from '../../src/tracing/span';
import { secretIssuer } from '../api/_jwt';
import { type Collector, startCollector } from '../support/collector';
import { engines } from '../support/engines';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';
import { hits, mongodbDump, temporalDump } from '../support/written';
import { startOpenIdProvider } from '../ui/_openid-provider';

const MARKER = `Marker${randomBytes(9).toString('hex')}`;
const CONTROL = `Control${randomBytes(9).toString('hex')}`;

let h: Harness;
let collector: Collector;
const answers: string[] = [];

const refusal = (error: string, sent: string): ScriptedAnswer => ({
  kind: 'respond',
  status: 400,
  body: JSON.stringify({
    error,
    error_description: `${sent} (${encodeURIComponent(sent)}) is no good`,
    sent,
  }),
});

beforeAll(async () => {
  collector = await startCollector();
  h = await startHarness({ providers: ['ebay', 'google'] });
});
afterAll(async () => {
  await h?.stop();
  await collector?.stop();
});

it('a planted token appears in no history of Temporal, no document of MongoDB, no log line, no metric, no trace and no response of the API', async () => {
  // The API and the worker of the harness run in this process.
  const tracer = createOtlpTracer({
    url: `${collector.url}/v1/traces`,
    service: { name: 'evergrant', version: '0' },
    logger: { info: () => undefined, warn: () => undefined },
  });
  traceWith(tracer);
  const key = await h.key();
  const request = async (method: string, path: string, body?: unknown) => {
    const answer = await h.request(key, method, path, body);
    answers.push(JSON.stringify(answer.body));
    return answer;
  };
  const refresh = (id: string) =>
    request('POST', `/api/admin/accounts/${id}/refresh`, { force: true });
  const account = () => h.addAccount({ secretMarker: MARKER, expiresInMs: 10 * 60_000 });

  // Connected through the API; refreshed by API, debug and sweep.
  const granted = h.sandbox.issueGrant({
    provider: 'ebay',
    subject: MARKER.toLowerCase(),
    secretMarker: MARKER,
  });
  const created = await request('POST', '/api/admin/accounts', {
    provider: 'ebay',
    external_id: 'leak-check',
    access_token: granted.access_token,
    refresh_token: granted.refresh_token,
    expires_at: granted.expires_at,
  });
  expect(created.status).toBe(201);
  expect(granted.refresh_token).toContain(MARKER);
  await refresh(created.body.id);
  await request('POST', '/api/admin/ebay/token/refresh-debug', { account_id: created.body.id });
  await request('PATCH', `/api/admin/accounts/${created.body.id}`, {
    refresh_token: granted.refresh_token,
  });
  await request('POST', '/api/admin/accounts', {
    provider: 'ebay',
    external_id: 'x',
    refresh_token: `ENC:${MARKER}`,
  });
  await request('POST', '/api/admin/accounts', {
    provider: 'ebay',
    refresh_token: [granted.refresh_token],
  });

  // Malformed bodies, in which a caller may put a token in place of a name that reaches the audit.
  for (const [type, text] of [
    ['application/x-www-form-urlencoded', JSON.stringify({ refresh_token: granted.refresh_token })],
    ['application/json', JSON.stringify({ [granted.refresh_token]: granted.refresh_token })],
    ['application/json', `{"refresh_token": "${granted.refresh_token}`],
    ['text/plain', granted.refresh_token],
  ] as const) {
    const refused = await h.app.request('/api/admin/accounts', {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': type },
      body: text,
    });
    expect([400, 415]).toContain(refused.status);
  }

  // Token requests: the response with the token is not kept here, but its audit record is.
  const used = await account();
  const fallback = `last-resort-${MARKER}`;
  await request('PATCH', `/api/admin/accounts/${used.id}`, { fallback_access_token: fallback });
  const uses = await h.key({ scopes: ['tokens'] });
  const own = await h.request(uses, 'GET', `/api/tokens/${used.id}?min_valid_seconds=3600`);
  expect(own.body.access_token).toContain(MARKER);
  h.sandbox.script({ subject: used.id, answer: refusal('invalid_grant', fallback) });
  await refresh(used.id);
  await eventually(async () => {
    const { body } = await h.request(uses, 'GET', `/api/tokens/${used.id}`);
    return body.access_token === fallback;
  });
  await h.tokenAccesses.flush();
  await request('GET', `/api/admin/accounts/${used.id}/token-accesses`);

  // Every failure, with a provider that echoes requests and grants.
  const faults: ((sent: string) => ScriptedAnswer)[] = [
    (sent) => refusal('invalid_grant', sent),
    (sent) => refusal('invalid_request', sent),
    (sent) => refusal(sent, sent),
    (sent) => ({
      kind: 'respond',
      status: 503,
      body: `<html>${sent}</html>`,
      headers: { 'x-debug': sent },
    }),
    (sent) => ({ kind: 'respond', status: 302, body: sent, headers: { location: `/?t=${sent}` } }),
    (sent) => ({ kind: 'respond', status: 200, body: JSON.stringify({ error: sent, hint: sent }) }),
    (sent) => ({
      kind: 'odd_success',
      body: `{"access_token":"${sent}x","refresh_token":"${sent}","expires_in":"soon"`,
    }),
    (sent) => ({
      kind: 'odd_success',
      body: JSON.stringify({
        access_token: `${sent}y`,
        token_type: sent,
        scope: sent,
        expires_in: sent,
        [sent]: sent,
      }),
    }),
    () => ({ kind: 'drop', at: 'after_commit' }),
  ];
  for (const answer of faults) {
    const { id, plain } = await account();
    h.sandbox.script({ subject: id, times: 3, answer: answer(plain.refreshToken) });
    await request('POST', '/api/admin/ebay/token/refresh-debug', { account_id: id });
    await request('GET', `/api/admin/accounts/${id}/diagnostics`);
  }
  const spoiled = await h.addAccount({ spoil: () => `v^1.1#legacy-${MARKER}` });
  await refresh(spoiled.id);
  await account();
  const swept = (await request('POST', '/api/admin/internal/refresh-tokens', {})).body.started[0];
  await h.client.workflow.getHandle(swept.workflow_id, swept.run_id).result();

  // Credentials: an own client and a signing key, accepted, refused with an echo, malformed, and entered again.
  const clientSecret = `${MARKER}-client-secret`;
  const pair = await generateKeyPair('RS256', { extractable: true });
  const privateKey = await exportPKCS8(pair.privateKey);
  const keyLines = privateKey.split('\n').filter((line) => /^[\w+/=]{40,}$/.test(line));
  h.sandbox.credentialGrants.setClient('own-client', clientSecret);
  h.sandbox.credentialGrants.setKey('robot', await exportJWK(pair.publicKey));
  for (const held of [
    {
      provider: 'ebay',
      grant: 'client_credentials',
      credentials: { client_id: 'own-client', client_secret: clientSecret },
    },
    {
      provider: 'google',
      grant: 'jwt_bearer',
      credentials: { issuer: 'robot', private_key: privateKey },
    },
  ]) {
    const robot = await request('POST', '/api/admin/accounts', { ...held, external_id: 'robot' });
    expect(robot.status).toBe(201);
    await refresh(robot.body.id);
    expect((await h.account(robot.body.id)).current.accessToken).toMatch(/^ENC:/);
    await request('POST', '/api/admin/ebay/token/refresh-debug', { account_id: robot.body.id });
    const echoed = refusal('invalid_request', `${clientSecret} ${keyLines[3]}`);
    h.sandbox.script({ subject: held.credentials.issuer ?? 'own-client', answer: echoed });
    await request('POST', '/api/admin/ebay/token/refresh-debug', { account_id: robot.body.id });
    await request('PATCH', `/api/admin/accounts/${robot.body.id}`, {
      credentials: held.credentials,
    });
    await request('PATCH', `/api/admin/accounts/${robot.body.id}`, {
      credentials: { ...held.credentials, [clientSecret]: privateKey },
    });
    await request('GET', `/api/admin/accounts/${robot.body.id}/diagnostics`);
  }

  // Reconnects: with a refused token, with an accepted one, and with one that waits.
  await h.closeCircuits();
  const { id: again } = await account();
  const consent = (subject: string) =>
    h.sandbox.issueGrant({ provider: 'ebay', subject, secretMarker: MARKER }).refresh_token;
  const reconnect = (refresh_token: string) =>
    request('PATCH', `/api/admin/accounts/${again}`, { refresh_token });
  expect(await reconnect(`v^1.1#wrong-${MARKER}`)).toMatchObject({ status: 422 });
  expect(await reconnect(consent('accepted'))).toMatchObject({ status: 200 });
  const drop: ScriptedAnswer = { kind: 'drop', at: 'before_commit' };
  h.sandbox.script({ subject: 'waiting', times: Infinity, answer: drop });
  expect(await reconnect(consent('waiting'))).toMatchObject({ status: 202 });

  // Disconnections: with a provider that echoes the token in its refusal, and with one that revokes it.
  for (const isRefused of [true, false]) {
    const leaving = await h.addAccount({ provider: 'google', secretMarker: MARKER });
    const { id, plain } = leaving;
    const answer = refusal('invalid_request', plain.refreshToken);
    if (isRefused) h.sandbox.script({ subject: id, request: 'revocation', times: 2, answer });
    expect(await request('POST', `/api/admin/accounts/${id}/disconnect`)).toMatchObject({
      status: 202,
    });
    const ended = await h.client.workflow.getHandle(`disconnect/${id}`).result();
    const result = isRefused ? 'refused' : 'revoked';
    expect(ended).toMatchObject({ results: [result, result] });
    await request('GET', `/api/admin/accounts/${id}/disconnect`);
  }
  await request('GET', '/api/admin/accounts');
  await request('GET', '/api/admin/ebay/tokens/terminal-logs?limit=500');
  await request('GET', '/api/admin/keys');
  await request('GET', '/openapi.json');

  // Controls: the search must find what was planted on purpose, or finding nothing would mean nothing.
  await h.client.workflow.start('sweepWorkflow', {
    taskQueue: 'nobody-listens',
    workflowId: `control-${CONTROL}`,
    args: [{ provider: CONTROL }],
    memo: { hidden: Buffer.from(CONTROL).toString('base64') },
  });
  await eventually(async () => hits(await temporalDump(h.client), [CONTROL]).length >= 2);

  const secrets = [
    MARKER,
    h.clientSecret,
    h.encryptionKeys.slice(3, -1),
    key.slice(-43),
    ...keyLines,
  ];
  expect(hits(await temporalDump(h.client), secrets)).toEqual([]);
  expect(h.logs.filter((line) => hits(line, secrets).length > 0)).toEqual([]);
  expect(answers.filter((answer) => hits(answer, secrets).length > 0)).toEqual([]);
  // The API and the worker of the harness run in this process.
  const metrics = await metricsText();
  expect(metrics).toContain('evergrant_provider_requests_total{');
  expect(hits(metrics, [...secrets, MARKER.toLowerCase()])).toEqual([]);
  traceWith(null);
  await tracer.stop();
  const exported = Buffer.concat(collector.bytes).toString('latin1');
  for (const failure of ['invalid_grant', 'AnswerLostError', '127.0.0.1', 'refresh request'])
    expect(exported).toContain(failure);
  expect(hits(exported, [...secrets, MARKER.toLowerCase()])).toEqual([]);
  const dump = await mongodbDump(h.mongodbUri);
  expect(dump).toContain('ENC:v1:k1:');
  expect(dump).toContain('"source":"fallback"');
  expect(dump).toMatch(/"candidate":\{.*"replaced":\{/);
  // The legacy row is the only plaintext, written by the test itself.
  expect(hits(dump.replaceAll(`v^1.1#legacy-${MARKER}`, ''), secrets)).toEqual([]);
  expect(h.logs.length).toBeGreaterThan(20);
  expect(answers.length).toBeGreaterThan(20);
}, 120_000);

it('a session secret, an ID token and a logout token appear in no document, log line, audit entry or response', async () => {
  const marker = `Person${randomBytes(9).toString('hex')}`;
  const provider = await startOpenIdProvider({ organisation: { fixed: 'default' } });
  const issuer = secretIssuer();
  const logged: string[] = [];
  const api = await serveApi({
    config: { ...h.config, oidc: provider.config, jwt: issuer.config },
    temporal: { address: engines.temporalAddress },
    store: h.store,
    vault: h.vault,
    logger: createLogger('debug', intoLines(logged)),
    port: 0,
  });
  const said: string[] = [];
  const secrets = [marker, provider.config.clientSecret?.reveal() ?? ''];
  const ids: string[] = [];
  const ask = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const answer = await fetch(`${api.url}${path}`, { redirect: 'manual', ...init });
    said.push(await answer.text());
    return answer;
  };
  const post = (path: string, form: Record<string, string>, cookie = '') =>
    ask(path, {
      method: 'POST',
      headers: { 'sec-fetch-site': 'same-origin', cookie },
      body: new URLSearchParams(form),
    });
  /** Records the secret of the new session's cookie, to search for it. */
  const cookieOf = (answer: Response): string => {
    const [cookie = ''] = answer.headers
      .getSetCookie()
      .map((line) => line.split(';', 1)[0] ?? '')
      .filter((line) => line.startsWith('evergrant_session='));
    const [, id = 'none', secret = 'none'] = /=(ses_[0-9a-f]{16})_(.{43})$/.exec(cookie) ?? [];
    ids.push(id);
    secrets.push(secret);
    return cookie;
  };
  const throughProvider = async (idToken: typeof provider.idToken): Promise<Response> => {
    provider.idToken = idToken;
    const away = await ask('/sign-in/oidc');
    const state = provider.remember(away.headers.get('location') ?? '').get('state');
    const cookie = away.headers.getSetCookie()[0]?.split(';', 1)[0] ?? '';
    return ask(`/sign-in/oidc/callback?code=${marker}&state=${state}`, { headers: { cookie } });
  };
  try {
    const other = (await generateKeyPair('RS256')).privateKey;
    const claims = { sub: 'alma', name: marker };
    const cookies = [
      cookieOf(await post('/sign-in', { key: await h.key() })),
      cookieOf(
        await post('/sign-in', {
          key: await issuer.sign({ ...claims, organisation: 'default', scope: 'admin' }),
        }),
      ),
      cookieOf(await throughProvider((right) => provider.sign({ ...right, ...claims }))),
    ];
    expect(ids).not.toContain('none');
    for (const cookie of cookies)
      expect((await ask('/admin/accounts', { headers: { cookie } })).status).toBe(200);

    // Refused credentials are repeated nowhere either.
    await post('/sign-in', { key: `${await issuer.sign(claims)}x` });
    await throughProvider((right) => provider.sign({ ...right, ...claims }, { key: other }));
    await throughProvider((right) => provider.sign({ ...right, sub: `\0${marker}` }));
    await throughProvider(() => marker);
    for (const token of [
      await provider.sign({ ...claims, events: marker }, { key: other }),
      await provider.logoutToken({ ...claims, events: { [marker]: {} } }),
      await provider.logoutToken({ ...claims, sid: [marker] }),
      marker,
    ])
      expect(
        (await post('/sign-in/oidc/back-channel-logout', { logout_token: token })).status,
      ).toBe(400);
    const headers = { authorization: `Bearer ${await h.key()}` };
    await ask('/api/admin/sessions', { headers });
    expect(hits(said.at(-1) ?? '', ids)).toHaveLength(ids.length);
    const before = await mongodbDump(h.mongodbUri);
    expect(hits(before, ids).length).toBeGreaterThanOrEqual(ids.length);
    const good = await provider.logoutToken(claims);
    expect((await post('/sign-in/oidc/back-channel-logout', { logout_token: good })).status).toBe(
      200,
    );
    await post('/sign-out', {}, cookies[0]);
    await ask('/api/admin/audit?limit=500', { headers });
    expect(said.at(-1)).toContain('back-channel logout');

    for (const text of [before, await mongodbDump(h.mongodbUri), ...said, ...logged])
      expect(hits(text, secrets)).toEqual([]);
    expect(logged.join('')).toContain('logout token refused');
  } finally {
    await api.stop();
    await provider.stop();
  }
});

function intoLines(lines: string[]): Writable {
  return new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
}
