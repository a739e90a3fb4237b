/** Submitted grants as real exports and spreadsheets contain them: wrong values are refused, doubtful values get a warning. */

import { randomUUID } from 'node:crypto';
import { grantPlace } from '../../src/vault/vault';
import { type Harness, startHarness } from '../support/harness';

const DAY_MS = 24 * 3600_000;

let api: Harness;
let key: string;
let organisation: string;
beforeAll(async () => {
  api = await startHarness({
    worker: false,
    providers: {
      ebay: {},
      etsy: {},
      shopify: {},
      google: {},
      crm: { adapter: 'oauth2', dialect: 'etsy' },
      git: { adapter: 'oauth2', dialect: 'etsy', scopeSeparator: ',' },
    },
  });
});
afterAll(() => api?.stop());
beforeEach(async () => {
  organisation = `org-${randomUUID()}`;
  key = await api.key({ organisation });
});

async function send(body: string | Uint8Array, type = 'application/x-ndjson', query = '') {
  const response = await api.app.request(`/api/admin/accounts/import${query}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': type },
    body,
  });
  const lines = (await response.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return { lines: lines.slice(0, -1), summary: lines.at(-1).summary };
}
const sendLines = (...lines: object[]) =>
  send(lines.map((line) => JSON.stringify(line)).join('\n'));
const sendCsv = (...lines: string[]) => send(lines.join('\n'), 'text/csv');
const create = (members: object) => api.request(key, 'POST', '/api/admin/accounts', members);
const change = (id: string, members: object) =>
  api.request(key, 'PATCH', `/api/admin/accounts/${id}`, members);
const stored = async () =>
  (await api.request(key, 'GET', '/api/admin/accounts?limit=500')).body.items as any[];
const inDays = (days: number) => new Date(Date.now() + days * DAY_MS).toISOString();
const utf16 = (text: string, mark = true) =>
  Buffer.from(`${mark ? '\uFEFF' : ''}${text}`, 'utf16le');
const HEADER = 'provider,external_id,refresh_token';

describe('text that is not UTF-8', () => {
  const latin1 = (text: string) => Buffer.from(text, 'latin1');

  it('is refused line by line, and the other lines are stored', async () => {
    const csv = Buffer.concat([
      latin1(`${HEADER},label\n`),
      latin1('crm,Müller,rt-mu-0123456789,\n'),
      latin1('crm,Möller,rt-mo-0123456789,\n'),
      Buffer.from('crm,Mäller,rt-ma-0123456789,\n', 'utf8'),
      latin1('crm,label,rt-la-0123456789,Müller & Söhne\n'),
    ]);
    const { lines, summary } = await send(csv, 'text/csv');
    const refused = { result: 'refused', message: 'not UTF-8: save the file as CSV UTF-8' };
    expect(lines).toMatchObject([
      { line: 2, ...refused },
      { line: 3, ...refused },
      { line: 4, result: 'created' },
      { line: 5, ...refused },
    ]);
    expect(summary).toMatchObject({ created: 1, refused: 3 });
    expect((await stored()).map(({ external_id }) => external_id)).toEqual(['Mäller']);
  });

  it('is refused in any line of a record with several lines', async () => {
    const csv = latin1(
      `${HEADER},label\ncrm,a,rt-a-0123456789,"Sons\nof Müller"\ncrm,b,rt-b-0123456789,"x\ny"\n`,
    );
    expect((await send(csv, 'text/csv')).lines).toMatchObject([
      { line: 3, result: 'refused', message: expect.stringMatching(/^not UTF-8/) },
      { line: 5, result: 'created' },
    ]);
  });

  it('ends a CSV import if the header line contains it', async () => {
    const csv = latin1(`${HEADER},Straße\ncrm,a,rt-a-0123456789,x\n`);
    expect((await send(csv, 'text/csv')).lines).toMatchObject([
      { line: 1, result: 'refused', message: 'not UTF-8: save the file as CSV UTF-8' },
    ]);
  });

  it('is refused in JSON Lines', async () => {
    const line = { provider: 'crm', external_id: 'Müller', refresh_token: 'rt-mu-0123456789' };
    expect((await send(latin1(JSON.stringify(line)))).lines).toEqual([
      {
        line: 1,
        result: 'refused',
        message: 'not UTF-8: save the file as UTF-8',
        warnings: [],
      },
    ]);
  });

  it.each([
    ['CSV with a byte order mark', 'text/csv', utf16(`${HEADER}\r\ncrm,a,rt-a-0123456789\r\n`)],
    ['CSV without one', 'text/csv', utf16(`${HEADER}\ncrm,a,rt-a-0123456789\n`, false)],
    [
      'big-endian CSV',
      'text/csv',
      Buffer.from(utf16(`${HEADER}\ncrm,a,rt-a-0123456789\n`)).swap16(),
    ],
    ['JSON Lines', 'application/x-ndjson', utf16('{"provider":"crm","external_id":"a"}\n')],
  ])('is reported as UTF-16: %s', async (_what, type, bytes) => {
    const { lines, summary } = await send(bytes, type);
    expect(lines).toEqual([
      {
        line: 1,
        result: 'refused',
        message: expect.stringMatching(/^UTF-16, not UTF-8: save the file as (CSV )?UTF-8$/),
        warnings: [],
      },
    ]);
    expect(summary).toMatchObject({ lines: 1, refused: 1 });
  });

  it('is not reported for a byte order mark of UTF-8, or a character that two chunks share', async () => {
    const bytes = Buffer.from(
      `\uFEFF${HEADER}\n${Array.from({ length: 40 }, (_, at) => `crm,Ünïcödé-${at}-🌱,rt-${at}-0123456789`).join('\n')}\n`,
    );
    const chunks = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < bytes.length; at += 7) controller.enqueue(bytes.subarray(at, at + 7));
        controller.close();
      },
    });
    const response = await api.app.request('/api/admin/accounts/import', {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'text/csv' },
      body: chunks,
      duplex: 'half',
    });
    expect(await response.text()).toContain('"created":40');
    expect((await stored()).map(({ external_id }) => external_id)).toContain('Ünïcödé-7-🌱');
  });

  it('that was replaced earlier gets a warning', async () => {
    const { lines } = await sendLines({
      provider: 'crm',
      external_id: 'M\uFFFDller',
      refresh_token: 'rt-mu-0123456789',
    });
    expect(lines).toMatchObject([
      { result: 'created', warnings: [expect.stringMatching(/^external_id: .*U\+FFFD/)] },
    ]);
  });
});

describe('two lines of one account', () => {
  const line = (id: string, token: string) => `etsy,${id},${token}`;

  it('with two tokens are refused from the second on, and the message names the first', async () => {
    const { lines, summary } = await sendCsv(
      HEADER,
      line('1.23457E+18', '123.r-0123456789abcdef'),
      line('1.23457E+18', '124.r-0123456789abcdef'),
    );
    const warned = [expect.stringMatching(/^external_id: .*spreadsheet/)];
    expect(lines).toEqual([
      { line: 2, result: 'created', account_id: expect.any(String), warnings: warned },
      {
        line: 3,
        result: 'refused',
        message: 'line 2 has the same account with another token',
        warnings: warned,
      },
    ]);
    expect(summary).toMatchObject({ created: 1, refused: 1, warned: 2 });
  });

  it('with one token have the result "exists" for the second', async () => {
    const { lines } = await sendCsv(
      HEADER,
      line('1', '1.same-0123456'),
      line('1', '1.same-0123456'),
    );
    expect(lines).toMatchObject([{ result: 'created' }, { result: 'exists' }]);
  });

  it('are found across batches, in a dry run and in quarantine', async () => {
    const many = Array.from({ length: 600 }, (_, at) => line(`${at}`, `1.many-${at}-0123456`));
    const file = [HEADER, ...many, line('3', '1.other-0123456789')].join('\n');
    for (const query of ['?dry_run=true', '?quarantine=true', '']) {
      const { lines, summary } = await send(file, 'text/csv', query);
      expect(lines.at(-1)).toMatchObject({
        line: 602,
        result: 'refused',
        message: 'line 5 has the same account with another token',
      });
      expect(summary).toMatchObject({ refused: 1 });
    }
    expect(await stored()).toHaveLength(500);
  });

  it('are accepted if the first of them was refused', async () => {
    const { lines } = await sendCsv(HEADER, line('1', 'null'), line('1', '1.good-0123456789'));
    expect(lines).toMatchObject([{ result: 'refused' }, { result: 'created' }]);
  });
});

describe('one account in two spellings', () => {
  const shop = (id: string, n: number) => ({
    provider: 'shopify',
    external_id: id,
    refresh_token: `shprt_${n}123456789abcdef`,
    access_token: `shpat_${n}123456789abcdef`,
    expires_at: inDays(0.04),
  });

  it('is one account of an import, under the name that its provider uses', async () => {
    const { lines } = await sendLines(
      shop('Lantern-Lane.myshopify.com', 0),
      shop('lantern-lane.myshopify.com', 0),
      shop('LANTERN-LANE.MYSHOPIFY.COM', 1),
    );
    expect(lines).toMatchObject([
      { result: 'created' },
      { result: 'exists' },
      { result: 'refused', message: 'line 1 has the same account with another token' },
    ]);
    expect((await stored()).map(({ external_id }) => external_id)).toEqual([
      'lantern-lane.myshopify.com',
    ]);
  });

  it('is one account of the API, and is found when it is submitted again', async () => {
    expect(await create(shop('Amber.myshopify.com', 0))).toMatchObject({
      status: 201,
      body: { external_id: 'amber.myshopify.com', label: 'Amber.myshopify.com', warnings: [] },
    });
    expect((await create(shop('amber.MyShopify.com', 1))).status).toBe(409);
    expect((await sendLines(shop('AMBER.myshopify.com', 0))).lines).toMatchObject([
      { result: 'exists' },
    ]);
  });

  it('is one account in quarantine', async () => {
    const held = (id: string, n: number) =>
      send(JSON.stringify(shop(id, n)), undefined, '?quarantine=true');
    await held('Held.myshopify.com', 0);
    expect((await held('hELD.myshopify.com', 1)).lines).toMatchObject([{ result: 'updated' }]);
    expect(await stored()).toHaveLength(1);
  });

  it('is one account with blanks around it, and with accents in two encodings', async () => {
    const line = (id: string, kind?: string) => ({
      provider: 'crm',
      external_id: id,
      refresh_token: 'rt-accents-0123456789',
      kind,
    });
    const { lines } = await sendLines(
      line('Müller', 'mail'),
      line(' Mu\u0308ller ', 'mail'),
      line('Müller\u00A0', ' mail '),
    );
    expect(lines).toMatchObject([
      { result: 'created' },
      { result: 'exists' },
      { result: 'exists' },
    ]);
  });

  it('is refused with a control character in its id', async () => {
    const answer = await create({
      provider: 'crm',
      external_id: 'a\u0000b',
      refresh_token: 'rt-0123456789',
    });
    expect(answer.status).toBe(400);
    expect(answer.body.error.message).toMatch(
      /^external_id: contains the control character U\+0000/,
    );
  });
});

describe('an expiry far away', () => {
  const line = (more: object) => ({
    provider: 'google',
    external_id: `far-${randomUUID()}`,
    refresh_token: `1//0g-${randomUUID()}`,
    access_token: 'ya29.a-0123456789',
    ...more,
  });

  it.each(['9999-12-31T23:59:59Z', '2076-05-07T10:00:00Z', inDays(401)])(
    'of an access token is refused: %s',
    async (expires_at) => {
      const { lines } = await sendLines(line({ expires_at }));
      expect(lines).toMatchObject([
        {
          result: 'refused',
          message: expect.stringMatching(
            /^expires_at: is more than 400 days away.* omit expires_at/,
          ),
        },
      ]);
      expect((await create(line({ expires_at }))).body.error.message).toMatch(/^expires_at: /);
    },
  );

  it('of a refresh token is refused, with the advice to omit it', async () => {
    const answer = await create(line({ refresh_token_expires_at: '9999-12-31T23:59:59Z' }));
    expect(answer.body.error.message).toMatch(/^refresh_token_expires_at: .*omit this member/);
  });

  it('of 399 days is accepted', async () => {
    expect((await create(line({ expires_at: inDays(399) }))).status).toBe(201);
  });
});

