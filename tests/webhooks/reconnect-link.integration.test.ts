/** C23: a webhook that asks for it gets a reconnect link with `account.needs_reconnect`. */
import { randomUUID } from 'node:crypto';
import mongoose from 'mongoose';
import { Webhook } from 'standardwebhooks';
import { type Api, expectError, type Send, startApi } from '../api/_api';
import { eventually } from '../support/eventually';
import { type Receiver, startReceiver, status } from './_receiver';

const publicUrl = new URL('https://evergrant.example.com');

let api: Api;
let receiver: Receiver;
let send: Send;
beforeAll(async () => {
  receiver = await startReceiver();
  api = await startApi({
    worker: false,
    delivery: { pausesMs: [100, 100, 100], timeoutMs: 50_000, holdFirstMs: 1, holdMaxMs: 50 },
  });
  const { config, store } = api.harness;
  await api.harness.startWorker({ config: { ...config, publicUrl }, store });
  send = api.with({ publicUrl });
});
afterAll(async () => {
  await api?.stop();
  await receiver?.stop();
});

async function organisation(body: object) {
  const name = `org-${randomUUID().slice(0, 8)}`;
  const key = await api.key(['admin'], name);
  const path = `/${randomUUID()}`;
  const created = await send('POST', '/api/admin/webhooks', {
    key,
    body: { url: receiver.url(path), event_types: ['account.needs_reconnect'], ...body },
  });
  expect(created.status).toBe(201);
  const { secret, ...webhook } = created.body;
  return {
    name,
    key,
    webhook,
    async revoked() {
      const account = await api.addAccount({ organisation: name });
      api.sandbox.revoke(account.plain.refreshToken);
      await send('POST', `/api/admin/accounts/${account.id}/refresh`, { key, body: {} });
      return account;
    },
    arrived: async (count = 1) => {
      const all = await eventually(() => receiver.at(path).length >= count && receiver.at(path));
      return all.map((one) => new Webhook(secret).verify(one.body, one.headers) as any);
    },
  };
}

const open = (link: string) => send('GET', new URL(link).pathname, { key: null });

it('C23 delivers a link that works, and keeps it in no document, event or log line', async () => {
  receiver.reply = status(204);
  const org = await organisation({ include_reconnect_link: true });
  expect(org.webhook).toMatchObject({ include_reconnect_link: true });
  const account = await org.revoked();
  const [{ data }] = await org.arrived();
  expect(data).toMatchObject({
    account_id: account.id,
    reconnect_url: expect.stringMatching(/^https:\/\/evergrant\.example\.com\/connect\/[\w-]{43}$/),
    reconnect_url_expires_at: expect.stringMatching(/Z$/),
  });
  expect((await open(data.reconnect_url)).text).toContain(account.label);
  const token = new URL(data.reconnect_url).pathname.slice('/connect/'.length);
  const events = await send('GET', '/api/admin/events', { key: org.key });
  expect(events.text).toContain(account.id);
  const database = await mongoose.createConnection(api.harness.mongodbUri).asPromise();
  const kept = [events.text, ...api.logs];
  // oxlint-disable-next-line no-await-in-loop
  for (const { name } of await database.listCollections())
    kept.push(JSON.stringify(await database.collection(name).find().toArray()));
  await database.close();
  expect(kept.filter((text) => text.includes(token))).toEqual([]);
});

it('C23 revokes the link of an attempt that the receiver does not accept, and sends another one', async () => {
  receiver.reply = status(500);
  const org = await organisation({ include_reconnect_link: true });
  await org.revoked();
  const [first] = await org.arrived();
  receiver.reply = status(204);
  const links = await eventually(async () => {
    const all = await org.arrived(2);
    const last = all.at(-1).data.reconnect_url;
    return (await open(last)).status === 200 && all.map((one) => one.data.reconnect_url);
  });
  expect(new Set(links).size).toBe(links.length);
  expect((await open(first.data.reconnect_url)).status).toBe(410);
});

it('C23 sends no link to a webhook that does not ask for it', async () => {
  receiver.reply = status(204);
  const org = await organisation({});
  await org.revoked();
  const [{ data }] = await org.arrived();
  expect(Object.keys(data)).not.toContain('reconnect_url');
});

it('C23 refuses the option without PUBLIC_URL', async () => {
  const body = { url: receiver.url('/x'), include_reconnect_link: true };
  expectError(await api.post('/api/admin/webhooks', body), 409, 'conflict');
});
