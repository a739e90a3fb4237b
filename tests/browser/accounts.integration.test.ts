/** The pages Admin → Accounts and one account: what they show and which actions they allow. */
import { randomBytes } from 'node:crypto';
import type { Page } from 'playwright-core';
import { AccountState } from '../../src/domain/account/account';
import { eventually } from '../support/eventually';
import {
  expectAccessible,
  expectNoComplaints,
  expectNoHorizontalScroll,
  type Pages,
  pick,
  startPages,
} from './_browser';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Due neither by its expiry nor by the failsafe interval. */
const FRESH = { expiresInMs: HOUR_MS, refreshedAgoMs: MINUTE_MS };

let pages: Pages;
beforeAll(async () => {
  pages = await startPages({ providers: ['ebay', 'etsy'] });
});
afterAll(() => pages.stop());

const anOrganisation = () => `org-${randomBytes(4).toString('hex')}`;
const add: Pages['harness']['addAccount'] = (account = {}) =>
  pages.harness.addAccount({ organisation: pages.organisation, ...FRESH, ...account });
const patch = (id: string, change: object) =>
  pages.harness.store.accounts.patch(pages.organisation, id, change, new Date());
const labels = (page: Page) =>
  page.locator('tbody').getByRole('rowheader').getByRole('link').allTextContents();
const live = (page: Page) => page.getByText('Live', { exact: true }).waitFor();

async function open(page: Page, id: string): Promise<void> {
  await page.goto(`/admin/accounts/${id}`);
  await live(page);
}

