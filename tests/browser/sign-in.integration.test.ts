/** Sign-in and sign-out in the browser, and the requests that must be refused. */
import { randomUUID } from 'node:crypto';
import type { Page } from 'playwright-core';
import { eventually } from '../support/eventually';
import {
  expectAccessible,
  expectNoComplaints,
  expectNoHorizontalScroll,
  type Pages,
  signIn,
  startPages,
} from './_browser';

let pages: Pages;
beforeAll(async () => {
  pages = await startPages({ worker: false });
});
afterAll(() => pages.stop());

const alertOn = (page: Page) => page.getByRole('alert').textContent();
const pathOf = (page: Page) => new URL(page.url()).pathname;

describe('sign-in', () => {
  it('leads from the root address to the workers, and shows the organisation', async () => {
    const page = await pages.visitor();
    await page.goto('/');
    expect(pathOf(page)).toBe('/sign-in');
    await signIn(page, await pages.harness.key({ organisation: pages.organisation }));
    await page.waitForURL('**/admin/overview');
    expect(await page.getByText(pages.organisation).isVisible()).toBe(true);
    expectNoComplaints(page);
  });

  it('shows both roles of a session with admin and operator, the highest first', async () => {
    const page = await pages.signedIn({ scopes: ['operator', 'read', 'admin'] });
    const badges = page.getByRole('banner').locator('.badge');
    expect(await badges.allTextContents()).toEqual(['admin', 'operator']);
  });

  it('works with the keyboard alone', async () => {
    const page = await pages.visitor();
    await page.goto('/sign-in');
    await page.keyboard.type(await pages.harness.key());
    await page.keyboard.press('Enter');
    await page.waitForURL('**/admin/overview');
    await page.keyboard.press('Tab');
    expect(await page.locator(':focus').textContent()).toContain('Skip to the content');
    await page.keyboard.press('Enter');
    expect(await page.locator(':focus').getAttribute('id')).toBe('main');
  });

  it('opens the requested page with its query', async () => {
    const page = await pages.visitor();
    await page.goto('/admin/workers?provider=ebay');
    expect(pathOf(page)).toBe('/sign-in');
    await signIn(page, await pages.harness.key());
    await page.waitForURL('**/admin/**');
    expect(page.url()).toBe(`${pages.url}/admin/workers?provider=ebay`);
  });

  it.each([
    'https://evil.example/admin/workers',
    '//evil.example/admin/workers',
    '/\\evil.example/admin/workers',
    '/\t/evil.example/admin/workers',
    'javascript:alert(1)//admin/',
    '/api/admin/accounts',
  ])('does not redirect to %j', async (next) => {
    const page = await pages.visitor();
    await page.goto(`/sign-in?next=${encodeURIComponent(next)}`);
    await signIn(page, await pages.harness.key());
    await page.waitForURL('**/admin/**');
    expect(page.url()).toBe(`${pages.url}/admin/overview`);
  });

  it('refuses a wrong key with a reason and starts no session', async () => {
    const page = await pages.visitor();
    await signIn(page, `evg_${'0'.repeat(16)}_${'A'.repeat(43)}`);
    expect(await alertOn(page)).toBe('This API key is unknown. It may be revoked or mistyped.');
    await page.goto('/admin/workers');
    expect(pathOf(page)).toBe('/sign-in');
  });

  it.each([['tokens' as const], ['internal' as const]])(
    'refuses a key with only the scope %s and shows the reason',
    async (scope) => {
      const page = await pages.visitor();
      await signIn(page, await pages.harness.key({ scopes: [scope] }));
      expect(await alertOn(page)).toContain(`the scope ${scope}`);
    },
  );

  it('puts the key in no cookie, address or page', async () => {
    const key = await pages.harness.key();
    const page = await pages.visitor();
    await signIn(page, key);
    await page.waitForURL('**/admin/overview');
    const cookies = await page.context().cookies();
    const [session] = cookies.filter(({ name }) => name === 'evergrant_session');
    expect(session).toMatchObject({ httpOnly: true, sameSite: 'Lax', path: '/' });
    const secret = key.slice(-43);
    for (const text of [JSON.stringify(cookies), page.url(), await page.content()])
      expect(text).not.toContain(secret);
  });
});

