/** C24, C25: the settings of organisations on the consent pages, and the form that changes them. */
import { randomUUID } from 'node:crypto';
import { type Api, type Send, startApi } from '../api/_api';
import { connectSettings } from '../support/connect-settings';
import { browserOf, decide, startAt } from '../support/sandbox-consent';

const FORM = {
  'content-type': 'application/x-www-form-urlencoded',
  'sec-fetch-site': 'same-origin',
};
const SETTINGS = '/api/admin/connect/settings';
const PAGE = '/admin/connect-settings';

let api: Api;
let send: Send;
beforeAll(async () => {
  api = await startApi();
  await api.harness.startWorker();
  send = api.with({
    publicUrl: new URL('http://127.0.0.1'),
    connectSettings: connectSettings(api.store, {
      organisationName: 'Acme',
      logo: new URL('https://acme.example/logo.svg'),
    }),
  });
});
afterAll(() => api.stop());

const browser = browserOf(() => send);

interface Organisation {
  key: string;
  /** Makes a link. */
  link(body?: object): Promise<{ url: string; id: string; external_id: string }>;
  change(body: object): Promise<void>;
}

async function organisation(settings?: object): Promise<Organisation> {
  const key = await api.key(['admin'], `org-${randomUUID().slice(0, 8)}`);
  const one: Organisation = {
    key,
    async link(body = {}) {
      const answer = await send('POST', '/api/admin/connect/sessions', {
        key,
        body: { provider: 'ebay', external_id: `shop_${randomUUID()}`, ...body },
      });
      expect(answer.status).toBe(201);
      return answer.body;
    },
    async change(body) {
      expect((await send('PATCH', SETTINGS, { key, body })).status).toBe(200);
    },
  };
  if (settings !== undefined) await one.change(settings);
  return one;
}

const open = (path: string, cookie = '') =>
  send('GET', path, { key: null, headers: { cookie, 'accept-language': 'en' } });
const pathOf = ({ url }: { url: string }) => new URL(url).pathname;
/** The hosts of images that a page allows. */
const imagesOf = ({ headers }: { headers: Headers }) =>
  / img-src ([^;]*)/.exec(headers.get('content-security-policy') ?? '')?.[1];

it('C25 each consent page has the name and the logo of its organisation, and allows no other host', async () => {
  const books = await organisation({
    organisation_name: 'Harbour <Books>',
    logo_url: 'https://cdn.books.example/logo.png?a=1&b=2',
  });
  const tea = await organisation({ organisation_name: 'Tea' });
  const plain = await organisation();
  const pages = {
    books: await open(pathOf(await books.link())),
    tea: await open(pathOf(await tea.link())),
    plain: await open(pathOf(await plain.link())),
  };
  expect(pages.books.text).toContain('Harbour &lt;Books&gt; asks for access');
  expect(pages.books.text).toContain('src="https://cdn.books.example/logo.png?a=1&amp;b=2"');
  expect(imagesOf(pages.books)).toBe("'self' data: https://cdn.books.example");
  expect(pages.tea.text).toContain('Tea asks for access');
  expect(pages.plain.text).toContain('Acme asks for access');
  for (const page of [pages.tea, pages.plain]) {
    expect(page.text).toContain('src="https://acme.example/logo.svg"');
    expect(imagesOf(page)).toBe("'self' data: https://acme.example");
    expect(page.text).not.toContain('Books');
  }
  // A page of no organisation shows none.
  const unknown = await open('/connect/result/unknown');
  expect(unknown.text).not.toMatch(/Books|Tea/);
  expect(imagesOf(unknown)).toBe("'self' data: https://acme.example");
});

it('C25 shows a change at once, on the result as well', async () => {
  const books = await organisation({ organisation_name: 'Before' });
  const link = await books.link();
  expect((await open(pathOf(link))).text).toContain('Before asks for access');
  await books.change({ organisation_name: 'After', logo_url: 'https://after.example/l.png' });
  expect((await open(pathOf(link))).text).toContain('After asks for access');
  const started = await startAt(browser, link.url);
  const callback = await decide(started, link.external_id);
  await open(callback, started.cookie);
  const result = await open(`/connect/result/${link.id}`, started.cookie);
  expect(result.text).toContain('is connected to After');
  expect(imagesOf(result)).toBe("'self' data: https://after.example");
});