describe('Admin → Accounts', () => {
  it('R1.9 shows each account’s status, due times and last attempt', async () => {
    const organisation = anOrganisation();
    const mine = (account: object) => add({ organisation, ...account });
    const state = async (label: string, to: AccountState) => {
      const { id } = await mine({ label });
      await pages.harness.store.accounts.patch(organisation, id, { state: to }, new Date());
    };
    await mine({ label: 'is well' });
    await mine({ label: 'ends soon', expiresInMs: 10 * MINUTE_MS });
    await mine({ label: 'has ended', expiresInMs: -MINUTE_MS });
    await state('is refused', AccountState.needsReconnect);
    await state('is out', AccountState.inactive);
    await state('is off', AccountState.disabled);
    const page = await pages.signedIn({ organisation });
    await page.getByRole('link', { name: 'Accounts', exact: true }).click();
    await page.getByRole('row', { name: 'is well' }).waitFor();

    const statuses = {
      'is well': 'OK',
      'ends soon': 'Expiring soon',
      'has ended': 'Expired',
      'is refused': 'Needs reconnect',
      'is out': 'Inactive',
      'is off': 'Disabled',
    };
    for (const [label, status] of Object.entries(statuses)) {
      const row = page.getByRole('row', { name: label });
      expect(await row.getByText(status, { exact: true }).isVisible()).toBe(true);
      expect(await row.getByText('none yet').isVisible()).toBe(true);
    }
    const ends = page.getByRole('row', { name: 'ends soon' });
    expect(await ends.getByText(/^in (9 min \d+ s|10 min)$/).isVisible()).toBe(true);
    expect(await ends.getByText('Due', { exact: true }).isVisible()).toBe(true);
    expect(await page.getByRole('search').getByText(organisation).isVisible()).toBe(true);
    expectNoComplaints(page);
  });

  it('shows that a new account is not yet refreshed and has no token, expiry or fingerprint', async () => {
    const organisation = anOrganisation();
    const { id } = await add({ organisation, label: 'is new', isNew: true });
    const page = await pages.signedIn({ organisation });
    await page.goto('/admin/accounts');
    const row = page.getByRole('row', { name: 'is new' });
    expect(await row.getByText('Not yet refreshed', { exact: true }).isVisible()).toBe(true);
    expect(await row.getByRole('cell').nth(3).textContent()).toBe('none yet');
    await open(page, id);
    const facts = page.getByRole('region', { name: 'Due times' });
    expect(await facts.textContent()).toMatch(/Access token expires *no access token yet/);
    expect(await facts.textContent()).toMatch(/Last refreshed *never/);
    const token = page.getByRole('row', { name: 'Access token' });
    expect(await token.getByRole('cell').first().textContent()).toBe('–');
    expectNoComplaints(page);
  });

  it('rounds times to the nearest unit', async () => {
    const organisation = anOrganisation();
    const almost = (ms: number) => ms - MINUTE_MS / 4;
    await add({ organisation, label: 'in two hours', expiresInMs: almost(2 * HOUR_MS) });
    await add({ organisation, label: 'in two days', expiresInMs: almost(48 * HOUR_MS) });
    const page = await pages.signedIn({ organisation });
    await page.goto('/admin/accounts');
    const end = (name: string) =>
      page
        .getByRole('row', { name })
        .locator('[data-label="Access token expires"] time')
        .textContent();
    expect(await end('in two hours')).toMatch(/^in (2 h|1 h 59 min)$/);
    expect(await end('in two days')).toBe('in 2 d');
  });

  it('searches and filters without a reload, with a shareable address', async () => {
    const organisation = anOrganisation();
    const mine = (account: object) => add({ organisation, ...account });
    await mine({ label: 'Berlin Books' });
    await mine({ label: 'Berlin Toys', environment: 'sandbox' });
    const etsy = await mine({ label: 'Berlin Prints', provider: 'etsy' });
    await mine({ label: 'Hamburg Books', expiresInMs: -MINUTE_MS });
    const change = { kind: 'booking' };
    await pages.harness.store.accounts.patch(organisation, etsy.id, change, new Date());
    const page = await pages.signedIn({ organisation });
    await page.goto('/admin/accounts');
    await page.evaluate('document.body.dataset.same = "yes"');
    const shows = (expected: string[]) =>
      eventually(async () => String((await labels(page)).toSorted()) === String(expected));

    await page.getByLabel('Search').fill('BERLIN');
    await shows(['Berlin Books', 'Berlin Prints', 'Berlin Toys']);
    await pick(page, 'Environment', 'production');
    await shows(['Berlin Books', 'Berlin Prints']);
    await pick(page, 'Kind', 'booking');
    await shows(['Berlin Prints']);
    expect(await page.evaluate('document.body.dataset.same')).toBe('yes');

    const { search } = new URL(page.url());
    expect(search).toBe('?q=BERLIN&environment=production&kind=booking&sort=expires_at');
    const colleague = await pages.signedIn({ organisation, scopes: ['read'] });
    await colleague.goto(`/admin/accounts${search}`);
    expect(await labels(colleague)).toEqual(['Berlin Prints']);
    expect(await colleague.getByLabel('Search').inputValue()).toBe('BERLIN');
    expect(await colleague.getByText('Environment (1)').isVisible()).toBe(true);

    await page.goto('/admin/accounts');
    await pick(page, 'Status', 'Expired');
    await shows(['Hamburg Books']);
    await pick(page, 'Provider', 'etsy');
    await page.getByText('No accounts match these filters.').waitFor();
    await page.getByRole('link', { name: 'Show all' }).click();
    await shows(['Berlin Books', 'Berlin Prints', 'Berlin Toys', 'Hamburg Books']);
    expectNoComplaints(page);
  });

  it('sorts accounts by expiry or by name over all pages, without duplicates', async () => {
    const organisation = anOrganisation();
    const expected: string[] = [];
    for (let count = 0; count < 120; count += 1) {
      const label = `Shop ${String(count).padStart(3, '0')}`;
      expected.push(label);
      // The order of names is the reverse of the order of expiry.
      await add({ organisation, label, expiresInMs: HOUR_MS + (120 - count) * MINUTE_MS });
    }
    const page = await pages.signedIn({ organisation });
    const all = async () => {
      const seen = [await labels(page)];
      for (;;) {
        const next = page.getByRole('link', { name: 'Next page' });
        if ((await next.count()) === 0) return seen;
        await next.click();
        await page.waitForURL(/cursor=/);
        const last = seen.at(-1)?.[0];
        await eventually(async () => (await labels(page))[0] !== last);
        seen.push(await labels(page));
      }
    };
    await page.goto('/admin/accounts');
    const byExpiry = await all();
    expect(byExpiry.map((one) => one.length)).toEqual([50, 50, 20]);
    expect(byExpiry.flat()).toEqual(expected.toReversed());

    await page.getByRole('link', { name: 'First page' }).click();
    await page.getByLabel('Sort by').selectOption('Name');
    await page.waitForURL('**/admin/accounts?sort=label');
    expect((await all()).flat()).toEqual(expected);
    expect(
      await page.getByRole('columnheader', { name: 'Account' }).getAttribute('aria-sort'),
    ).toBe('ascending');
    expectNoComplaints(page);
  });

  it('works without scripts', async () => {
    const { label } = await add({ label: `Shop ${randomBytes(4).toString('hex')}` });
    await add();
    const page = await pages.signedIn();
    await page.route('**/evergrant.js', (route) => route.abort());
    await page.goto('/admin/accounts');
    await page.getByLabel('Search').fill(label);
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.waitForURL('**q=Shop*');
    expect(await labels(page)).toEqual([label]);
    await page.getByRole('link', { name: label }).click();
    await page.getByRole('button', { name: 'Refresh if due' }).click();
    await page.getByRole('heading', { name: label }).waitFor();
  });

  it.each(['?status=fine', '?cursor=nonsense', '?sort=due'])(
    'names the invalid parameter of %s',
    async (query) => {
      const page = await pages.signedIn();
      expect((await page.goto(`/admin/accounts${query}`))?.status()).toBe(400);
      const name = query.slice(1).split('=', 1)[0] ?? '';
      expect(await page.getByRole('alert').textContent()).toContain(name);
    },
  );

  it('is accessible in both themes and fits a phone', async () => {
    await add();
    const page = await pages.signedIn();
    await page.goto('/admin/accounts');
    await expectAccessible(page);
    await expectNoHorizontalScroll(page);
    await expectAccessible(page);
  });
});

