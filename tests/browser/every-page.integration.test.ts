/** All pages of operators: their widths, accessibility, use by keyboard, live updates and the loss of the connection. */
import { randomUUID } from 'node:crypto';
import type { Page } from 'playwright-core';
import { AccountState } from '../../src/domain/account/account';
import { needsReconnectEvent } from '../../src/domain/events/event';
import { serve } from '../cli/_cli';
import { expectAccessible, expectNoComplaints, type Pages, signIn, startPages } from './_browser';

let pages: Pages;
let organisation: string;
beforeAll(async () => {
  pages = await startPages();
  ({ organisation } = pages);
  for (let n = 0; n < 25; n += 1) await add(`A shop with a long name, number ${n}`);
});
afterAll(() => pages.stop());

const HOUR = 3600_000;
const add = (label: string) =>
  pages.harness.addAccount({ organisation, label, expiresInMs: HOUR, refreshedAgoMs: 0 });

const LIVE = [
  '/admin/overview',
  '/admin/workers',
  '/admin/accounts',
  '/admin/terminal',
  '/admin/workflows',
  '/admin/events',
  '/admin/deliveries',
  '/admin/audit',
];
const STILL = ['/admin/accounts/connect', '/admin/accounts/reconnect-links'];
const SIZES = [
  { width: 390, height: 844 },
  { width: 1280, height: 860 },
  { width: 1920, height: 1080 },
];

const live = (page: Page) => page.getByText('Live', { exact: true }).waitFor();
const STATE = `document.getElementById('live').dataset.state`;

it.each([...LIVE, ...STILL])(
  'R5.6 the page %s is accessible in both themes and does not scroll sideways at three widths',
  async (path) => {
    const page = await pages.signedIn();
    for (const size of SIZES) {
      await page.setViewportSize(size);
      await page.goto(path);
      if (LIVE.includes(path)) await live(page);
      await expectAccessible(page);
      const wider = await page.evaluate(
        `[document.documentElement, ...document.querySelectorAll('.wide:has(> table.list)')]
          .map((part) => part.scrollWidth - part.clientWidth)
          .filter((excess) => excess > 0)`,
      );
      expect({ ...size, wider }).toEqual({ ...size, wider: [] });
    }
    expectNoComplaints(page);
  },
);

it('R5.6 a compact list shows 20 rows on a screen of 860 px', async () => {
  const page = await pages.signedIn({ viewport: { width: 1280, height: 860 } });
  await page.goto('/admin/accounts');
  await page.getByRole('button', { name: 'Density: compact' }).click();
  await page.locator('html[data-density="compact"]').waitFor();
  const shown = await page.evaluate(
    `[...document.querySelectorAll('table.list tbody tr')]
      .filter((row) => row.getBoundingClientRect().bottom <= innerHeight).length`,
  );
  expect(shown).toBeGreaterThanOrEqual(20);
});

describe('R5.6 a person without a mouse', () => {
  const focused = (page: Page) => page.locator(':focus');

  it('skips the navigation, and sees where the focus is', async () => {
    const page = await pages.signedIn();
    await page.goto('/admin/overview');
    await page.keyboard.press('Tab');
    expect(await focused(page).textContent()).toContain('Skip to the content');
    await page.keyboard.press('Enter');
    expect(await focused(page).getAttribute('id')).toBe('main');
    await page.keyboard.press('Tab');
    expect(await page.evaluate(`document.activeElement.closest('main') !== null`)).toBe(true);
    expect(await page.evaluate(`getComputedStyle(document.activeElement).outlineStyle`)).toBe(
      'solid',
    );
  });

  it('opens a filter, chooses a value and closes it with Escape', async () => {
    const page = await pages.signedIn();
    await page.goto('/admin/accounts');
    const status = page.locator('summary').filter({ hasText: /^Status/ });
    await status.focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Space');
    await page.waitForURL('**status=ok*');
    await page.keyboard.press('Escape');
    expect(await page.locator('details.many[open]').count()).toBe(0);
    expect(await focused(page).textContent()).toContain('Status');
  });

  it('selects all accounts with Enter or Space, without sending the action', async () => {
    const page = await pages.signedIn();
    await page.goto('/admin/accounts');
    const checked = page.locator('#list input[name="id"]:checked');
    await page.getByLabel('Select all on this page').focus();
    await page.keyboard.press('Enter');
    expect(await checked.count()).toBeGreaterThanOrEqual(25);
    await page.keyboard.press('Space');
    expect(await checked.count()).toBe(0);
    expect(new URL(page.url()).pathname).toBe('/admin/accounts');
  });

  it('opens the filters and the menu of a phone, and closes them with Escape', async () => {
    const page = await pages.signedIn({ viewport: { width: 390, height: 844 } });
    await page.goto('/admin/accounts');
    for (const [button, inside] of [
      ['Filters', page.getByLabel('Search')],
      ['Menu', page.getByRole('button', { name: 'Sign out' })],
    ] as const) {
      expect(await inside.isVisible()).toBe(false);
      await page.getByRole('button', { name: button }).press('Enter');
      await inside.waitFor();
      await expectAccessible(page);
      await page.keyboard.press('Escape');
      await inside.waitFor({ state: 'hidden' });
    }
    expectNoComplaints(page);
  });
});

it('R5.5 lists of accounts and events show new rows live', async () => {
  const [accounts, events] = [await pages.signedIn(), await pages.signedIn()];
  await accounts.goto('/admin/accounts?q=live');
  await events.goto('/admin/events');
  await live(events);
  await accounts.getByText('Live', { exact: true }).waitFor();
  const label = `live ${randomUUID()}`;
  const account = await add(label);
  await accounts.getByRole('link', { name: label }).waitFor();
  await pages.harness.store.events.raise(
    needsReconnectEvent(account, {
      state: AccountState.needsReconnect,
      reason: 'invalid_grant',
      at: new Date(),
    }),
  );
  const raised = events.getByRole('link', { name: label });
  await raised.waitFor();
  expect(await raised.isVisible()).toBe(true);
});

it('R5.5 every live page says that the connection is lost', async () => {
  const api = await serve({
    ...pages.harness,
    config: { ...pages.harness.config, oidc: null },
  });
  const opened: Page[] = [];
  try {
    const key = await pages.harness.key({ organisation, scopes: ['admin', 'operator'] });
    for (const path of LIVE) {
      const page = await pages.visitor();
      opened.push(page);
      await page.goto(`${api.url}/sign-in`);
      await signIn(page, key);
      await page.waitForURL('**/admin/**');
      await page.goto(`${api.url}${path}`);
      await live(page);
    }
  } finally {
    await api.stop();
  }
  for (const page of opened) {
    await page.getByText('Connection lost. Retrying …').waitFor();
    expect(await page.evaluate(STATE)).toBe('lost');
  }
});
