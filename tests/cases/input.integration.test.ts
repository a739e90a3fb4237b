/**
 * Input from people: files of other systems and spreadsheets, imported by the command line, and single accounts. Input
 * that would fail later is refused, or causes a warning, at once.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunningApi } from '../../src/server/serve';
import { type Ran, serve, startCli } from '../cli/_cli';
import { newToken, tokens } from './_authorization-server';
import { type Product, startProduct } from './_product';

const DAY_MS = 24 * 3600_000;
const folder = mkdtempSync(join(tmpdir(), 'evergrant-cases-'));

let product: Product;
let api: RunningApi;
let organisation: string;
let key: string;

beforeAll(async () => {
  product = await startProduct({
    crm: {},
    ebay: { adapter: 'ebay' },
    etsy: { adapter: 'etsy' },
    google: { adapter: 'google' },
    shopify: { adapter: 'shopify' },
  });
  api = await serve(product.h);
}, 120_000);
afterAll(async () => {
  await api?.stop();
  await product?.stop();
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  organisation = `org-${randomUUID()}`;
  key = await product.h.key({ organisation, scopes: ['admin', 'tokens'] });
});

type Format = 'csv' | 'jsonl';

/** Runs the command line, as the owner of the organisation does. */
function cli(args: string[], stdin: string | Buffer = ''): Promise<Ran> {
  const environment = { EVERGRANT_URL: api.url, EVERGRANT_API_KEY: key };
  return startCli(environment, args, stdin).ended;
}

/** `evergrant import` of a file with these bytes: its exit code, and all that it printed. */
async function imported(format: Format, bytes: string | Buffer) {
  const path = join(folder, `${randomUUID()}.${format}`);
  writeFileSync(path, bytes);
  const { code, stdout, stderr } = await cli(['import', path]);
  return { code, said: stdout + stderr };
}

/** The answer of the import to each line, by the number of the line; `told` is what it says beyond the result. */
async function answers(format: Format, text: string) {
  const type = format === 'csv' ? 'text/csv' : 'application/x-ndjson';
  const response = await fetch(`${api.url}/api/admin/accounts/import`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': type },
    body: text,
  });
  const lines = (await response.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const answered = new Map<number, { result: string; told: string }>();
  for (const { line, result, account_id: _id, warnings = [], ...others } of lines) {
    if (line === undefined) continue;
    const { result: before, told } = answered.get(line) ?? { result: '', told: '' };
    const more = { ...others, ...(warnings.length > 0 ? { warnings } : {}) };
    const added = Object.keys(more).length === 0 ? '' : JSON.stringify(more);
    answered.set(line, { result: result ?? before, told: told + added });
  }
  return answered;
}

async function stored(): Promise<any[]> {
  const path = '/api/admin/accounts?limit=500';
  return (await product.h.request(key, 'GET', path)).body.items;
}

const storedIds = async () => new Set((await stored()).map((one) => one.external_id));

function jsonl(...members: object[]): string {
  return members.map((one) => JSON.stringify(one)).join('\n');
}

const crm = (external_id: string, more: object = {}) => ({
  provider: 'crm',
  external_id,
  refresh_token: newToken('rt'),
  ...more,
});

const connect = (members: object) => product.h.request(key, 'POST', '/api/admin/accounts', members);

describe('a CSV of an old spreadsheet', () => {
  const lines = () => [
    'provider,external_id,refresh_token',
    `crm,Müller,${newToken('rt')}`,
    `crm,Möller,${newToken('rt')}`,
    '',
  ];

  it('that is not UTF-8 is refused as such, and no account gets a damaged name', async () => {
    const { code, said } = await imported('csv', Buffer.from(lines().join('\r\n'), 'latin1'));
    expect({ code, said }).toEqual({ code: 1, said: expect.stringContaining('UTF-8') });
    expect([...(await storedIds())].join()).not.toContain('\ufffd');
  });

  it('that is UTF-16 is refused as such', async () => {
    const utf16 = Buffer.from(`\ufeff${lines().join('\r\n')}`, 'utf16le');
    const { code, said } = await imported('csv', utf16);
    expect({ code, said }).toEqual({ code: 1, said: expect.stringContaining('UTF-16') });
    expect(await storedIds()).toEqual(new Set());
  });

  it('that is UTF-8 with a byte order mark is accepted', async () => {
    const { code } = await imported('csv', `\ufeff${lines().join('\r\n')}`);
    expect(code).toBe(0);
    expect(await storedIds()).toEqual(new Set(['Möller', 'Müller']));
  });
});

