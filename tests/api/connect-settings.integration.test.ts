/** C24, C25: the connect settings of an organisation over the API. */
import { randomUUID } from 'node:crypto';
import { OrganisationSettings } from '../../src/services/connect/connect-settings';
import { connectSettings } from '../support/connect-settings';
import { type Api, expectError, type Send, startApi } from './_api';

const PATH = '/api/admin/connect/settings';
const PROCESS_URL = 'https://app.example/done';

let api: Api;
let send: Send;
/** Keys of two organisations. */
let ours: string;
let theirs: string;
beforeAll(async () => {
  api = await startApi({ worker: false });
});
afterAll(() => api.stop());
beforeEach(async () => {
  [ours, theirs] = (await Promise.all(
    ['ours', 'theirs'].map((name) => api.key(['admin'], `${name}-${randomUUID().slice(0, 8)}`)),
  )) as [string, string];
  const settings = connectSettings(api.store, {
    returnUrls: [PROCESS_URL],
    organisationName: 'Acme',
  });
  send = api.with({ connectSettings: settings, publicUrl: new URL('http://127.0.0.1') });
});

const show = (key: string) => send('GET', PATH, { key });
const change = (key: string, body: object) => send('PATCH', PATH, { key, body });
const session = (key: string, returnUrl: string) =>
  send('POST', '/api/admin/connect/sessions', {
    key,
    body: { provider: 'ebay', external_id: `shop-${randomUUID()}`, return_url: returnUrl },
  });

const BY_PROCESS = {
  return_urls: [PROCESS_URL],
  organisation_name: 'Acme',
  logo_url: null,
  language: 'en',
  sources: {
    return_urls: 'process',
    organisation_name: 'process',
    logo_url: 'none',
    language: 'process',
  },
};
const OWN = {
  return_urls: ['https://books.example/connected?from=evergrant'],
  organisation_name: 'Harbour Books',
  logo_url: 'https://cdn.books.example/logo.png',
  language: 'fr',
};

it('C24 C25 an organisation has the values of the process until it sets its own, and null resets them', async () => {
  expect((await show(ours)).body).toEqual(BY_PROCESS);
  const changed = await change(ours, OWN);
  const { sources } = changed.body;
  expect(changed.body).toEqual({ ...OWN, sources });
  expect(new Set(Object.values(sources))).toEqual(new Set(['organisation']));
  expect((await show(ours)).body).toEqual(changed.body);
  const reset = await change(ours, { return_urls: null, logo_url: null });
  expect(reset.body).toMatchObject({
    return_urls: [PROCESS_URL],
    logo_url: null,
    organisation_name: 'Harbour Books',
    sources: { return_urls: 'process', logo_url: 'none', organisation_name: 'organisation' },
  });
  expect((await change(ours, { organisation_name: null, language: null })).body).toEqual(
    BY_PROCESS,
  );
});

it('C24 C25 two organisations do not see each other’s settings', async () => {
  await change(ours, OWN);
  await change(theirs, { return_urls: ['https://tea.example/back'] });
  expect((await show(ours)).body).toMatchObject(OWN);
  expect((await show(theirs)).body).toMatchObject({
    return_urls: ['https://tea.example/back'],
    organisation_name: 'Acme',
    logo_url: null,
  });
  const [own = ''] = OWN.return_urls;
  expect((await session(ours, own)).status).toBe(201);
  expectError(await session(theirs, own), 400, 'invalid_request');
  expect((await session(theirs, 'https://tea.example/back')).status).toBe(201);
  expectError(await session(ours, 'https://tea.example/back'), 400, 'invalid_request');
  // The lists of both replace the list of the process.
  for (const key of [ours, theirs])
    expectError(await session(key, PROCESS_URL), 400, 'invalid_request');
});

it('C24 an empty list allows no return address, and a removed address is refused at once', async () => {
  expect((await session(ours, PROCESS_URL)).status).toBe(201);
  await change(ours, { return_urls: [] });
  expectError(await session(ours, PROCESS_URL), 400, 'invalid_request');
  expect((await show(ours)).body).toMatchObject({
    return_urls: [],
    sources: { return_urls: 'organisation' },
  });
});

