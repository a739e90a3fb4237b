/**
 * Webhooks from end to end: a state changes, an event is raised, a workflow delivers it, and a receiver checks it with
 * the library of Standard Webhooks.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import getPort from 'get-port';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { appEvent, tokenRefreshedEvent } from '../../src/domain/events/event';
import { type Api, expectError, startApi } from '../api/_api';
import { eventually } from '../support/eventually';
import { type Received, type Receiver, startReceiver, status } from './_receiver';

let api: Api;
let receiver: Receiver;
beforeAll(async () => {
  receiver = await startReceiver();
  api = await startApi({
    delivery: { pausesMs: [100, 100, 100], timeoutMs: 50_000, holdFirstMs: 1, holdMaxMs: 50 },
  });
});
afterAll(async () => {
  await api?.stop();
  await receiver?.stop();
});
beforeEach(() => {
  receiver.reply = status(204);
});

/** A new organisation with one webhook at a unique path. */
async function organisation(body: object = {}) {
  const name = `org-${randomUUID().slice(0, 8)}`;
  const key = await api.key(['admin'], name);
  const path = `/${randomUUID()}`;
  const send = (method: string, at: string, given?: object) =>
    api.send(method, at, { key, ...(given === undefined ? {} : { body: given }) });
  const created = await send('POST', '/api/admin/webhooks', { url: receiver.url(path), ...body });
  expect(created.status).toBe(201);
  const { secret, ...webhook } = created.body;
  const at = `/api/admin/webhooks/${webhook.id}`;
  return {
    name,
    key,
    path,
    secret: secret as string,
    webhook,
    send,
    at,
    received: () => receiver.at(path),
    arrived: (count = 1) =>
      eventually(() => receiver.at(path).length >= count && receiver.at(path)),
    deliveries: async () => (await send('GET', `${at}/deliveries`)).body.items as any[],
    now: async () => (await send('GET', at)).body,
    /** Without those of OAuth apps, which all organisations share. */
    events: async () =>
      ((await send('GET', '/api/admin/events')).body.items as any[]).filter(
        ({ type }) => !type.startsWith('app.'),
      ),
    refresh: (accountId: string) =>
      send('POST', `/api/admin/accounts/${accountId}/refresh`, { force: true }),
    async revoked() {
      const account = await api.addAccount({ organisation: name });
      api.sandbox.revoke(account.plain.refreshToken);
      await send('POST', `/api/admin/accounts/${account.id}/refresh`, {});
      return account;
    },
  };
}

const verified = (secret: string, { body, headers }: Received): any =>
  new Webhook(secret).verify(body, headers);

const only = <T>(items: readonly T[]): T => {
  expect(items).toHaveLength(1);
  return items[0] as T;
};

it('R3.6 an account that needs a reconnect, and its recovery, each cause one small signed delivery', async () => {
  const org = await organisation();
  expect(org.secret).toMatch(/^whsec_/);
  expect(Buffer.from(org.secret.slice(6), 'base64')).toHaveLength(32);
  const account = await org.revoked();
  const first = only(await org.arrived());
  expect(verified(org.secret, first)).toEqual({
    type: 'account.needs_reconnect',
    timestamp: expect.stringMatching(/Z$/),
    data: {
      account_id: account.id,
      label: account.label,
      provider: 'ebay',
      environment: 'production',
      status: 'needs_reconnect',
      reason: 'invalid_grant',
    },
  });
  // Refused again: nothing has changed.
  await org.refresh(account.id);
  const { refresh_token } = api.consent(account.id);
  await org.send('PATCH', `/api/admin/accounts/${account.id}`, { refresh_token });
  const [, second] = await org.arrived(2);
  expect(verified(org.secret, second as Received)).toMatchObject({
    type: 'account.recovered',
    data: { account_id: account.id, reason: 'reconnected' },
  });
  expect(org.received()).toHaveLength(2);
  expect((await org.events()).map(({ type }) => type)).toEqual([
    'account.recovered',
    'account.needs_reconnect',
  ]);
  expect(await eventually(async () => (await org.deliveries()).every((d) => d.finished_at))).toBe(
    true,
  );
  expect(await org.deliveries()).toEqual(
    [second, first].map((one) =>
      expect.objectContaining({
        event_id: one?.headers['webhook-id'],
        state: 'delivered',
        attempts: [expect.objectContaining({ status: 204, error: null })],
        next_try_at: null,
      }),
    ),
  );
});