describe('two lines of one file for one account', () => {
  it('with two tokens lead to a refusal of the second that names the first', async () => {
    const header = 'provider,external_id,refresh_token';
    const { code, said } = await imported(
      'csv',
      `${header}\netsy,77,123.first-0123456789ab\netsy,77,124.other-0123456789ab\n`,
    );
    expect({ code, said }).toEqual({ code: 1, said: expect.stringContaining('line 2') });
    expect(await storedIds()).toEqual(new Set(['77']));
  });

  it('with two tokens are found at any distance', async () => {
    const between = Array.from({ length: 600 }, (_, n) => crm(`between-${n}`));
    const found = await answers('jsonl', jsonl(crm('twice'), ...between, crm('twice')));
    expect(found.get(602)).toEqual({
      result: 'refused',
      told: expect.stringContaining('line 1'),
    });
  });

  it('with the same token become one account', async () => {
    const line = crm('same');
    const found = await answers('jsonl', jsonl(line, line));
    expect([...found.values()].map(({ result }) => result)).toEqual(['created', 'exists']);
  });
});

it('an external id that a spreadsheet rounded causes a warning', async () => {
  const { said } = await imported(
    'csv',
    `provider,external_id,refresh_token\netsy,1.23457E+18,123.first-0123456789ab\n`,
  );
  expect(said).toMatch(/1\.23457E\+18|spreadsheet|scientific|exponent|rounded/i);
  const found = await answers(
    'csv',
    'provider,external_id,refresh_token\ncrm,12345,rt-0123456789\n',
  );
  expect(found.get(2)).toEqual({ result: 'created', told: '' });
});

describe('a shop written in capitals', () => {
  const shop = () => `lantern-${randomUUID()}.myshopify.com`;
  const account = (external_id: string) => ({
    provider: 'shopify',
    external_id,
    refresh_token: `shprt_${randomUUID()}`,
  });

  it('is the same account in an import', async () => {
    const lower = shop();
    const lines = [lower, lower.replace('lantern', 'Lantern')].map(account);
    const found = await answers('jsonl', jsonl(...lines));
    expect(found.get(1)?.result).toBe('created');
    expect(['exists', 'refused']).toContain(found.get(2)?.result);
    expect(await storedIds()).toEqual(new Set([lower]));
  });

  it('is the same account if it is connected alone', async () => {
    const lower = shop();
    const { status, body } = await connect(account(lower.toUpperCase()));
    expect({ status, id: body.external_id }).toEqual({ status: 201, id: lower });
    expect((await connect(account(lower))).status).toBe(409);
    expect(await storedIds()).toEqual(new Set([lower]));
  });
});

describe('an access token with an expiry in many years', () => {
  const ends = [
    ['in the year 9999', () => '9999-12-31T23:59:59Z'],
    ['in fifty years', () => fromNow(50 * 365)],
    ['in 401 days', () => fromNow(401)],
  ] as const;
  const account = (expires_at: string) =>
    crm(randomUUID(), { access_token: newToken('at'), expires_at });

  it.each(ends)('%s is refused or due at once, in an import', async (_name, end) => {
    const found = await answers('jsonl', jsonl(account(end())));
    const [one] = await stored();
    const refused = found.get(1)?.result === 'refused';
    expect(refused ? one === undefined : one.due.due).toBe(true);
  });

  it.each(ends)('%s is refused or due at once, if it is connected alone', async (_name, end) => {
    const { status, body } = await connect(account(end()));
    expect(status === 400 ? body.error.message.includes('expires_at') : body.due.due).toBe(true);
  });

  it('in 300 days is accepted', async () => {
    const { body } = await connect(account(fromNow(300)));
    expect(body.due.due).toBe(false);
  });
});

describe('text that cannot be a token', () => {
  const impossible: [string, string][] = [
    ['a NUL character', 'rt-\u0000-0123456789'],
    ['curly quotes', 'rt-\u201c0123456789\u201d'],
    ['an invisible space', '\u200brt-0123456789abcdef'],
    ['asterisks', '********'],
    ['bullets', '••••••••••••'],
    ['the word null', 'null'],
    ['the word None', 'None'],
  ];
  it.each(impossible)('%s is refused in an import', async (_name, refresh_token) => {
    const found = await answers('jsonl', jsonl(crm('x', { refresh_token })));
    expect(found.get(1)).toEqual({
      result: 'refused',
      told: expect.stringContaining('refresh_token'),
    });
  });

  it.each(impossible)('%s is refused if it is connected alone', async (_name, refresh_token) => {
    const { status, body } = await connect(crm('x', { refresh_token }));
    expect({ status, message: body.error?.message }).toEqual({
      status: 400,
      message: expect.stringContaining('refresh_token'),
    });
  });

  const doubtful: [string, string, string][] = [
    ['cut off at its first "#"', 'ebay', 'v^1.1'],
    ['in quotation marks', 'ebay', '"v^1.1#i^1#r^1-0123456789"'],
    ['URL-encoded, of eBay', 'ebay', 'v%5E1.1%23i%5E1%23r%5E1-0123456789'],
    ['URL-encoded, of Google', 'google', '1%2F%2F0gX-0123456789abcdef'],
  ];
  it.each(doubtful)(
    'a token %s is refused or causes a warning',
    async (_name, provider, refresh_token) => {
      const found = await answers('jsonl', jsonl({ provider, external_id: 'x', refresh_token }));
      expect(found.get(1)?.told).not.toBe('');
      expect(found.get(1)?.told).not.toContain(refresh_token.slice(-12));
    },
  );

  it('a usual token causes no warning', async () => {
    const usual = [
      { provider: 'ebay', refresh_token: 'v^1.1#i^1#I^3#p^3#r^1#f^0#t^Ul4xMF8xOjQ2RTc4RkI5' },
      { provider: 'google', refresh_token: '1//0gX-0123456789abcdefghijklmnopqrstuvwxyz' },
    ].map((one, n) => ({ external_id: `usual-${n}`, ...one }));
    const found = await answers('jsonl', jsonl(...usual));
    expect([...found.values()]).toEqual(usual.map(() => ({ result: 'created', told: '' })));
  });

  it('a file in UTF-16 is refused by accounts add', async () => {
    const utf16 = Buffer.from('\ufeffv^1.1#abcdef0123456789', 'utf16le');
    const ran = await cli(['accounts', 'add', '--provider', 'ebay', '--external-id', 'x'], utf16);
    expect(ran.code).toBe(1);
    expect(await storedIds()).toEqual(new Set());
  });
});

