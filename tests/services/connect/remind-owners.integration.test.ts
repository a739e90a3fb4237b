/** C22: reminders to owners, sent to a real SMTP server. */
import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import mongoose, { type Connection } from 'mongoose';
import { SMTPServer, type SMTPServerSession } from 'smtp-server';
import { AccountState } from '../../../src/domain/account/account';
import { Secret } from '../../../src/domain/masking/secret';
import { createMailClient } from '../../../src/outbound/mail';
import { ConfiguredProviders } from '../../../src/providers/config/configured-providers';
import { type RemindDependencies, remindOwners } from '../../../src/services/connect/remind-owners';
import { type Api, expectError, type Send, startApi } from '../../api/_api';
import { connectSettings } from '../../support/connect-settings';

const DAY_MS = 24 * 3600_000;

interface Received {
  to: string[];
  raw: string;
}

let api: Api;
let database: Connection;
let send: Send;
let smtp: SMTPServer;
let smtpUrl: string;
const received: Received[] = [];
let refusal: { status: number; at: 'recipient' | 'data' } | null;
let isCut = false;

const failure = (status: number) => Object.assign(new Error('refused'), { responseCode: status });
const recipients = ({ envelope }: SMTPServerSession) =>
  envelope.rcptTo.map(({ address }) => address);

beforeAll(async () => {
  api = await startApi({ worker: false });
  database = await mongoose.createConnection(api.harness.mongodbUri).asPromise();
  send = api.with({ publicUrl: new URL('http://127.0.0.1') });
  smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    onRcptTo: (_address, _session, done) =>
      done(refusal?.at === 'recipient' ? failure(refusal.status) : null),
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        if (isCut) {
          smtp.connections.forEach((connection) => connection.close());
          return;
        }
        if (refusal !== null) return done(failure(refusal.status));
        received.push({ to: recipients(session), raw: Buffer.concat(chunks).toString() });
        done();
      });
    },
  });
  await new Promise<void>((resolve) => smtp.listen(0, '127.0.0.1', () => resolve()));
  const { port } = smtp.server.address() as AddressInfo;
  smtpUrl = `smtp://127.0.0.1:${port}`;
});
afterAll(async () => {
  await new Promise<void>((resolve) => smtp.close(() => resolve()));
  await database.close();
  await api.stop();
});
beforeEach(async () => {
  received.length = 0;
  refusal = null;
  isCut = false;
  await database.collection('accounts').deleteMany({});
});

/** One pass of a worker, a number of days from now. */
function pass(days = 0, overrides: Partial<RemindDependencies> = {}) {
  const { store, vault, config } = api.harness;
  return remindOwners(
    {
      store,
      vault,
      providers: new ConfiguredProviders(config.providers),
      consent: { rulesOf: ({ consent }) => consent },
      connectSettings: connectSettings(store, { organisationName: 'Acme' }),
      now: () => new Date(Date.now() + days * DAY_MS),
      mail: createMailClient({ smtpUrl: new Secret(smtpUrl), from: 'Acme <accounts@example.com>' }),
      publicUrl: new URL('http://127.0.0.1'),
      logger: {
        info: () => undefined,
        warn: () => undefined,
      } as unknown as RemindDependencies['logger'],
      ...overrides,
    },
    new AbortController().signal,
  );
}

const newAddress = () => `owner.${randomUUID()}@example.com`;

async function broken(address: string, members: object = {}) {
  const account = await api.connect({ owner_email: address, ...members });
  const patch = { state: AccountState.needsReconnect, stateReason: 'Refused.' };
  await api.store.accounts.patch(api.organisation, account.id, patch, new Date());
  return account;
}

/** The body of a message with its soft line breaks undone. */
const textOf = ({ raw }: Received) =>
  raw
    .replaceAll('=\r\n', '')
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
const linksOf = (mail: Received | undefined) => [
  ...new Set(
    (mail === undefined ? '' : textOf(mail)).match(/http:\/\/127\.0\.0\.1\/connect\/[\w-]{43}\b/g),
  ),
];
const unsubscribePath = (mail: Received | undefined) =>
  /\/connect\/unsubscribe\/[\w-]+\.[\w-]+/.exec(mail === undefined ? '' : textOf(mail))?.[0] ?? '';

