/** C20: a list of reconnect links over the API and on the Accounts page. */
import { randomUUID } from 'node:crypto';
import { parse } from 'csv-parse/sync';
import mongoose, { type Connection } from 'mongoose';
import { AccountState } from '../../src/domain/account/account';
import { eventually } from '../support/eventually';
import { type Api, expectError, type Send, startApi } from './_api';

const PATH = '/api/admin/connect/links';
const REASON = 'The provider no longer accepts the refresh token.';

let api: Api;
let database: Connection;
let send: Send;
beforeAll(async () => {
  api = await startApi({ worker: false });
  database = await mongoose.createConnection(api.harness.mongodbUri).asPromise();
  send = api.with({ publicUrl: new URL('https://evergrant.example.com') });
});
afterAll(async () => {
  await database.close();
  await api.stop();
});

/** An organisation with accounts that need a reconnect. */
async function organisation(labels: string[] = []) {
  const name = `org-${randomUUID()}`;
  const key = await api.key(['admin'], name);
  const broken = async (label: string) => {
    const account = await api.addAccount({ organisation: name, label });
    const patch = { state: AccountState.needsReconnect, stateReason: REASON };
    await api.store.accounts.patch(name, account.id, patch, new Date());
    return account;
  };
  const accounts = [];
  // oxlint-disable-next-line no-await-in-loop -- the harness adds one account at a time
  for (const label of labels) accounts.push(await broken(label));
  const links = (body: object = {}, headers: Record<string, string> = {}) =>
    send('POST', PATH, { key, body, headers });
  return { name, key, accounts, broken, links };
}