describe('one refresh token in two rows', () => {
  const shared = (provider: string, refresh_token: string) =>
    ['tenant-a', 'tenant-b'].map((external_id) => ({ provider, external_id, refresh_token }));

  it('causes a warning if it is unknown whether the provider rotates', async () => {
    const found = await answers('jsonl', jsonl(...shared('crm', newToken('rt'))));
    expect(found.get(1)).toEqual({ result: 'created', told: '' });
    expect(found.get(2)?.told).not.toBe('');
  });

  it('is refused if the provider rotates, in one file or in two', async () => {
    const token = `1234567.${randomUUID()}`;
    const [first, second] = shared('etsy', token);
    const found = await answers('jsonl', jsonl(first ?? {}, second ?? {}));
    expect(found.get(2)?.result).toBe('refused');
    const later = await answers('jsonl', jsonl({ ...second, external_id: 'tenant-c' }));
    expect(later.get(1)?.result).toBe('refused');
    expect(await storedIds()).toEqual(new Set(['tenant-a']));
  });
});

describe('scopes and tokens have the same limits in a file and in an answer', () => {
  const scopes = Array.from({ length: 120 }, (_, n) => `meeting:read:thing_${n}:admin`);

  it('for 120 scopes', async () => {
    const found = await answers('jsonl', jsonl(crm('many-scopes', { scopes })));
    expect(found.get(1)).toEqual({ result: 'created', told: '' });
    const [one] = await stored();
    expect(one.scopes).toEqual(scopes);
    const refreshToken = newToken('rt');
    product.server.script(refreshToken, tokens({ expires_in: 3600, scope: scopes.join(' ') }));
    const { id } = await product.connect({ provider: 'crm', refresh_token: refreshToken });
    await product.refresh(id);
    expect((await product.account(id)).scopes).toEqual(scopes);
  });

  it('for a refresh token of 17,000 characters', async () => {
    const long = () => `rt-${randomBytes(8_500).toString('hex')}`;
    const found = await answers('jsonl', jsonl(crm('long', { refresh_token: long() })));
    expect(found.get(1)).toEqual({ result: 'created', told: '' });
    const refreshToken = newToken('rt');
    product.server.script(refreshToken, tokens({ expires_in: 3600, refresh_token: long() }));
    const { id } = await product.connect({ provider: 'crm', refresh_token: refreshToken });
    expect(await product.refresh(id)).toMatchObject({ outcome: 'refreshed', generation: 2 });
  });
});

it('scopes in a CSV are read in the form of the provider and of databases', async () => {
  const header = 'provider,external_id,refresh_token,scopes';
  const rows = [
    'shopify,birch.myshopify.com,shprt_0123456789abcdef,"read_products,write_orders"',
    'crm,blanks,rt-a-0123456789abcdef,a b',
    'crm,braces,rt-b-0123456789abcdef,"{a,b}"',
    'crm,json,rt-c-0123456789abcdef,"[""a"",""b""]"',
  ];
  await answers('csv', [header, ...rows, ''].join('\n'));
  const scopesOf = Object.fromEntries(
    (await stored()).map(({ external_id, scopes }) => [external_id, scopes]),
  );
  expect(scopesOf).toEqual({
    'birch.myshopify.com': ['read_products', 'write_orders'],
    blanks: ['a', 'b'],
    braces: ['a', 'b'],
    json: ['a', 'b'],
  });
});

function fromNow(days: number): string {
  return new Date(Date.now() + days * DAY_MS).toISOString();
}