describe('a session', () => {
  it('ends within five seconds after its key is revoked, even on an open page', async () => {
    const key = await pages.harness.key({ organisation: pages.organisation });
    const page = await pages.visitor();
    await signIn(page, key);
    await page.waitForURL('**/admin/overview');
    await page.getByText('Live', { exact: true }).waitFor();
    const keyId = key.split('_')[1] ?? '';
    await pages.harness.store.apiKeys.revoke(pages.organisation, keyId);
    expect((await page.request.get('/admin/workers', { maxRedirects: 0 })).status()).toBe(303);
    await page.waitForURL('**/sign-in?next=%2Fadmin%2Foverview');
  });

  it('ends with the sign-out', async () => {
    const page = await pages.signedIn();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForURL('**/sign-in');
    await page.goBack();
    await eventually(() => pathOf(page) === '/sign-in');
    expect(await page.getByText(pages.organisation).count()).toBe(0);
  });

  it('is refused after its sign-out when another client sends its cookie', async () => {
    const page = await pages.signedIn();
    const [session] = await page.context().cookies();
    const replay = () =>
      fetch(`${pages.url}/admin/workers`, {
        headers: { cookie: `${session?.name}=${session?.value}` },
        redirect: 'manual',
      });
    expect((await replay()).status).toBe(200);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForURL('**/sign-in');
    expect((await replay()).status).toBe(303);
  });

  it('is refused with a forged secret', async () => {
    const page = await pages.signedIn();
    const [session] = await page.context().cookies();
    const forged = `${session?.value.slice(0, -43)}${'A'.repeat(43)}`;
    const answer = await fetch(`${pages.url}/admin/workers`, {
      headers: { cookie: `evergrant_session=${forged}` },
      redirect: 'manual',
    });
    expect(answer.status).toBe(303);
  });

  it('redirects the whole page to the sign-in page when a fragment is requested without a session', async () => {
    const answer = await fetch(`${pages.url}/admin/workers/stream`, {
      headers: { 'hx-request': 'true', 'hx-current-url': `${pages.url}/admin/workers?a=b` },
    });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('hx-redirect')).toBe('/sign-in?next=%2Fadmin%2Fworkers%3Fa%3Db');
  });

  it('of a read-only key is refused every change', async () => {
    const post = async (page: Page) =>
      page.request.post('/admin/anything', { headers: { origin: pages.url } });
    const reader = await pages.signedIn({ scopes: ['read'] });
    const refused = await post(reader);
    expect(refused.status()).toBe(403);
    expect(await refused.text()).toContain('lacks the scope &quot;admin&quot;');
    expect(await reader.getByText('read-only').isVisible()).toBe(true);
    expect((await post(await pages.signedIn())).status()).toBe(404);
  });

  it('gives no access to the API', async () => {
    const page = await pages.signedIn();
    expect((await page.request.get('/api/admin/accounts')).status()).toBe(401);
  });
});

describe('a request from another site', () => {
  /** Sends a request as a browser does from that origin, with the session cookie. */
  async function post(headers: Record<string, string>): Promise<number> {
    const page = await pages.signedIn();
    const cookie = (await page.context().cookies())
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
    const body = new URLSearchParams({ theme: 'dark' });
    const init = { method: 'POST', headers: { ...headers, cookie }, body };
    return (await fetch(`${pages.url}/preferences`, { ...init, redirect: 'manual' })).status;
  }

  it.each<[string, Record<string, string>, number]>([
    ['another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }, 403],
    ['a sibling site', { origin: 'http://127.0.0.1:1', 'sec-fetch-site': 'same-site' }, 403],
    ['a page without an origin', { origin: 'null' }, 403],
    ['a client that sends neither header', {}, 403],
    ['one of our pages', { 'sec-fetch-site': 'same-origin' }, 303],
  ])('responds to %s with the right status', async (_name, headers, status) => {
    expect(await post(headers)).toBe(status);
  });

  it('is refused with a reason when it comes from a form of another site', async () => {
    const page = await pages.signedIn();
    const foreign = `http://localhost:${new URL(pages.url).port}`;
    await page.route(`${foreign}/trap`, (route) =>
      route.fulfill({
        contentType: 'text/html',
        body: `<form method="post" action="${pages.url}/sign-out"><button>Win a prize</button></form>`,
      }),
    );
    await page.goto(`${foreign}/trap`);
    await page.getByRole('button').click();
    expect(await alertOn(page)).toContain('did not come from a page of Evergrant');
    await page.goto(`${pages.url}/admin/workers`);
    expect(pathOf(page)).toBe('/admin/workers');
  });
});

describe('the sign-in page', () => {
  it('is accessible in both themes and fits a phone', async () => {
    const page = await pages.visitor();
    await page.goto('/sign-in');
    await expectAccessible(page);
    await expectNoHorizontalScroll(page);
    expectNoComplaints(page);
  });

  it('keeps the chosen theme across pages, regardless of the system theme', async () => {
    const page = await pages.visitor({ colorScheme: 'light' });
    const background = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    await page.goto(`/sign-in?next=${randomUUID()}`);
    const light = await background();
    await page.getByRole('button', { name: 'Theme: dark' }).click();
    await eventually(async () => (await background()) !== light);
    await page.goto('/sign-in');
    expect(await background()).not.toBe(light);
    await page.getByRole('button', { name: 'Theme: light' }).click();
    await eventually(async () => (await background()) === light);
  });

  it('offers the preferences of lists only after the sign-in, and keeps them across pages', async () => {
    const page = await pages.visitor();
    await page.goto('/sign-in');
    expect(await page.getByRole('button', { name: /^(Times|Density): / }).count()).toBe(0);
    const organisation = `org-${randomUUID()}`;
    await pages.harness.addAccount({ organisation, expiresInMs: 3600_000, refreshedAgoMs: 0 });
    const signedIn = await pages.signedIn({ organisation });
    await signedIn.goto('/admin/accounts');
    const time = signedIn.locator('td time').first();
    await eventually(async () => (await time.textContent())?.startsWith('in ') === true);
    await signedIn.getByRole('button', { name: 'Times: utc' }).click();
    const isOneLine = async () =>
      /^[A-Z][a-z]{2} \d+ [\d:]{8}$/.test((await time.textContent()) ?? '');
    await eventually(isOneLine);
    expect(await time.getAttribute('title')).toMatch(/^\d{4}-[\d: -]{14} local time$/);
    await signedIn.getByRole('button', { name: 'Times: local' }).click();
    await eventually(async () => (await time.getAttribute('title'))?.endsWith(' UTC') === true);
    expect(await isOneLine()).toBe(true);
    await signedIn.getByRole('button', { name: 'Density: compact' }).click();
    await signedIn.waitForURL('**/admin/accounts');
    await signedIn.goto('/docs');
    const chosen = await signedIn.getByRole('button', { pressed: true }).allTextContents();
    expect(chosen).toEqual(['Local', '', '']);
    expect(await signedIn.locator('html').getAttribute('data-density')).toBe('compact');
    expectNoComplaints(signedIn);
  });
});