const linesOf = (text: string): any[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
const pathOf = (link: string) => new URL(link).pathname;

it('C20 makes a link for each account that needs a reconnect, and each link opens', async () => {
  const one = await organisation(['Harbour Books', 'Saffron']);
  await api.addAccount({ organisation: one.name, label: 'Healthy' });
  const answer = await one.links();
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
  expect(answer.headers.get('cache-control')).toBe('no-store');
  const lines = linesOf(answer.text);
  const last = one.accounts
    .map(({ id }) => id)
    .toSorted()
    .at(-1);
  expect(lines.pop()).toEqual({ summary: { accounts: 2, links: 2, without_link: 0, after: last } });
  expect(lines).toHaveLength(2);
  const weekMs = 7 * 24 * 3600_000;
  for (const line of lines) {
    const account = one.accounts.find(({ id }) => id === line.account_id);
    expect(line).toMatchObject({
      label: account?.label,
      external_id: account?.externalId,
      reason: REASON,
      problem: null,
      link: expect.stringMatching(/^https:\/\/evergrant\.example\.com\/connect\/[\w-]{43}$/),
    });
    expect(Math.abs(Date.parse(line.expires_at) - Date.now() - weekMs)).toBeLessThan(60_000);
    // oxlint-disable-next-line no-await-in-loop
    const page = await send('GET', pathOf(line.link), { key: null });
    expect(page.text).toContain(account?.label);
  }
});

it('C20 answers CSV that is safe to open in a spreadsheet', async () => {
  const { links } = await organisation(['=HYPERLINK("https://evil.example")', 'Books, used']);
  const answer = await links({}, { accept: 'text/csv' });
  expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8');
  const rows = parse<Record<string, string>>(answer.text, { columns: true });
  expect(new Set(rows.map(({ label }) => label))).toEqual(
    new Set(['\'=HYPERLINK("https://evil.example")', 'Books, used']),
  );
  expect(rows.map(({ link }) => pathOf(link ?? ''))).toHaveLength(2);
});

it('C20 continues after the last account of the previous call, and repeats no account', async () => {
  const one = await organisation(['a', 'b', 'c']);
  const seen: string[] = [];
  for (let after: string | undefined; seen.length < 3; ) {
    // oxlint-disable-next-line no-await-in-loop -- each page begins after the previous one
    const lines = linesOf((await one.links({ limit: 2, after })).text);
    after = lines.pop().summary.after;
    expect(lines.length).toBeGreaterThan(0);
    seen.push(...lines.map(({ account_id }) => account_id));
  }
  expect(seen).toEqual(one.accounts.map(({ id }) => id).toSorted());
});

it('C20 filters like the list of accounts', async () => {
  const one = await organisation(['Harbour Books', 'Saffron']);
  const found = async (body: object) =>
    linesOf((await one.links(body)).text)
      .slice(0, -1)
      .map(({ label }) => label);
  expect(await found({ q: 'harbour' })).toEqual(['Harbour Books']);
  expect(await found({ provider: 'ebay' })).toHaveLength(2);
  expect(await found({ provider: 'etsy' })).toEqual([]);
  expect(await found({ status: 'disabled' })).toEqual([]);
});

it('C20 says why an account has no link, and makes those of the others', async () => {
  const one = await organisation(['Harbour Books', 'Quarantined']);
  const [, second] = one.accounts;
  await api.store.accounts.patch(one.name, second?.id ?? '', { quarantine: true }, new Date());
  const lines = linesOf((await one.links()).text);
  expect(lines).toContainEqual(
    expect.objectContaining({
      label: 'Quarantined',
      link: null,
      expires_at: null,
      problem: expect.stringContaining('quarantine'),
    }),
  );
  expect(lines.at(-1).summary).toMatchObject({ accounts: 2, links: 1, without_link: 1 });
});

it('C20 lists no account of another organisation', async () => {
  const [one, other] = [await organisation(['mine']), await organisation(['theirs'])];
  const { text } = await one.links();
  expect(text).toContain('mine');
  expect(text).not.toContain('theirs');
  const after = { after: other.accounts[0]?.id };
  expect((await one.links(after)).text).not.toContain('theirs');
});

it('C20 accepts a key with the scope connect', async () => {
  const { name } = await organisation();
  const key = await api.key(['connect'], name);
  expect((await send('POST', PATH, { key, body: {} })).status).toBe(200);
});

it('C20 refuses a wrong request before it makes a link', async () => {
  const one = await organisation(['Harbour Books']);
  for (const body of [
    { limit: 5_001 },
    { expires_in: 604_801 },
    { status: 'broken' },
    { fliter: 'provider' },
    { return_url: 'https://elsewhere.example' },
  ]) {
    // oxlint-disable-next-line no-await-in-loop
    expectError(await one.links(body), 400, 'invalid_request');
  }
  expectError(
    await send('POST', PATH, { key: one.key, text: '{}', headers: { 'content-type': 'text/csv' } }),
    415,
    'unsupported_media_type',
  );
  expectError(await api.send('POST', PATH, { key: one.key, text: '{' }), 400, 'invalid_request');
  const sessions = await send('GET', '/api/admin/connect/sessions', { key: one.key });
  expect(sessions.body.items).toEqual([]);
});

it('C20 audits the filter and the number of links, and keeps no link anywhere', async () => {
  const one = await organisation(['Harbour Books']);
  const [{ link }] = linesOf((await one.links({ provider: 'ebay' })).text);
  const token = pathOf(link).slice('/connect/'.length);
  await eventually(async () => {
    const audit = await send('GET', '/api/admin/audit', { key: one.key });
    const details = audit.body.items.map((entry: any) => entry.details);
    expect(details).toContainEqual(expect.objectContaining({ phase: 'asked', provider: 'ebay' }));
    expect(details).toContainEqual({ phase: 'completed', accounts: 1, links: 1 });
    return true;
  });
  for (const { name } of await database.listCollections()) {
    // oxlint-disable-next-line no-await-in-loop
    const documents = await database.collection(name).find().toArray();
    expect(JSON.stringify(documents)).not.toContain(token);
  }
  expect(api.logs.join('\n')).not.toContain(token);
});

describe('the Accounts page', () => {
  async function signedIn(key: string) {
    const answer = await send('POST', '/sign-in', {
      key: null,
      headers: FORM,
      text: new URLSearchParams({ key }).toString(),
    });
    return answer.headers.get('set-cookie')?.split(';', 1)[0] ?? '';
  }
  const FORM = {
    'content-type': 'application/x-www-form-urlencoded',
    'sec-fetch-site': 'same-origin',
  };

  it('C20 offers links for its filters, shows their number, and downloads them', async () => {
    const one = await organisation(['Harbour Books', 'Saffron']);
    const cookie = await signedIn(one.key);
    const get = (path: string) => send('GET', path, { key: null, headers: { cookie } });
    const list = await get('/admin/accounts?q=harbour');
    expect(list.text).toContain('href="/admin/accounts/reconnect-links?q=harbour"');
    const preview = await get('/admin/accounts/reconnect-links?q=harbour');
    expect(preview.text).toContain('<dt>accounts</dt><dd>1</dd>');
    expect((await get('/admin/accounts/reconnect-links')).text).toContain('<dd>2</dd>');
    const file = await send('POST', '/admin/accounts/reconnect-links', {
      key: null,
      headers: { ...FORM, cookie },
      text: new URLSearchParams({
        q: 'harbour',
        status: 'needs_reconnect',
        format: 'csv',
      }).toString(),
    });
    expect(file.headers.get('content-disposition')).toBe(
      'attachment; filename="reconnect-links.csv"',
    );
    expect(file.headers.get('cache-control')).toBe('no-store');
    expect(parse(file.text, { columns: true })).toMatchObject([{ label: 'Harbour Books' }]);
  });

  it('C20 makes no links for a person who may only read', async () => {
    const one = await organisation(['Harbour Books']);
    const cookie = await signedIn(await api.key(['read'], one.name));
    const list = await send('GET', '/admin/accounts', { key: null, headers: { cookie } });
    expect(list.text).not.toContain('Reconnect links');
    const refused = await send('POST', '/admin/accounts/reconnect-links', {
      key: null,
      headers: { ...FORM, cookie },
      text: '',
    });
    expect(refused.status).toBe(403);
  });
});