it('token.refreshed goes only to endpoints that subscribed to it', async () => {
  const asked = await organisation({ event_types: ['token.refreshed'] });
  const others = await organisation();
  for (const org of [asked, others]) {
    const { id } = await api.addAccount({ organisation: org.name });
    expect((await org.refresh(id)).body).toMatchObject({ outcome: 'refreshed' });
  }
  const told = verified(asked.secret, only(await asked.arrived()));
  expect(told).toMatchObject({ type: 'token.refreshed', data: { expires_at: expect.any(String) } });
  expect(await others.events()).toEqual([]);
});

it('a warning about the expiry of a refresh token states the remaining days', async () => {
  const org = await organisation({ event_types: ['refresh_token.expiring'] });
  const account = await api.addAccount({ organisation: org.name });
  const endsAt = new Date(Date.now() + 6.5 * 24 * 3600_000).toISOString();
  const read = await api.harness.account(account.id);
  const ending = { ...read, current: { ...read.current, refreshTokenExpiresAt: endsAt } };
  expect(await api.store.refreshTokenWarnings.mark(ending, 7, new Date())).toBe(true);
  expect(verified(org.secret, only(await org.arrived()))).toMatchObject({
    type: 'refresh_token.expiring',
    data: { account_id: account.id, expires_at: endsAt, days_left: 7 },
  });
});

it('each incident of an OAuth app is delivered once to every subscribed organisation', async () => {
  const [one, two] = [await organisation(), await organisation()];
  const deaf = await organisation({ event_types: ['account.recovered'] });
  const since = new Date();
  const incident = () =>
    api.store.events.raise(
      appEvent(
        { provider: 'ebay', environment: 'production', since, at: new Date() },
        { type: 'app.incident', reason: 'invalid_client', detail: null },
      ),
    );
  await Promise.all([incident(), incident()]);
  for (const org of [one, two]) {
    expect(verified(org.secret, only(await org.arrived()))).toEqual({
      type: 'app.incident',
      timestamp: expect.any(String),
      data: {
        provider: 'ebay',
        environment: 'production',
        since: since.toISOString(),
        reason: 'invalid_client',
        detail: null,
      },
    });
  }
  await incident();
  expect((await deaf.send('GET', '/api/admin/events?type=app.incident')).body.items).toHaveLength(
    1,
  );
  expect(deaf.received()).toEqual([]);
});

