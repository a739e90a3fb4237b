/** A person connects and reconnects an account by a link, at the sandbox's consent page. */
import { randomBytes } from 'node:crypto';
import type { Page } from 'playwright-core';
import { eventually } from '../support/eventually';
import { expectAccessible, expectNoHorizontalScroll, type Pages, startPages } from './_browser';

let pages: Pages;
beforeAll(async () => {
  pages = await startPages({ providers: ['ebay', 'etsy'] });
});
afterAll(() => pages.stop());

const name = () => `shop-${randomBytes(4).toString('hex')}`;

/** Creates a session over the API. */
async function session(body: object): Promise<{ id: string; url: string; account_id: string }> {
  const key = await pages.harness.key({ organisation: pages.organisation });
  const answer = await pages.harness.request(key, 'POST', '/api/admin/connect/sessions', body);
  expect(answer.status).toBe(201);
  // The harness answers on another port than the pages.
  return { ...answer.body, url: new URL(new URL(answer.body.url).pathname, pages.url).href };
}

async function shown(id: string) {
  const key = await pages.harness.key({ organisation: pages.organisation });
  return (await pages.harness.request(key, 'GET', `/api/admin/connect/sessions/${id}`)).body;
}

async function toProvider(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.getByRole('button', { name: /^Continue to/ }).click();
  await page.getByRole('heading', { name: /^Sandbox of/ }).waitFor();
}

async function approve(page: Page, subject: string): Promise<void> {
  await page.getByLabel('Another account').fill(subject);
  await page.getByRole('button', { name: 'Approve' }).click();
}

const heading = (page: Page, text: string) => page.getByRole('heading', { name: text }).waitFor();

async function connect(provider: string, subject: string) {
  const made = await session({ provider, external_id: subject, label: subject });
  const page = await pages.visitor();
  await toProvider(page, made.url);
  await approve(page, subject);
  await heading(page, 'Connected');
  return { ...made, page };
}

describe('a connect link', () => {
  it.each(['ebay', 'etsy'])(
    'connects an account at %s, which then has a refresh token',
    async (provider) => {
      const { id, account_id: accountId } = await connect(provider, name());
      expect(await shown(id)).toMatchObject({ status: 'connected', failure: null });
      const account = await pages.harness.account(accountId);
      expect(account.current.refreshToken).toMatch(/^ENC:/);
    },
  );

  it('spends nothing when it is only opened, as mail scanners do', async () => {
    const { id, url } = await session({ provider: 'ebay', external_id: name() });
    for (let visit = 0; visit < 3; visit += 1) expect((await fetch(url)).status).toBe(200);
    const page = await pages.visitor();
    await toProvider(page, url);
    await approve(page, name());
    await heading(page, 'Connected');
    expect((await shown(id)).status).toBe('connected');
  });

  it('connects once: a second visit and a repeated callback change nothing', async () => {
    const { url, account_id: accountId, page } = await connect('ebay', name());
    const before = await pages.harness.account(accountId);
    await page.reload();
    const again = await pages.visitor();
    await again.goto(url);
    await again.getByText('This link was used already.').waitFor();
    expect(await pages.harness.account(accountId)).toEqual(before);
  });

  it('stays usable after the person declined', async () => {
    const { id, url } = await session({ provider: 'ebay', external_id: name() });
    const page = await pages.visitor();
    await toProvider(page, url);
    await page.getByRole('button', { name: 'Decline' }).click();
    await page.getByText('You declined at the provider').waitFor();
    expect((await shown(id)).failure).toMatchObject({ code: 'access_denied' });
    await toProvider(page, url);
    await approve(page, name());
    await heading(page, 'Connected');
  });

  it('works in one browser only: a callback in another browser is refused', async () => {
    const { id, url } = await session({ provider: 'ebay', external_id: name() });
    const page = await pages.visitor();
    await toProvider(page, url);
    // Without the cookie of the start, as in another browser.
    await page.context().clearCookies();
    await approve(page, name());
    await page.getByText('You started in another browser.').waitFor();
    expect((await shown(id)).status).not.toBe('connected');
  });
});

describe('a reconnect link', () => {
  it('replaces the grant of an account that needs a reconnect', async () => {
    const subject = name();
    const { account_id: accountId } = await connect('ebay', subject);
    const before = await pages.harness.account(accountId);
    await pages.harness.store.accounts.patch(
      pages.organisation,
      accountId,
      { state: 'needs_reconnect' },
      new Date(),
    );
    const again = await session({ account_id: accountId });
    const page = await pages.visitor();
    await toProvider(page, again.url);
    await approve(page, subject);
    await heading(page, 'Connected');
    const after = await pages.harness.account(accountId);
    expect(after.state).toBe('active');
    expect(after.current.refreshToken).not.toBe(before.current.refreshToken);
  });

  it('refuses another person, and keeps the grant', async () => {
    const { account_id: accountId } = await connect('ebay', name());
    const before = await pages.harness.account(accountId);
    const again = await session({ account_id: accountId });
    const page = await pages.visitor();
    await toProvider(page, again.url);
    await approve(page, name());
    await eventually(async () => (await shown(again.id)).status === 'refused');
    expect((await shown(again.id)).failure).toMatchObject({ code: 'different_subject' });
    expect((await pages.harness.account(accountId)).current).toEqual(before.current);
  });
});

it('shows a consent page without accessibility faults, also on a phone', async () => {
  const { url } = await session({ provider: 'ebay', external_id: name() });
  const page = await pages.visitor({ viewport: { width: 360, height: 740 } });
  await page.goto(url);
  await heading(page, 'Connect eBay');
  await expectNoHorizontalScroll(page);
  await expectAccessible(page);
});