it('C25 has the name, the logo and the language of the organisation', async () => {
  const settings = {
    organisationName: 'Harbour Books',
    logoUrl: 'https://cdn.books.example/logo.png',
    language: 'de',
  } as const;
  await api.store.connectSettings.change(api.organisation, settings, new Date());
  await broken(newAddress());
  expect(await pass()).toEqual({ sent: 1 });
  const text = received[0] === undefined ? '' : textOf(received[0]);
  expect(text).toContain('<html lang="de">');
  expect(text).toContain('src="https://cdn.books.example/logo.png"');
  expect(text).toContain('Harbour Books hat den Zugriff');
  expect(text).not.toContain('Acme hat');
  const unsubscribe = await send('GET', unsubscribePath(received[0]), { key: null });
  expect(unsubscribe.text).toContain('src="https://cdn.books.example/logo.png"');
  const reset = { organisationName: null, logoUrl: null, language: null };
  await api.store.connectSettings.change(api.organisation, reset, new Date());
});

it('C22 sends one message with a working link for each account of the owner', async () => {
  const address = newAddress();
  const accounts = [
    await broken(address, { label: 'Books' }),
    await broken(address, { label: 'Tea' }),
  ];
  await api.connect({ owner_email: newAddress() });
  expect(await pass()).toEqual({ sent: 1 });
  expect(received).toHaveLength(1);
  const [mail] = received;
  expect(mail?.to).toEqual([address]);
  for (const part of [
    'From: Acme <accounts@example.com>',
    'Subject: Please reconnect your account to Acme',
    'List-Unsubscribe-Post: List-Unsubscribe=One-Click',
    'Content-Type: text/plain',
    'Content-Type: text/html',
  ])
    expect(mail?.raw).toContain(part);
  const links = linksOf(mail);
  expect(links).toHaveLength(accounts.length);
  for (const link of links) {
    // oxlint-disable-next-line no-await-in-loop
    const page = await send('GET', new URL(link).pathname, { key: null });
    expect(page.status).toBe(200);
  }
});

it('C22 sends at once, after 3 and after 7 days, and then no more', async () => {
  await broken(newAddress());
  const sent = [];
  // oxlint-disable-next-line no-await-in-loop -- one pass after the other
  for (const days of [0, 0.5, 1.1, 2.9, 3, 3.5, 4.5, 7, 8.5, 20])
    if ((await pass(days)).sent === 1) sent.push(days);
  expect(sent).toEqual([0, 3, 7]);
});

it('C22 sends at most one message a day to an address, whatever its accounts do', async () => {
  const address = newAddress();
  await broken(address);
  expect(await pass()).toEqual({ sent: 1 });
  await broken(address);
  expect(await pass(0.9)).toEqual({ sent: 0 });
  expect(await pass(1.1)).toEqual({ sent: 1 });
});

it('C22 sends one message if several workers run at once', async () => {
  await broken(newAddress());
  const passes = await Promise.all([pass(), pass(), pass(), pass()]);
  expect(passes.reduce((all, { sent }) => all + sent, 0)).toBe(1);
  expect(received).toHaveLength(1);
});

it.each<[string, (id: string) => Promise<unknown>]>([
  [
    'recovers',
    (id) =>
      api.store.accounts.patch(api.organisation, id, { state: AccountState.active }, new Date()),
  ],
  ['is disabled', (id) => api.patch(`/api/admin/accounts/${id}`, { disabled: true })],
  ['is removed', (id) => api.delete(`/api/admin/accounts/${id}`)],
  ['loses its address', (id) => api.patch(`/api/admin/accounts/${id}`, { owner_email: null })],
])('C22 stops when the account %s', async (_what, change) => {
  const { id } = await broken(newAddress());
  expect(await pass()).toEqual({ sent: 1 });
  await change(id);
  expect(await pass(3)).toEqual({ sent: 0 });
});

it('C22 sends nothing while the circuit of the OAuth app is open, and sends after it has closed', async () => {
  await broken(newAddress());
  const limiters = database.collection('app_limiters');
  await api.store.limiters.change({ provider: 'ebay', environment: 'production' }, (one) => ({
    ...one,
    state: 'open_credentials',
  }));
  expect(await pass()).toEqual({ sent: 0 });
  await limiters.updateMany({}, { $set: { state: 'closed' } });
  expect(await pass()).toEqual({ sent: 1 });
});