describe('text that is not a token', () => {
  const CASES: [string, string, RegExp][] = [
    ['ebay', 'v^1.1', /^refresh_token: is cut off at "#"/],
    ['crm', 'rt-\u0000-0123456789', /^refresh_token: contains U\+0000/],
    ['crm', 'rt-\u201c0123456789\u201d', /^refresh_token: contains U\+201C/],
    ['crm', '\u200brt-0123456789abcdef', /^refresh_token: contains U\+200B/],
    ['crm', '********', /^refresh_token: is masked/],
    ['crm', '••••••••', /^refresh_token: is masked/],
    ['crm', 'null', /^refresh_token: is the word "null"/],
    ['crm', 'None', /^refresh_token: is the word "None"/],
    ['crm', 'undefined', /^refresh_token: is the word "undefined"/],
    ['crm', '""', /^refresh_token: is enclosed in quotes/],
    ['ebay', '"v^1.1#i^1#r^1-0123456789"', /^refresh_token: is enclosed in quotes/],
    ['crm', "'rt-0123456789'", /^refresh_token: is enclosed in quotes/],
    ['ebay', 'v%5E1.1%23i%5E1%23r%5E1-0123456789', /^refresh_token: is URL-encoded/],
    ['google', '1%2F%2F0gX-0123456789abcdef', /^refresh_token: is URL-encoded/],
    ['crm', 'Bearer rt-0123456789', /^refresh_token: begins with "Bearer"/],
    ['crm', '${CRM_REFRESH_TOKEN}', /^refresh_token: is a placeholder/],
    ['crm', 'ENC[AES256_GCM,data:p673w==,iv:YY=]', /^refresh_token: is ciphertext/],
  ];

  it.each(CASES)(
    'of %s is refused by an import, without repeating it: %j',
    async (provider, token, message) => {
      const [{ result, message: said }] = (
        await sendLines({ provider, external_id: 'x', refresh_token: token })
      ).lines;
      expect({ result, said }).toEqual({ result: 'refused', said: expect.stringMatching(message) });
      expect(said).not.toContain('0123456789');
      expect(await stored()).toEqual([]);
    },
  );

  it('is refused by POST and PATCH, also as an access token and as a fallback token', async () => {
    const refresh_token = 'v^1.1#good-0123456789';
    const made = await create({ provider: 'ebay', external_id: 'x', refresh_token });
    expect(made).toMatchObject({ status: 201, body: { warnings: [] } });
    for (const member of ['refresh_token', 'access_token', 'fallback_access_token'])
      for (const token of ['null', '"v^1.1#x"', 'v^1.1', 'v%5E1.1%23x']) {
        const given = { refresh_token, [member]: token };
        const answers = [
          await create({ provider: 'ebay', external_id: 'y', ...given }),
          await change(made.body.id, given),
        ];
        for (const { status, body } of answers) {
          expect([member, token, status]).toEqual([member, token, 400]);
          expect(body.error.message).toMatch(new RegExp(`^${member}: `));
        }
      }
  });

  it.each([
    ['crm', 'gAAAAABlZ0example0123456789abcdefghijklmnopqrstuvwxyz0123456789ABCDEF==', /Fernet/],
    ['crm', 'rt%2F0123456789%3D', /URL-encoded/],
    ['crm', '1\\/\\/rt-0123456789', /escaped slashes/],
    ['crm', '"rt-0123456789', /quote/],
    ['ebay', 'AgAAAA**AQAAAA**aAAAAA**0123456789', /an eBay refresh token starts with/],
    ['google', 'ya29.a0123456789', /Google access token/],
    ['shopify', 'shpat_0123456789abcdef', /Shopify access token/],
    ['etsy', 'r-0123456789', /an Etsy refresh token starts with/],
  ])('that may still be one is stored with a warning: %s %j', async (provider, token, warning) => {
    const account = { provider, external_id: 'x.myshopify.com', refresh_token: token };
    const warnings = [expect.stringMatching(new RegExp(`^refresh_token: .*${warning.source}`))];
    const { lines, summary } = await sendLines(account);
    expect(lines).toEqual([
      { line: 1, result: 'created', account_id: expect.any(String), warnings },
    ]);
    expect(summary).toMatchObject({ created: 1, warned: 1 });
    const [{ id }] = await stored();
    // In quarantine nothing is sent, so the token is stored untried.
    expect(await change(id, { quarantine: true, refresh_token: token })).toMatchObject({
      status: 200,
      body: { warnings },
    });
  });
});