it('C24 the links of a list of accounts need an allowed return address', async () => {
  const account = await send('POST', '/api/admin/accounts', {
    key: ours,
    body: {
      provider: 'ebay',
      external_id: `shop-${randomUUID()}`,
      refresh_token: api.consent().refresh_token,
    },
  });
  expect(account.status).toBe(201);
  await change(ours, { return_urls: ['https://books.example/back'] });
  const links = (return_url: string) =>
    send('POST', '/api/admin/connect/links', {
      key: ours,
      body: { status: account.body.status, return_url },
    });
  expectError(await links(PROCESS_URL), 400, 'invalid_request');
  expect((await links('https://books.example/back')).text).toContain('/connect/');
  const reconnect = (return_url: string) =>
    send('POST', `/api/admin/accounts/${account.body.id}/reconnect`, {
      key: ours,
      body: { return_url },
    });
  expectError(await reconnect(PROCESS_URL), 400, 'invalid_request');
  expect((await reconnect('https://books.example/back')).status).toBe(201);
});

it('C24 another process uses a change after at most 5 s', async () => {
  let now = Date.now();
  const elsewhere = new OrganisationSettings({
    store: api.store,
    now: () => new Date(now),
    defaults: { returnUrls: [], organisationName: null, logo: null, language: 'en' },
  });
  const organisation = `org-${randomUUID()}`;
  expect((await elsewhere.of(organisation)).organisationName).toBeNull();
  await change(await api.key(['admin'], organisation), OWN);
  now += 5_000;
  expect(await elsewhere.of(organisation)).toMatchObject({ returnUrls: OWN.return_urls });
  expect(await elsewhere.of(`${organisation}x`)).toMatchObject({ returnUrls: [] });
});