it('C22 stops after one click, also of a mail service without an origin, and not by opening the page', async () => {
  await broken(newAddress());
  await pass();
  const path = unsubscribePath(received[0]);
  const page = await send('GET', path, { key: null, headers: { 'accept-language': 'de' } });
  expect(page.text).toContain('abbestellen');
  const oneClick = (to: string) =>
    send('POST', to, {
      key: null,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      text: 'List-Unsubscribe=One-Click',
    });
  expect((await oneClick(`${path.slice(0, -1)}${path.endsWith('A') ? 'B' : 'A'}`)).status).toBe(
    410,
  );
  expect(await pass(3)).toEqual({ sent: 1 });
  expect((await oneClick(path)).status).toBe(200);
  expect(await pass(7)).toEqual({ sent: 0 });
});

it('C26 goes to an owner who unsubscribed once an admin allows it, and to none for whom an admin stops it', async () => {
  const address = newAddress();
  const { id } = await broken(address);
  await pass();
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const path = unsubscribePath(received[0]);
  await send('POST', path, { key: null, headers, text: 'List-Unsubscribe=One-Click' });
  expect(await pass(3)).toEqual({ sent: 0 });
  const reminders = (owner_reminders: boolean) =>
    send('PATCH', `/api/admin/accounts/${id}`, { body: { owner_reminders } });
  expect((await reminders(true)).status).toBe(200);
  expect(await pass(3)).toEqual({ sent: 1 });
  expect((await reminders(false)).status).toBe(200);
  expect(await pass(7)).toEqual({ sent: 0 });
  const other = await broken(newAddress());
  await send('PATCH', `/api/admin/accounts/${other.id}`, { body: { owner_reminders: false } });
  expect(await pass()).toEqual({ sent: 0 });
  const { items } = (await send('GET', '/api/admin/audit?limit=50')).body;
  expect(items).toContainEqual(
    expect.objectContaining({
      action: 'PATCH /api/admin/accounts/{id}',
      details: expect.objectContaining({ members: ['owner_reminders'], owner_reminders: true }),
    }),
  );
});

it('C26 is a conflict for an account without an owner, and changes nothing', async () => {
  const account = await api.connect();
  const answer = await send('PATCH', `/api/admin/accounts/${account.id}`, {
    body: { owner_reminders: true, label: 'Changed' },
  });
  expectError(answer, 409, 'conflict');
  expect((await api.get(`/api/admin/accounts/${account.id}`)).body.label).toBe(account.label);
});

it('C22 asks a server that does not take the message again after half an hour', async () => {
  await broken(newAddress());
  refusal = { status: 451, at: 'data' };
  expect(await pass()).toEqual({ sent: 0 });
  refusal = null;
  expect(await pass(0.01)).toEqual({ sent: 0 });
  expect(await pass(0.03)).toEqual({ sent: 1 });
});

it('C22 asks again after half an hour if the server is unreachable', async () => {
  await broken(newAddress());
  const mail = createMailClient({
    smtpUrl: new Secret('smtp://127.0.0.1:1'),
    from: 'a@example.com',
  });
  expect(await pass(0, { mail })).toEqual({ sent: 0 });
  expect(await pass(0.03)).toEqual({ sent: 1 });
});

it('C22 sends nothing again to a recipient that the server refuses for good', async () => {
  await broken(newAddress());
  refusal = { status: 550, at: 'recipient' };
  expect(await pass()).toEqual({ sent: 0 });
  refusal = null;
  expect(await pass(1.5)).toEqual({ sent: 0 });
  expect(await pass(3)).toEqual({ sent: 1 });
});

it('C22 sends no second message within a day if the connection breaks after the first', async () => {
  await broken(newAddress());
  isCut = true;
  expect(await pass()).toEqual({ sent: 0 });
  isCut = false;
  expect(await pass(0.5)).toEqual({ sent: 0 });
  expect(await pass(1.1)).toEqual({ sent: 1 });
});

it('C22 keeps the address and the links in no document and no log line', async () => {
  const address = newAddress();
  const logged: unknown[] = [];
  const note = (...line: unknown[]) => void logged.push(line);
  await broken(address);
  await pass(0, { logger: { info: note, warn: note } as unknown as RemindDependencies['logger'] });
  expect(logged).toHaveLength(1);
  const secrets = [address, ...linksOf(received[0]).map((link) => link.split('/').at(-1) ?? '')];
  expect(secrets).toHaveLength(2);
  const kept = [JSON.stringify(logged), ...api.logs];
  // oxlint-disable-next-line no-await-in-loop
  for (const { name } of await database.listCollections())
    kept.push(JSON.stringify(await database.collection(name).find().toArray()));
  for (const secret of secrets) expect(kept.filter((text) => text.includes(secret))).toEqual([]);
});