describe('one refresh token for two accounts', () => {
  const token = () => `rt-user1-${randomUUID()}`;
  const of = (provider: string, external_id: string, refresh_token: string) => ({
    provider,
    external_id,
    refresh_token,
  });

  it('is refused in one file if the provider rotates tokens, and the message names the line', async () => {
    const shared = token();
    const { lines } = await sendLines(of('crm', 'tenant-a', shared), of('crm', 'tenant-b', shared));
    expect(lines).toMatchObject([
      { result: 'created' },
      {
        result: 'refused',
        message: expect.stringMatching(
          /^refresh_token: line 1 has the same token for another account\./,
        ),
      },
    ]);
    expect(await stored()).toHaveLength(1);
  });

  it('is refused if a stored account has it, and the message names the account', async () => {
    const shared = token();
    const a = await create(of('crm', 'tenant-a', shared));
    const named = new RegExp(`^refresh_token: account ${a.body.id} has the same token\\.`);
    const other = await create(of('crm', 'tenant-c', token()));
    const dry = await send(JSON.stringify(of('crm', 'b', shared)), undefined, '?dry_run=true');
    expect(dry.lines).toMatchObject([{ result: 'refused', message: expect.stringMatching(named) }]);
    expect((await sendLines(of('crm', 'b', shared))).lines).toMatchObject([
      { result: 'refused', message: expect.stringMatching(named) },
    ]);
    for (const answer of [
      await create(of('crm', 'b', shared)),
      await change(other.body.id, { refresh_token: shared }),
    ]) {
      expect(answer.status).toBe(409);
      expect(answer.body.error.message).toMatch(named);
    }
    // The same account may submit it again.
    const own = { quarantine: true, refresh_token: shared };
    expect((await change(a.body.id, own)).status).toBe(200);
    expect((await sendLines(of('crm', 'tenant-a', shared))).lines).toMatchObject([
      { result: 'exists' },
    ]);
  });

  it('is refused after a rotation, because its replay would revoke the other account', async () => {
    const used = token();
    const a = await create(of('crm', 'tenant-a', used));
    const { organisation: org, id } = a.body;
    const before = await api.account(id);
    const place = grantPlace(before, 2);
    const rotated = api.vault.sealGrant({ accessToken: 'at-1', refreshToken: token() }, place);
    await api.store.accounts.patch(
      org,
      id,
      { grant: { ...before.current, ...rotated } },
      new Date(),
    );
    expect((await create(of('crm', 'tenant-b', used))).status).toBe(409);
  });

  it('is refused in quarantine, and the account there keeps its grant', async () => {
    const [one, two] = [token(), token()];
    const held = (...lines: object[]) =>
      send(lines.map((line) => JSON.stringify(line)).join('\n'), undefined, '?quarantine=true');
    await held(of('crm', 'a', one), of('crm', 'b', two));
    expect((await held(of('crm', 'b', one))).lines).toMatchObject([{ result: 'refused' }]);
    const b = (await stored()).find(({ external_id }) => external_id === 'b');
    expect(b.refresh_token_fingerprint).toBe(api.vault.fingerprint(two));
  });

  it('gets a warning if the provider keeps refresh tokens', async () => {
    const shared = `1//0g-${randomUUID()}`;
    const first = await sendLines(of('google', 'a', shared), of('google', 'b', shared));
    expect(first.lines).toMatchObject([
      { result: 'created', warnings: [] },
      {
        result: 'created',
        warnings: [expect.stringMatching(/^refresh_token: line 1 has the same token/)],
      },
    ]);
    const made = await create(of('google', 'c', shared));
    expect(made).toMatchObject({
      status: 201,
      body: {
        warnings: [expect.stringMatching(/^refresh_token: account acc_\w+ has the same token/)],
      },
    });
    const again = { quarantine: true, refresh_token: shared };
    expect((await change(made.body.id, again)).body.warnings).toHaveLength(1);
  });

  it('of another organisation is not reported', async () => {
    const shared = token();
    await create(of('crm', 'a', shared));
    key = await api.key({ organisation: `org-${randomUUID()}` });
    expect(await create(of('crm', 'a', shared))).toMatchObject({
      status: 201,
      body: { warnings: [] },
    });
  });

  it('can be used again when its account is deleted', async () => {
    const shared = token();
    const a = await create(of('crm', 'a', shared));
    await api.request(key, 'DELETE', `/api/admin/accounts/${a.body.id}`);
    expect((await create(of('crm', 'b', shared))).status).toBe(201);
  });

  it('is accepted for only one of many accounts that are submitted at the same time', async () => {
    const shared = token();
    const ids = Array.from({ length: 8 }, (_, at) => `at-once-${at}`);
    const outcomes = await Promise.all(
      ids.map(async (id, at) =>
        at % 2 === 0
          ? (await create(of('crm', id, shared))).status === 201
          : (await sendLines(of('crm', id, shared))).lines[0].result === 'created',
      ),
    );
    expect(outcomes.filter(Boolean)).toHaveLength(1);
    expect(await stored()).toHaveLength(1);
  });
});

