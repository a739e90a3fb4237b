/** A person connects and reconnects an account by a link, at the sandbox's consent page. */
import { createHash, randomBytes } from 'node:crypto';
import mongoose from 'mongoose';
import type { Page } from 'playwright-core';
import { eventually } from '../support/eventually';
import {
  expectAccessible,
  expectNoComplaints,
  expectNoHorizontalScroll,
  type Pages,
  startPages,
} from './_browser';

const RETURN_URL = 'http://127.0.0.1:1/done';

let pages: Pages;
beforeAll(async () => {
  pages = await startPages({
    providers: ['ebay', 'etsy', 'shopify', 'google', 'quickbooks'],
    returnUrls: [RETURN_URL],
  });
});
afterAll(() => pages.stop());

const name = () => `shop-${randomBytes(4).toString('hex')}`;

/** Creates a session over the API. */
async function session(body: object): Promise<{ id: string; url: string; account_id: string }> {
  const key = await pages.harness.key({ organisation: pages.organisation });
  const answer = await fetch(new URL('/api/admin/connect/sessions', pages.url), {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(answer.status).toBe(201);
  return JSON.parse(await answer.text());
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
  const callbacks: string[] = [];
  page.on('request', (request) => {
    if (request.url().includes('/connect/callback/')) callbacks.push(request.url());
  });
  await toProvider(page, made.url);
  await approve(page, subject);
  await heading(page, 'Connected');
  return { ...made, page, callback: () => callbacks[0] ?? '' };
}

async function expire(id: string): Promise<void> {
  const connection = await mongoose.createConnection(pages.harness.mongodbUri).asPromise();
  try {
    await connection
      .collection<{ _id: string }>('connect_sessions')
      .updateOne({ _id: id }, { $set: { expires_at: new Date(Date.now() - 1) } });
  } finally {
    await connection.close();
  }
}

describe('a connect link', () => {
  it.each(['ebay', 'etsy', 'google', 'quickbooks'])(
    'connects an account at %s, which then has a refresh token',
    async (provider) => {
      const { id, account_id: accountId, page } = await connect(provider, name());
      expect(await shown(id)).toMatchObject({ status: 'connected', failure: null });
      const account = await pages.harness.account(accountId);
      expect(account.current.refreshToken).toMatch(/^ENC:/);
      expectNoComplaints(page);
    },
  );

  it('asks for the shop of Shopify, and refuses a host that is not one', async () => {
    const { id, url, account_id: accountId } = await session({ provider: 'shopify' });
    const page = await pages.visitor();
    await page.goto(url);
    const shop = name();
    await page.getByLabel('Shop').fill('evil.example.com');
    await page.getByRole('button', { name: /^Continue to/ }).click();
    await page.getByText('Enter a value like acme.myshopify.com.').waitFor();
    await expectAccessible(page);
    await page.getByLabel('Shop').fill(shop);
    await page.getByRole('button', { name: /^Continue to/ }).click();
    await page.getByRole('button', { name: 'Approve' }).click();
    await heading(page, 'Connected');
    expect(await shown(id)).toMatchObject({ status: 'connected' });
    expect(await pages.harness.account(accountId)).toMatchObject({
      externalId: `${shop}.myshopify.com`,
    });
    expectNoComplaints(page, 400);
  });

  it('spends nothing when it is only opened, as mail scanners do', async () => {
    const { id, url } = await session({ provider: 'ebay', external_id: name() });
    for (let visit = 0; visit < 15; visit += 1)
      for (const method of ['GET', 'HEAD']) expect((await fetch(url, { method })).status).toBe(200);
    const page = await pages.visitor();
    await toProvider(page, url);
    await approve(page, name());
    await heading(page, 'Connected');
    expect((await shown(id)).status).toBe('connected');
  });

  it('connects once: a used link and a repeated callback change nothing', async () => {
    const { url, account_id: accountId, page, callback } = await connect('ebay', name());
    expect(callback()).toContain('code=');
    expect(new URL(page.url()).pathname).toMatch(/^\/connect\/result\/ccs_[0-9a-f]{24}$/);
    expect(new URL(page.url()).search).toBe('');
    const before = await pages.harness.account(accountId);
    await page.reload();
    await heading(page, 'Connected');
    await page.goto(callback());
    await heading(page, 'Connected');
    expectNoComplaints(page);
    const again = await pages.visitor();
    await again.goto(url);
    await again.getByText('This link was used already.').waitFor();
    await expectAccessible(again);
    expectNoComplaints(again, 410);
    expect(await pages.harness.account(accountId)).toEqual(before);
  });

  it('shows the result again after the back button and a second approval', async () => {
    const { account_id: accountId, page } = await connect('ebay', name());
    const before = await pages.harness.account(accountId);
    await page.goBack();
    await page.getByRole('heading', { name: /^Sandbox of/ }).waitFor();
    await approve(page, name());
    await heading(page, 'Connected');
    expect(page.url()).not.toContain('code');
    expect(await pages.harness.account(accountId)).toEqual(before);
    await page.goBack();
    await page.goBack();
    await page.getByText('This link was used already.').waitFor();
  });

  it('accepts the newest of two tabs', async () => {
    const {
      id,
      url,
      account_id: accountId,
    } = await session({
      provider: 'ebay',
      external_id: name(),
    });
    const first = await pages.visitor();
    const second = await first.context().newPage();
    await toProvider(first, url);
    await toProvider(second, url);
    await approve(first, name());
    await first.getByText('This sign-in is not known').waitFor();
    await expectAccessible(first);
    expect((await shown(id)).status).toBe('at_provider');
    await approve(second, name());
    await heading(second, 'Connected');
    expect((await shown(id)).status).toBe('connected');
    expect((await pages.harness.account(accountId)).generation).toBe(1);
    expectNoComplaints(first, 400);
  });

  it('stays usable after the person declined', async () => {
    const { id, url } = await session({ provider: 'ebay', external_id: name() });
    const page = await pages.visitor();
    await toProvider(page, url);
    await page.getByRole('button', { name: 'Decline' }).click();
    await page.getByText('You declined at the provider').waitFor();
    expect((await shown(id)).failure).toMatchObject({ code: 'access_denied' });
    await expectAccessible(page);
    await page.getByRole('link', { name: 'Try again' }).click();
    await page.getByText('The last attempt did not succeed.').waitFor();
    await page.getByRole('button', { name: /^Continue to/ }).click();
    await approve(page, name());
    await heading(page, 'Connected');
    expectNoComplaints(page);
  });

  it('works in one browser only: a callback in another browser is refused', async () => {
    const { id, url } = await session({ provider: 'ebay', external_id: name() });
    const page = await pages.visitor();
    await toProvider(page, url);
    // Without the cookie of the start, as in another browser.
    await page.context().clearCookies();
    await approve(page, name());
    await page.getByText('You started in another browser.').waitFor();
    expect((await shown(id)).status).toBe('opened');
    await expectAccessible(page);
  });

  it('shows nothing of a result to another browser', async () => {
    const { page, callback } = await connect('ebay', name());
    const other = await pages.visitor();
    await other.goto(page.url());
    await other.getByText('This sign-in is not known').waitFor();
    await other.goto(callback());
    await other.getByText('You started in another browser.').waitFor();
    expectNoComplaints(other, 400);
    await page.reload();
    await heading(page, 'Connected');
  });

  it('ends when it expires, and when it is revoked', async () => {
    const expired = await session({ provider: 'ebay', external_id: name() });
    await expire(expired.id);
    const revoked = await session({ provider: 'ebay', external_id: name() });
    const key = await pages.harness.key({ organisation: pages.organisation });
    await pages.harness.request(key, 'DELETE', `/api/admin/connect/sessions/${revoked.id}`);
    const page = await pages.visitor();
    for (const { url } of [expired, revoked]) {
      await page.goto(url);
      await heading(page, 'This link does not work any more');
    }
    await expectAccessible(page);
    expectNoComplaints(page, 410);
  });

  it('refuses a callback with another issuer', async () => {
    const { id, url } = await session({ provider: 'google', external_id: name() });
    const page = await pages.visitor();
    await toProvider(page, url);
    pages.harness.sandbox.scriptConsent({ kind: 'wrong_iss' });
    await approve(page, name());
    await page.getByText('came from an unexpected server').waitFor();
    expect((await shown(id)).failure).toMatchObject({ code: 'wrong_issuer' });
  });

  it('connects with fewer scopes, and refuses a consent without a required one', async () => {
    const scope = 'https://www.googleapis.com/auth/gmail.send';
    const choices = { provider: 'google', scopes: ['openid', scope] };
    const withFewer = async (body: object, outcome: string) => {
      const made = await session({ ...choices, ...body, external_id: name() });
      const page = await pages.visitor();
      await toProvider(page, made.url);
      await page.getByLabel(scope).uncheck();
      await approve(page, name());
      await page.getByText(outcome).waitFor();
      return { ...made, page };
    };
    const { account_id: accountId } = await withFewer({}, 'is connected to');
    expect((await pages.harness.account(accountId)).missingScopes).toEqual([scope]);
    const refused = await withFewer({ required_scopes: [scope] }, 'A required permission');
    expect(await shown(refused.id)).toMatchObject({
      status: 'refused',
      failure: { code: 'missing_scopes', detail: scope },
    });
    await expectAccessible(refused.page);
    await expect(pages.harness.account(refused.account_id)).rejects.toThrow('no account');
  });

  it('can be used again after the provider was down, and not after its answer was lost', async () => {
    const subject = name();
    const { id, url } = await session({ provider: 'ebay', external_id: subject });
    const page = await pages.visitor();
    await toProvider(page, url);
    pages.harness.sandbox.scriptConsent({ kind: 'error', error: 'server_error' });
    await approve(page, subject);
    await page.getByText('The provider reported a temporary error.').waitFor();
    await page.getByRole('link', { name: 'Try again' }).click();
    await page.getByRole('button', { name: /^Continue to/ }).click();
    const down = { kind: 'respond', status: 503, body: '' } as const;
    pages.harness.sandbox.script({ subject, answer: down });
    await approve(page, subject);
    await page.getByText('The provider reported a temporary error.').waitFor();
    await page.getByRole('link', { name: 'Try again' }).click();
    await page.getByRole('button', { name: /^Continue to/ }).click();
    pages.harness.sandbox.script({ subject, answer: { kind: 'drop', at: 'before_commit' } });
    await approve(page, subject);
    await page.getByText('answer was lost').waitFor();
    expect(await shown(id)).toMatchObject({ status: 'failed', failure: { code: 'answer_lost' } });
    expect(await page.getByRole('link', { name: 'Try again' }).count()).toBe(0);
    await expectAccessible(page);
    expectNoComplaints(page);
  });
});

describe('a link of mode app', () => {
  const verifier = randomBytes(32).toString('base64url');
  const choices = {
    provider: 'quickbooks',
    mode: 'app',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    return_url: RETURN_URL,
  };
  const finish = async (id: string, code_verifier: string) => {
    const key = await pages.harness.key({ organisation: pages.organisation });
    const path = `/api/connect/sessions/${id}/finish`;
    return pages.harness.request(key, 'POST', path, { code_verifier });
  };
  /** The person consents, and the browser returns to the application. */
  async function returned() {
    const made = await session({ ...choices, external_id: name() });
    const page = await pages.visitor();
    await page
      .context()
      .route(`${RETURN_URL}**`, (route) => route.fulfill({ body: 'application' }));
    await toProvider(page, made.url);
    await approve(page, name());
    await page.getByText('application').waitFor();
    expect(page.url()).toBe(`${RETURN_URL}?connect_session=${made.id}&status=awaiting_finish`);
    expectNoComplaints(page);
    return made;
  }

  it('connects once the application finishes with its verifier', async () => {
    const { id } = await returned();
    expect((await finish(id, verifier)).body).toMatchObject({ status: 'connected' });
  });

  it('is useless to a person to whom it was forwarded: the application has another verifier', async () => {
    const withdrawn: string[] = [];
    const off = pages.harness.sandbox.on('withdrawn', ({ provider }) => withdrawn.push(provider));
    const { id, account_id: accountId } = await returned();
    expect((await finish(id, randomBytes(32).toString('base64url'))).status).toBe(403);
    off();
    expect(await shown(id)).toMatchObject({ failure: { code: 'not_finished' } });
    await expect(pages.harness.account(accountId)).rejects.toThrow('no account');
    // Google would end other grants of the person, too, so the test uses another provider that revokes.
    expect(withdrawn).toContain('quickbooks');
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

it('shows a consent page without accessibility faults, also on a phone and with long scopes', async () => {
  const scopes = [`https://api.example.com/auth/${'long'.repeat(30)}`, 'read'];
  const { url } = await session({ provider: 'ebay', external_id: name(), scopes });
  const page = await pages.visitor({ viewport: { width: 390, height: 844 } });
  await page.goto(url);
  await heading(page, 'Connect eBay');
  await expectNoHorizontalScroll(page);
  await expectAccessible(page);
  expectNoComplaints(page);
});