it('F28 a delivery is retried with the same id and a new time until the receiver accepts it', async () => {
  const org = await organisation();
  const answers = [500, 302, 429].values();
  const target = await organisation({ event_types: ['account.recovered'] });
  receiver.reply = (response, { path }) => {
    const code = path === org.path ? (answers.next().value ?? 200) : 204;
    response.writeHead(code, { location: receiver.url(target.path), 'retry-after': '1' }).end();
  };
  await org.revoked();
  const tries = await org.arrived(4);
  expect(new Set(tries.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  expect(new Set(tries.map(({ body }) => body)).size).toBe(1);
  for (const one of tries) verified(org.secret, one);
  const [first, , third, fourth] = tries as [Received, Received, Received, Received];
  expect(Number(fourth.headers['webhook-timestamp'])).toBeGreaterThan(
    Number(first.headers['webhook-timestamp']),
  );
  // It asked for a second, where a tenth was the schedule's.
  expect(fourth.at - third.at).toBeGreaterThanOrEqual(1_000);
  const delivery = await eventually(async () => {
    const [found] = await org.deliveries();
    return found?.state === 'delivered' && found;
  });
  expect(delivery.attempts.map((one: any) => one.status)).toEqual([500, 302, 429, 200]);
  // The redirect was not followed.
  expect(target.received()).toEqual([]);
});

it('F28 a dead endpoint is disabled with an event after the last attempt, and gets no more requests', async () => {
  const org = await organisation();
  receiver.reply = (response, { path }) =>
    void response.writeHead(path === org.path ? 500 : 204).end();
  await org.revoked();
  const disabled = await eventually(async () => {
    const now = await org.now();
    return now.state === 'disabled' && now;
  });
  expect(disabled.state_reason).toMatch(/accepted no delivery/);
  expect(org.received()).toHaveLength(4);
  const events = await eventually(async () => {
    const found = await org.events();
    return found.length === 2 && found;
  });
  expect(events[0]).toMatchObject({
    type: 'webhook_endpoint.disabled',
    data: { webhook_id: org.webhook.id, reason: 'no_success' },
  });
  // Later events are not sent to it, but the API lists them.
  await org.revoked();
  await eventually(async () => (await org.events()).length === 3);
  expect(org.received()).toHaveLength(4);
  const [delivery] = await org.deliveries();
  expect(delivery).toMatchObject({ state: 'failed', next_try_at: null });
  const path = `/api/admin/webhooks/deliveries/${delivery.id}/replay`;
  expectError(await org.send('POST', path), 409, 'conflict');
  // Enabled again, what was not delivered is replayed under its old id.
  receiver.reply = status(200);
  expect((await org.send('POST', `${org.at}/enable`)).body).toMatchObject({ state: 'enabled' });
  expect((await org.send('POST', path)).body).toMatchObject({ state: 'pending' });
  const replayed = (await org.arrived(5)).at(-1) as Received;
  expect(replayed.headers['webhook-id']).toBe(delivery.event_id);
  verified(org.secret, replayed);
});

it('F28 an endpoint that answers 410 is disabled at once, and its pending deliveries are skipped', async () => {
  const org = await organisation();
  // The first waits for its second try; the second one is refused for good.
  let answer = 503;
  receiver.reply = (response) => void response.writeHead(answer, { 'retry-after': '60' }).end();
  await org.revoked();
  await eventually(async () => (await org.deliveries())[0]?.attempts.length === 1);
  answer = 410;
  await org.send('PATCH', org.at, { url: receiver.url(org.path) });
  await org.revoked();
  await eventually(async () => (await org.now()).state === 'disabled');
  expect((await org.now()).state_reason).toMatch(/410/);
  const states = async () => (await org.deliveries()).map(({ state }) => state);
  await eventually(async () => (await states()).every((state) => state !== 'pending'));
  expect(await states()).toEqual(['failed', 'skipped']);
  expect(org.received()).toHaveLength(2);
});

it('F29 a delivery is signed with the old and the new secret during a rotation, and only with the new one afterwards', async () => {
  const org = await organisation();
  const rotate = (body: object) => org.send('POST', `${org.at}/rotate-secret`, body);
  const test = () => org.send('POST', `${org.at}/test`);
  const rotated = (await rotate({})).body;
  expect(rotated.secret).not.toBe(org.secret);
  expect(rotated.secrets).toHaveLength(2);
  expect((await test()).body).toMatchObject({ state: 'delivered', event_type: 'webhook.test' });
  const both = only(org.received());
  expect(verified(org.secret, both)).toEqual(verified(rotated.secret, both));
  const newest = (await rotate({ overlap_seconds: 0 })).body;
  expect(newest.secrets).toHaveLength(1);
  await test();
  const last = org.received()[1] as Received;
  verified(newest.secret, last);
  for (const old of [org.secret, rotated.secret])
    expect(() => verified(old, last)).toThrow(WebhookVerificationError);
  const tampered = { ...last, body: last.body.replace('test', 'tess') };
  expect(() => verified(newest.secret, tampered)).toThrow(WebhookVerificationError);
  const later = { ...last.headers, 'webhook-timestamp': String(Date.now()) };
  expect(() => verified(newest.secret, { ...last, headers: later })).toThrow(
    WebhookVerificationError,
  );
});

it('F28 hanging receivers in every worker slot delay no refresh', async () => {
  const hanging = await organisation({ event_types: ['token.refreshed'] });
  const held: ServerResponse[] = [];
  receiver.reply = (response, { path }) => {
    if (path === hanging.path) held.push(response);
    else response.writeHead(204).end();
  };
  const account = await api.addAccount({ organisation: hanging.name });
  const events = Array.from({ length: 30 }, (_, at) =>
    tokenRefreshedEvent(account, null, new Date(Date.now() + at)),
  );
  await Promise.all(events.map((event) => api.store.events.raise(event)));
  // As many as are sent at once.
  await eventually(() => held.length === 20);
  for (let round = 0; round < 5; round += 1) {
    const { id } = await api.addAccount({ organisation: hanging.name });
    expect((await hanging.refresh(id)).body).toMatchObject({ outcome: 'refreshed' });
  }
  // All receivers still hang, so the refreshes waited for none of them.
  expect(held).toHaveLength(20);
  expect(held.every((response) => !response.destroyed)).toBe(true);
  await hanging.send('POST', `${hanging.at}/disable`);
  for (const response of held) response.writeHead(204).end();
  await eventually(async () => {
    const { body } = await hanging.send('GET', `${hanging.at}/deliveries?state=pending`);
    return body.items.length === 0;
  });
});

it('the status decides if a receiver never ends its body', async () => {
  const org = await organisation();
  // More than is read of any answer.
  receiver.reply = (response) => void response.writeHead(200).write('x'.repeat(64 * 1024));
  const { body } = await org.send('POST', `${org.at}/test`);
  expect(body).toMatchObject({ state: 'delivered', attempts: [{ status: 200, error: null }] });
});

it('a disabled, a removed and a foreign webhook answer with their status', async () => {
  const [mine, theirs] = [await organisation(), await organisation()];
  const absent = '/api/admin/webhooks/whk_absent';
  for (const [method, rest, body] of [
    ['GET', ''],
    ['PATCH', '', {}],
    ['DELETE', ''],
    ['POST', '/enable'],
    ['POST', '/disable'],
    ['POST', '/rotate-secret', {}],
    ['POST', '/test'],
    ['GET', '/deliveries'],
  ] as const) {
    for (const place of [absent, theirs.at])
      expectError(await mine.send(method, `${place}${rest}`, body), 404, 'not_found');
  }
  await theirs.send('POST', `${theirs.at}/test`);
  const [{ id }] = (await theirs.deliveries()) as [any];
  for (const delivery of ['dlv_absent', id]) {
    const replay = `/api/admin/webhooks/deliveries/${delivery}/replay`;
    expectError(await mine.send('POST', replay), 404, 'not_found');
  }
  expect((await theirs.now()).state).toBe('enabled');
  expect((await theirs.send('DELETE', theirs.at)).status).toBe(204);
  const replay = `/api/admin/webhooks/deliveries/${id}/replay`;
  expectError(await theirs.send('POST', replay), 409, 'conflict');
});

it('a secret is shown once and stored encrypted, and neither it nor the URL is in log and audit', async () => {
  const org = await organisation();
  await org.revoked();
  await org.arrived();
  for (const path of ['/api/admin/webhooks', org.at, `${org.at}/deliveries`, '/api/admin/events'])
    expect((await org.send('GET', path)).text).not.toContain(org.secret.slice(6));
  const stored = await api.store.webhookEndpoints.find(org.name, org.webhook.id);
  expect(stored?.secrets[0]?.sealed).toMatch(/^ENC:v1:/);
  const said = api.logs.join('');
  expect(said).not.toContain(org.secret.slice(6));
  expect(said).not.toContain(org.path);
  const rotated = (await org.send('POST', `${org.at}/rotate-secret`, { overlap_seconds: 60 })).body;
  const audit = await org.send('GET', '/api/admin/audit');
  for (const secret of [org.secret, rotated.secret])
    expect(audit.text).not.toContain(secret.slice(6));
  expect(audit.text).not.toContain(org.path);
  const asked = audit.body.items.map((entry: any) => entry.details);
  expect(asked).toContainEqual(expect.objectContaining({ made: org.webhook.id }));
  expect(asked).toContainEqual(
    expect.objectContaining({ path: `${org.at}/rotate-secret`, overlap_seconds: 60 }),
  );
});

it('an address that is not public is refused unless the operator allows it', async () => {
  const key = await api.key(['admin']);
  const strict = api.with({ webhooks: { allowPrivateAddresses: false } });
  for (const url of ['http://127.0.0.1:9999/x', 'https://169.254.169.254/', 'https://localhost/']) {
    const answer = await strict('POST', '/api/admin/webhooks', { key, body: { url } });
    expectError(answer, 400, 'invalid_request');
    expect(answer.body.error.message).toMatch(/^url: must/);
  }
  expectError(
    await api.post('/api/admin/webhooks', { url: 'http://169.254.169.254/' }),
    400,
    'invalid_request',
  );
});

it('the receiver of docs/webhooks.md verifies its deliveries and refuses forged ones', async () => {
  const guide = readFileSync(join(__dirname, '..', '..', 'docs', 'webhooks.md'), 'utf8');
  const code = /```js\n(.*?)```/s.exec(guide)?.[1] ?? '';
  const port = await getPort();
  const url = `http://127.0.0.1:${port}/`;
  const org = await organisation({ url });
  const child = spawn(process.execPath, ['-e', code.replace('8080', String(port))], {
    cwd: join(__dirname, '..', '..'),
    env: { PATH: process.env['PATH'], WEBHOOK_SECRET: org.secret },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  try {
    const forged = await eventually(() => fetch(url, { method: 'POST', body: '{}' }));
    expect(forged.status).toBe(400);
    const { body } = await org.send('POST', `${org.at}/test`);
    expect(body).toMatchObject({ state: 'delivered', attempts: [{ status: 204 }] });
    await eventually(() => said.includes(body.event_id) && said.includes('webhook.test'));
  } finally {
    child.kill();
  }
});

it('a key with the scope read sees events, and no webhooks', async () => {
  const key = await api.key(['read']);
  expect((await api.send('GET', '/api/admin/events', { key })).status).toBe(200);
  expectError(await api.send('GET', '/api/admin/webhooks', { key }), 403, 'forbidden');
  expectError(
    await api.send('POST', '/api/admin/webhooks', { key, body: { url: receiver.url() } }),
    403,
    'forbidden',
  );
});