describe('scopes', () => {
  const scopesOf = async (provider: string, scopes: unknown) => {
    const external_id = `${randomUUID()}.myshopify.com`;
    const { lines } = await sendLines({
      provider,
      external_id,
      refresh_token: `v^1.1#${randomUUID()}`,
      scopes,
    });
    return lines[0].result === 'created'
      ? (await api.account(lines[0].account_id)).current.scopes
      : lines[0].message;
  };

  it('are read from CSV with the separator of the provider, and in the list formats of other systems', async () => {
    const { lines } = await sendCsv(
      'provider,external_id,refresh_token,access_token,expires_at,scopes',
      `shopify,birch.myshopify.com,shprt_0123456789abcdef,shpat_0123456789abcdef,${inDays(30)},"read_products,write_orders"`,
      `crm,a,rt-a-0123456789,at-a-0123456789,${inDays(30)},"{a,b}"`,
      `crm,b,rt-b-0123456789,at-b-0123456789,${inDays(30)},"[""a"",""b""]"`,
      `crm,c,rt-c-0123456789,at-c-0123456789,${inDays(30)},a b`,
    );
    expect(lines.map(({ result }) => result)).toEqual(Array(4).fill('created'));
    const scopes = await Promise.all(lines.map(({ account_id: id }) => api.account(id)));
    expect(scopes.map(({ current }) => current.scopes)).toEqual([
      ['read_products', 'write_orders'],
      ['a', 'b'],
      ['a', 'b'],
      ['a', 'b'],
    ]);
  });

  it.each([
    ['crm', ['a', 'b'], ['a', 'b']],
    ['crm', 'a b', ['a', 'b']],
    ['crm', ['a b', 'c'], ['a', 'b', 'c']],
    ['crm', '{a,b}', ['a', 'b']],
    ['git', 'repo,user:email', ['repo', 'user:email']],
    ['shopify', 'read_products, write_orders', ['read_products', 'write_orders']],
    ['shopify', ['read_products,write_orders'], ['read_products', 'write_orders']],
  ])('are read from JSON: %s %j', async (provider, scopes, expected) => {
    expect(await scopesOf(provider, scopes)).toEqual(expected);
  });

  it('are limited like the scopes of a token response: 180 are accepted, and 1,001 are refused', async () => {
    const named = (count: number) =>
      Array.from({ length: count }, (_, at) => `meeting:read:thing_${at}:admin`);
    expect(await scopesOf('crm', named(180))).toHaveLength(180);
    expect(await scopesOf('crm', named(1_001))).toMatch(/^scopes: .*maximum is 1000/);
    expect(await scopesOf('crm', ['x'.repeat(1_001)])).toMatch(/^scopes: /);
    expect(await scopesOf('crm', { a: true })).toMatch(/^scopes: /);
  });

  it('with commas get a warning if the provider separates scopes by blanks', async () => {
    const { lines } = await sendLines({
      provider: 'crm',
      external_id: 'x',
      refresh_token: 'rt-0123456789',
      scopes: 'repo,user:email',
    });
    expect(lines).toMatchObject([{ warnings: [expect.stringMatching(/^scopes: .*comma/)] }]);
  });
});

it('accepts a token of the maximum length of a token response, and refuses a longer one', async () => {
  const account = (length: number) => ({
    provider: 'crm',
    external_id: `long-${length}`,
    refresh_token: 'x'.repeat(length),
  });
  const { lines } = await sendLines(account(20_000), account(32_768), account(32_769));
  expect(lines.map(({ result }) => result)).toEqual(['created', 'created', 'refused']);
  expect(lines[2].message).toMatch(/^refresh_token: Too big/);
});

it('accepts CSV with semicolons, as spreadsheets write it in countries with a decimal comma', async () => {
  const { lines } = await sendCsv(
    'provider;external_id;refresh_token;scopes',
    'crm;a;rt-a-0123456789;a b',
    'crm;"b;c";rt-b-0123456789;"a,b"',
  );
  expect(lines).toMatchObject([{ result: 'created' }, { result: 'created' }]);
  expect((await stored()).map(({ external_id }) => String(external_id)).toSorted()).toEqual([
    'a',
    'b;c',
  ]);
});