describe('one account', () => {
  it('explains live why it is not due, and shows its due times and grants', async () => {
    const { id, label, current } = await add();
    const page = await pages.signedIn();
    await open(page, id);
    await page.evaluate('document.body.dataset.same = "yes"');
    expect(await page.getByRole('heading', { name: label }).isVisible()).toBe(true);
    const why = page.getByRole('region', { name: 'Why is it not due now?' });
    const [verdict, expiry, age] = await why.getByRole('listitem').allTextContents();
    expect(verdict).toBe('Not due yet.');
    expect(expiry).toContain(`expires at ${current.expiresAt?.slice(0, 19).replace('T', ' ')} UTC`);
    expect(age).toContain('last refreshed at');

    await patch(id, { policy: { refreshBeforeMs: 2 * HOUR_MS } });
    await page.getByRole('heading', { name: 'Why is it due now?' }).waitFor();
    expect(await page.getByText('refresh before').isVisible()).toBe(true);

    await page.getByRole('button', { name: 'Refresh if due' }).click();
    await page.getByText('Refreshed. The new access token expires').waitFor();
    const grants = page.getByRole('region', { name: 'Grant, generation 2' });
    await grants.waitFor();
    expect(await grants.getByRole('row', { name: 'Access token' }).textContent()).toContain(
      'Changed',
    );
    expect(await grants.getByRole('row', { name: 'Refresh token' }).textContent()).toContain(
      'Same',
    );
    const attempt = page.getByRole('row', { name: 'token refreshed' });
    const [entry] = await pages.harness.entries(id);
    expect(entry).toMatchObject({ source: 'admin', action: 'token_refreshed' });
    expect(await attempt.getByRole('link').getAttribute('href')).toBe(
      `/admin/terminal?entry=${entry?.id}`,
    );
    const workflow = page.getByRole('link', { name: 'refresh-account' });
    expect(await workflow.getAttribute('href')).toContain(
      `/admin/workflows/${encodeURIComponent(`refresh-account/${id}`)}`,
    );
    expect(await page.evaluate('document.body.dataset.same')).toBe('yes');
    expectNoComplaints(page);
  });

  it('R1.9 shows the last error in a sentence until a refresh succeeds', async () => {
    const { id } = await add({ expiresInMs: -MINUTE_MS });
    pages.harness.sandbox.script({ subject: id, answer: { kind: 'unavailable' } });
    const page = await pages.signedIn();
    await open(page, id);
    await page.getByRole('button', { name: 'Refresh if due' }).click();
    await page.getByText(/^Last error: /).waitFor();
    expect(await page.getByText('Consecutive failures').isVisible()).toBe(true);

    await page.getByRole('button', { name: 'Force refresh …' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Refresh now' }).click();
    await page.getByText('Refreshed. The new access token expires').waitFor();
    await page.getByText(/^Last error: /).waitFor({ state: 'detached' });
    expectNoComplaints(page);
  });

  it('is disabled with a reason in a dialog that works by keyboard, and enabled again', async () => {
    const { id, label } = await add();
    const page = await pages.signedIn();
    await open(page, id);
    await page.getByRole('button', { name: 'Disable …' }).focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: `Disable ${label}?` });
    await dialog.waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    expect((await pages.harness.account(id)).state).toBe('active');

    await page.keyboard.press('Enter');
    await dialog.waitFor();
    await page.keyboard.type('The shop is closed');
    await page.keyboard.press('Enter');
    await page.getByText(`${label} is disabled.`).waitFor();
    await dialog.waitFor({ state: 'hidden' });
    await page
      .getByText('Not due: the account is disabled, so Evergrant does not refresh it.')
      .waitFor();
    expect(await pages.harness.account(id)).toMatchObject({
      state: 'disabled',
      stateReason: 'The shop is closed',
    });
    expect(await page.getByRole('button', { name: 'Refresh if due' }).count()).toBe(0);

    await page.getByRole('button', { name: 'Enable' }).click();
    await page.getByText(`${label} is enabled.`).waitFor();
    expect(await pages.harness.account(id)).toMatchObject({ state: 'active', stateReason: null });
    expectNoComplaints(page);
  });

  it('C40 is disconnected after a warning, and shows the result per token', async () => {
    const { id, label } = await add();
    const page = await pages.signedIn();
    await open(page, id);
    await page.getByRole('button', { name: 'Disconnect …' }).click();
    const dialog = page.getByRole('dialog', { name: `Disconnect ${label}?` });
    await dialog.getByText('eBay has no revocation for these tokens.').waitFor();
    await dialog.getByRole('button', { name: 'Disconnect', exact: true }).click();
    await page.getByText(`${label} is being disconnected.`).waitFor();
    const results = page.getByRole('listitem');
    await results.filter({ hasText: 'Refresh token: the provider cannot revoke it' }).waitFor();
    await page.getByRole('status').filter({ hasText: 'its tokens were deleted' }).waitFor();
    expect((await pages.harness.account(id)).state).toBe('disconnected');
    for (const name of ['Enable', 'Disable …', 'Refresh if due'])
      expect(await page.getByRole('button', { name }).count()).toBe(0);
    expect(await page.getByRole('button', { name: 'Reconnect …' }).count()).toBe(1);
    await expectAccessible(page);
    expectNoComplaints(page);
  });

  it('R1.8 is reconnected with a new refresh token, which is tested at once and never shown', async () => {
    const { id } = await add({ expiresInMs: -MINUTE_MS });
    await patch(id, {
      state: AccountState.needsReconnect,
      stateReason: 'The provider refuses the refresh token.',
    });
    const secretMarker = `marker${randomBytes(12).toString('hex')}`;
    const { refresh_token } = pages.harness.sandbox.issueGrant({
      provider: 'ebay',
      subject: id,
      secretMarker,
    });
    const page = await pages.signedIn();
    await open(page, id);
    expect(await page.getByText('Not due: the account needs a reconnect.').isVisible()).toBe(true);

    await page.getByRole('button', { name: 'Reconnect …' }).click();
    const dialog = page.getByRole('dialog');
    expect(await dialog.getByText('Ask the account’s owner to sign in').isVisible()).toBe(true);
    const field = page.getByLabel('New refresh token');
    expect(await field.getAttribute('type')).toBe('password');
    await field.fill(refresh_token);
    await dialog.getByRole('button', { name: 'Reconnect' }).click();
    await page.getByText('is reconnected.').waitFor();
    await page.getByText('Not due yet.').waitFor();
    expect(await field.inputValue()).toBe('');
    expect(await page.content()).not.toContain(secretMarker);

    expect(pages.harness.logs.join('')).not.toContain(secretMarker);
    expectNoComplaints(page);
  });

  it('keeps its grant if the new refresh token is refused, and can restore a replaced grant', async () => {
    const { id, current } = await add({ expiresInMs: 60 * MINUTE_MS, refreshedAgoMs: 0 });
    const page = await pages.signedIn();
    await open(page, id);
    const reconnect = async (token: string) => {
      await page.getByRole('button', { name: 'Reconnect …' }).click();
      await page.getByLabel('New refresh token').fill(token);
      await page.getByRole('dialog').getByRole('button', { name: 'Reconnect' }).click();
    };
    await reconnect(`v^1.1#wrong-${randomBytes(8).toString('hex')}`);
    const problem = page.getByRole('dialog').getByRole('alert');
    await problem.getByText('The account keeps its current grant.').waitFor();
    expect((await pages.harness.account(id)).current).toEqual(current);

    const grant = pages.harness.sandbox.issueGrant({ provider: 'ebay', subject: `again-${id}` });
    await page.goto(page.url());
    await live(page);
    await reconnect(grant.refresh_token);
    await page.getByText('is reconnected.').waitFor();
    await page.getByText('The replaced grant can be restored until').waitFor();

    await page.goto(page.url());
    await live(page);
    await page.getByRole('button', { name: 'Restore grant …' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Restore grant' }).click();
    await page.getByText('uses its replaced grant again.').waitFor();
    expect(await pages.harness.account(id)).toMatchObject({
      generation: 3,
      current: { refreshTokenFingerprint: current.refreshTokenFingerprint },
    });
  });

  it('R1.4 refuses ciphertext as a refresh token and does not repeat it', async () => {
    const { id, current } = await add();
    const page = await pages.signedIn();
    await open(page, id);
    await page.getByRole('button', { name: 'Reconnect …' }).click();
    await page.getByLabel('New refresh token').fill(current.refreshToken ?? '');
    await page.getByRole('dialog').getByRole('button', { name: 'Reconnect' }).click();
    const alert = page.getByRole('alert');
    await alert.waitFor();
    expect(await alert.textContent()).toContain('is ciphertext (ENC:…)');
    expect(await page.content()).not.toContain(current.refreshToken);
    expect((await pages.harness.account(id)).generation).toBe(1);
  });

  it('shows no token in the page source, the list or the stream', async () => {
    const secretMarker = `marker${randomBytes(12).toString('hex')}`;
    const { id, plain } = await add({ secretMarker, label: `Marked ${secretMarker.slice(-6)}` });
    const page = await pages.signedIn();
    const seen: string[] = [];
    for (const path of ['', `/${id}`, `/${id}/refresh-debug`]) {
      await page.goto(`/admin/accounts${path}`);
      if (path !== '') await live(page);
      seen.push(await page.content());
    }
    const stored = (await pages.harness.account(id)).current;
    for (const secret of [
      secretMarker,
      plain.refreshToken,
      stored.refreshToken ?? '',
      stored.accessToken ?? '',
    ])
      expect(seen.filter((text) => text.includes(secret))).toEqual([]);
    expect(seen.every((text) => text.includes(id))).toBe(true);
  });

  it('is accessible in both themes, including its dialogs, and fits a phone', async () => {
    const { id } = await add();
    const page = await pages.signedIn();
    await open(page, id);
    await expectAccessible(page);
    for (const name of ['Force refresh …', 'Disable …', 'Reconnect …']) {
      await page.getByRole('button', { name }).click();
      await expectAccessible(page);
      await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).first().click();
    }
    await expectNoHorizontalScroll(page);
    await expectAccessible(page);
  });
});

describe('permissions', () => {
  const ACTIONS = [
    'refresh',
    'force-refresh',
    'disable',
    'enable',
    'reconnect',
    'restore-grant',
    'refresh-debug',
  ];
  const post = (page: Page, path: string) =>
    page.request.post(path, {
      headers: { origin: pages.url },
      form: { reason: 'x', refresh_token: 'v^1.1#x' },
      maxRedirects: 0,
    });

  it('an account of another organisation responds like an absent one on every page, stream and action', async () => {
    const theirs = await add({ organisation: anOrganisation(), expiresInMs: -MINUTE_MS });
    const page = await pages.signedIn();
    const absent = `acc_${'0'.repeat(24)}`;
    for (const suffix of ['', '/stream', '/refresh-debug', '/refresh-debug/stream']) {
      for (const id of [theirs.id, absent]) {
        const answer = await page.request.get(`/admin/accounts/${id}${suffix}`);
        expect({ suffix, status: answer.status() }).toEqual({ suffix, status: 404 });
        expect(await answer.text()).toContain(`Your organisation has no account ${id}.`);
      }
    }
    for (const action of ACTIONS) {
      const answer = await post(page, `/admin/accounts/${theirs.id}/${action}`);
      expect({ action, status: answer.status() }).toEqual({ action, status: 404 });
    }
    expect(await pages.harness.account(theirs.id)).toMatchObject({
      generation: 1,
      state: 'active',
    });
    for (const query of [
      `?q=${theirs.id}`,
      `?organisation=${theirs.organisation}&q=${theirs.id}`,
    ]) {
      await page.goto(`/admin/accounts${query}`);
      expect(await page.getByText('No accounts match these filters.').isVisible()).toBe(true);
    }
  });

  it('a read-only session sees no actions and is refused each of them', async () => {
    const { id } = await add({ expiresInMs: -MINUTE_MS });
    const page = await pages.signedIn({ scopes: ['read'] });
    await open(page, id);
    const main = page.getByRole('main');
    // Reading includes copying and searching.
    const acting = main.getByRole('button', { name: /^(?!Copy )/ });
    expect(await acting.count()).toBe(0);
    expect(await page.locator('dialog:not(#search)').count()).toBe(0);
    await page.goto(`/admin/accounts/${id}/refresh-debug`);
    expect(await acting.count()).toBe(0);
    for (const action of ACTIONS) {
      const answer = await post(page, `/admin/accounts/${id}/${action}`);
      expect({ action, status: answer.status() }).toEqual({ action, status: 403 });
    }
    expect(await pages.harness.account(id)).toMatchObject({ generation: 1, state: 'active' });
  });
});