it('C24 returns to an allowed address, and shows the result without a link if it was removed since', async () => {
  const address = 'https://books.example/back?x=1';
  const books = await organisation({ return_urls: [address] });
  const allowed = await books.link({ return_url: address });
  const removed = await books.link({ return_url: address });
  const first = await startAt(browser, allowed.url);
  const returned = await open(await decide(first, allowed.external_id), first.cookie);
  expect(returned.headers.get('location')).toBe(
    `${address}&connect_session=${allowed.id}&status=connected`,
  );
  const second = await startAt(browser, removed.url);
  const callback = await decide(second, removed.external_id);
  await books.change({ return_urls: ['https://books.example/other'] });
  const answer = await open(callback, second.cookie);
  expect(answer.headers.get('location')).toBe(`/connect/result/${removed.id}`);
  const result = await open(`/connect/result/${removed.id}`, second.cookie);
  expect(result.text).toContain('is connected to');
  expect(result.text).not.toContain('books.example');
  // The address of a consent that is done is checked again, too.
  const done = await open(`/connect/result/${allowed.id}`, first.cookie);
  expect(done.text).not.toContain('books.example');
  await books.change({ return_urls: [address] });
  const again = await open(`/connect/result/${allowed.id}`, first.cookie);
  expect(again.text).toContain('href="https://books.example/back?x=1&amp;connect_session=');
});

describe('the form', () => {
  const signIn = async (key: string) => {
    const signedIn = await send('POST', '/sign-in', {
      key: null,
      text: new URLSearchParams({ key }).toString(),
      headers: FORM,
    });
    return (signedIn.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
  };
  const post = (cookie: string, fields: Record<string, string>) =>
    send('POST', PAGE, {
      key: null,
      text: new URLSearchParams(fields).toString(),
      headers: { ...FORM, cookie },
    });
  const FIELDS = {
    organisation_name: 'Harbour Books',
    logo_url: 'https://cdn.books.example/logo.png',
    return_urls: 'https://books.example/a\r\n\r\n  https://books.example/b  ',
    language: 'fr',
  };
  const stored = async ({ key }: Organisation) => (await send('GET', SETTINGS, { key })).body;

  it('C25 saves settings, and resets a setting whose field is empty', async () => {
    const books = await organisation();
    const cookie = await signIn(books.key);
    expect((await open(PAGE, cookie)).text).toContain('Default: Acme');
    const saved = await post(cookie, FIELDS);
    expect(saved).toMatchObject({ status: 303 });
    expect((await open(saved.headers.get('location') ?? '', cookie)).text).toContain('saved');
    expect(await stored(books)).toMatchObject({
      ...FIELDS,
      return_urls: ['https://books.example/a', 'https://books.example/b'],
    });
    const shown = (await open(PAGE, cookie)).text;
    expect(shown).toContain('value="Harbour Books"');
    expect(shown).toContain('https://books.example/a\nhttps://books.example/b</textarea>');
    await post(cookie, { ...FIELDS, organisation_name: '', return_urls: ' ' });
    expect(await stored(books)).toMatchObject({
      organisation_name: 'Acme',
      sources: { organisation_name: 'process', return_urls: 'none', logo_url: 'organisation' },
    });
  });

  it('C24 shows the problem beside the field, and keeps what was typed', async () => {
    const books = await organisation();
    const cookie = await signIn(books.key);
    const refused = await post(cookie, {
      ...FIELDS,
      return_urls: 'https://books.example/a\nhttps://me@books.example/"<b>',
      logo_url: 'http://cdn.books.example/',
    });
    expect(refused.status).toBe(400);
    expect(refused.text).toContain('value="Harbour Books"');
    expect(refused.text).toContain('value="http://cdn.books.example/"');
    expect(refused.text).toContain('&lt;b&gt;</textarea>');
    expect(refused.text).toMatch(
      /<p id="return_urls-problem"[^>]*>Address 2 must not contain a user name/,
    );
    expect(refused.text).toMatch(/<p id="logo_url-problem"[^>]*>This value must begin with https/);
    expect(refused.text).not.toContain('id="language-problem"');
    expect(refused.text).toMatch(/<option value="fr" selected[^>]*>/);
    expect(await stored(books)).toMatchObject({ organisation_name: 'Acme' });
  });

  it('C24 keeps a list that allows no address', async () => {
    const books = await organisation({ return_urls: [] });
    const cookie = await signIn(books.key);
    await post(cookie, { ...FIELDS, return_urls: '' });
    expect(await stored(books)).toMatchObject({
      organisation_name: 'Harbour Books',
      return_urls: [],
      sources: { return_urls: 'organisation' },
    });
  });

  it('C25 is read-only without the scope admin', async () => {
    const key = await api.key(['read']);
    const cookie = await signIn(key);
    const page = await open(PAGE, cookie);
    expect(page.status).toBe(200);
    expect(page.text).not.toContain('>Save</button>');
    expect((await post(cookie, FIELDS)).status).toBe(403);
  });
});