it('C25 concurrent first changes of one organisation all apply', async () => {
  const answers = await Promise.all([
    change(ours, { organisation_name: 'Harbour Books' }),
    change(ours, { logo_url: OWN.logo_url }),
    change(ours, { language: 'es' }),
    change(ours, { return_urls: OWN.return_urls }),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  expect((await show(ours)).body).toMatchObject({ ...OWN, language: 'es' });
});

it('C24 the audit names the changed members and the new addresses', async () => {
  const key = await api.key(['admin'], `org-${randomUUID()}`);
  await change(key, { return_urls: OWN.return_urls, language: 'de' });
  const { items } = (await send('GET', '/api/admin/audit?limit=10', { key })).body;
  expect(items).toContainEqual(
    expect.objectContaining({
      action: `PATCH ${PATH}`,
      details: expect.objectContaining({
        members: ['return_urls', 'language'],
        return_urls: OWN.return_urls,
        language: 'de',
      }),
    }),
  );
});

it.each<[string, string]>([
  ['a user name', 'https://user@app.example/done'],
  ['a password', 'https://user:secret@app.example/done'],
  ['an empty user name', 'https://@app.example/done'],
  ['a fragment', 'https://app.example/done#x'],
  ['an empty fragment', 'https://app.example/done#'],
  ['plain http', 'http://app.example/done'],
  ['a scheme that runs scripts', 'javascript:alert(1)'],
  ['a data URL', 'data:text/html,x'],
  ['no scheme', '//app.example/done'],
  ['a path', '/done'],
  ['an upper-case host', 'https://APP.example/done'],
  ['the default port', 'https://app.example:443/done'],
  ['a backslash', 'https:\\\\app.example\\done'],
  ['a backslash after the host', 'https://app.example\\@evil.example/'],
  ['a dot segment', 'https://app.example/a/../done'],
  ['a blank', ' https://app.example/done'],
  ['a line break', 'https://app.example/do\nne'],
  ['a host that is not ASCII', 'https://аpp.example/done'],
  ['a host with a semicolon', 'https://app.example;x.example/'],
  ['a host with a quote', "https://a'b.example/"],
  ['no path', 'https://app.example'],
  ['a loopback address as a label', 'http://127.0.0.1.example/'],
  ['too many characters', `https://app.example/${'x'.repeat(2_000)}`],
])('C24 a return address with %s is refused', async (_name, url) => {
  expectError(await change(ours, { return_urls: [url] }), 400, 'invalid_request');
});

it.each([
  'http://127.0.0.1:8080/back',
  'http://localhost/back',
  'http://[::1]:3000/back',
  'https://app.example:8443/back?x=1&y=%20',
])('C24 the return address %s is accepted', async (url) => {
  expect((await change(ours, { return_urls: [url] })).body.return_urls).toEqual([url]);
  expect((await session(ours, url)).status).toBe(201);
});

it.each<[string, string]>([
  ['a user name', 'https://app.example@evil.example/done'],
  ['our user name', 'https://user@app.example/done'],
  ['another port', 'https://app.example:8443/done'],
  ['the default port', 'https://app.example:443/done'],
  ['our address as a prefix', 'https://app.example/done/more'],
  ['our address as a prefix of a host', 'https://app.example.evil.example/done'],
  ['a query', 'https://app.example/done?next=https://evil.example'],
  ['another case of the host', 'https://APP.example/done'],
  ['another case of the path', 'https://app.example/Done'],
  ['a trailing slash', 'https://app.example/done/'],
  ['a trailing dot of the host', 'https://app.example./done'],
  ['a fragment', 'https://app.example/done#@evil.example'],
  ['a backslash', 'https://app.example\\@evil.example/done'],
  ['backslashes for slashes', 'https:\\\\app.example\\done'],
  ['plain http', 'http://app.example/done'],
  ['no scheme', '//app.example/done'],
  ['a dot segment', 'https://app.example/x/../done'],
  ['an encoded letter', 'https://app.example/%64one'],
  ['a leading blank', ' https://app.example/done'],
  ['a trailing line break', 'https://app.example/done\n'],
  ['a script', 'javascript:alert(1)//https://app.example/done'],
])('C24 a session with %s in its return_url is refused', async (_name, url) => {
  await change(ours, { return_urls: ['https://app.example/done'] });
  expectError(await session(ours, url), 400, 'invalid_request');
  // The list of the process has the same rule.
  expectError(await session(theirs, url), 400, 'invalid_request');
});

it.each<[string, object]>([
  ['21 addresses', { return_urls: Array.from({ length: 21 }, (_, n) => `https://a.example/${n}`) }],
  ['an address twice', { return_urls: [PROCESS_URL, PROCESS_URL] }],
  ['a number as an address', { return_urls: [7] }],
  ['an empty name', { organisation_name: '' }],
  ['a blank name', { organisation_name: '   ' }],
  ['an invisible name', { organisation_name: '\u200d\ufe0f' }],
  ['a name that reorders text', { organisation_name: 'Harbour \u202eskooB' }],
  ['a name of two lines', { organisation_name: 'Harbour\nBcc: x@example.com' }],
  ['a long name', { organisation_name: 'x'.repeat(101) }],
  ['a logo over http', { logo_url: 'http://127.0.0.1/logo.png' }],
  ['a logo with a user name', { logo_url: 'https://me@cdn.example/logo.png' }],
  ['a logo that adds to the policy', { logo_url: 'https://x;script-src.example/logo.png' }],
  ['a logo as data', { logo_url: 'data:image/png;base64,AA==' }],
  ['an unknown language', { language: 'it' }],
  ['an unknown member', { return_url: PROCESS_URL }],
])('C25 %s is refused, and nothing changes', async (_name, body) => {
  expectError(await change(ours, { language: 'de', ...body }), 400, 'invalid_request');
  expect((await show(ours)).body).toEqual(BY_PROCESS);
});

it('C24 a key with the scope connect reads the settings and cannot change them', async () => {
  const key = await api.key(['connect']);
  expect((await show(key)).status).toBe(200);
  expectError(await change(key, OWN), 403, 'forbidden');
});
