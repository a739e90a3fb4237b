/** Search by keyboard, copy buttons, and one walk per page of the administration, on a phone and on a desk. */
import { randomUUID } from 'node:crypto';
import {
  expectAccessible,
  expectNoComplaints,
  expectNoHorizontalScroll,
  type Pages,
  startPages,
} from './_browser';

let pages: Pages;
beforeAll(async () => {
  pages = await startPages();
});
afterAll(() => pages.stop());

const FRESH = { expiresInMs: 3600_000, refreshedAgoMs: 0 };
const anOrganisation = () => `org-${randomUUID()}`;

const ADMIN_PAGES = [
  'encryption',
  'token-accesses',
  'quarantine',
  'audit/verification',
  'settings',
  'search?q=a',
];

it.each(
  ADMIN_PAGES.flatMap(
    (path) =>
      [
        [path, 390],
        [path, 1280],
      ] as const,
  ),
)('T2.9 the page %s is accessible and complete at %i px', async (path, width) => {
  const organisation = anOrganisation();
  const account = await pages.harness.addAccount({ organisation, ...FRESH, label: 'Quay Records' });
  await pages.harness.store.accounts.patch(
    organisation,
    account.id,
    { quarantine: true },
    new Date(),
  );
  const page = await pages.signedIn({ organisation, viewport: { width, height: 844 } });
  await page.goto(`/admin/${path}`);
  await page.getByRole('heading', { level: 1 }).waitFor();
  if (/^(encryption|token-accesses|quarantine)$/.test(path))
    await page.getByText('Live', { exact: true }).waitFor();
  await expectAccessible(page);
  expect(
    await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth'),
  ).toBeLessThanOrEqual(0);
  if (width === 390) await expectNoHorizontalScroll(page);
  expectNoComplaints(page);
});

it.each(['/', 'Control+k'])(
  'T2.8 %s opens the search, and the keyboard alone leads to an account',
  async (shortcut) => {
    const organisation = anOrganisation();
    const { id } = await pages.harness.addAccount({
      organisation,
      ...FRESH,
      label: 'Quay Records',
    });
    const page = await pages.signedIn({ organisation });
    await page.goto('/admin/overview');
    await page.getByText('Live', { exact: true }).waitFor();
    await page.keyboard.press(shortcut);
    const dialog = page.getByRole('dialog', { name: 'Find anything' });
    await dialog.waitFor();
    await page.keyboard.type('Quay');
    await dialog.getByRole('link', { name: /^Quay Records/ }).waitFor();
    await expectAccessible(page);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.waitForURL(`**/admin/accounts/${id}`);
    expectNoComplaints(page);
  },
);

it('T2.8 Escape closes the search, and its field is not opened from another field', async () => {
  const page = await pages.signedIn();
  await page.goto('/admin/accounts');
  await page.keyboard.press('/');
  const dialog = page.getByRole('dialog', { name: 'Find anything' });
  await dialog.waitFor();
  await page.keyboard.type('rotate');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  const field = page.getByRole('searchbox', { name: 'Search' });
  await field.fill('');
  await field.press('/');
  expect(await field.inputValue()).toBe('/');
  expect(await dialog.isVisible()).toBe(false);
});

it('T2.8 the search works as a page without scripts', async () => {
  const organisation = anOrganisation();
  await pages.harness.addAccount({ organisation, ...FRESH, label: 'Quay Records' });
  const page = await pages.signedIn({ organisation });
  const state = await page.context().storageState();
  const context = await page
    .context()
    .browser()
    ?.newContext({ baseURL: pages.url, javaScriptEnabled: false, storageState: state });
  if (context === undefined) throw new Error('no browser');
  const plain = await context.newPage();
  await plain.goto('/admin/overview');
  await plain.getByRole('link', { name: 'Search' }).click();
  await plain.waitForURL('**/admin/search');
  await plain.getByRole('searchbox').fill('Quay');
  await plain.keyboard.press('Enter');
  const found = plain.getByRole('link', { name: /^Quay Records/ });
  await found.waitFor();
  expect(await found.getAttribute('href')).toMatch(/^\/admin\/accounts\/acc_/);
  await context.close();
});

it('T2.1 a button copies an id and says so to screen readers', async () => {
  const organisation = anOrganisation();
  const { id } = await pages.harness.addAccount({ organisation, ...FRESH });
  const page = await pages.signedIn({ organisation });
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.goto(`/admin/accounts/${id}`);
  await page.getByRole('button', { name: 'Copy the account id' }).click();
  await page.locator('#announced').filter({ hasText: 'Copied' }).waitFor({ state: 'attached' });
  expect(await page.evaluate('navigator.clipboard.readText()')).toBe(id);
  await page.getByText('Copy as …').click();
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Copy as curl: Show' }).click();
  const copied = String(await page.evaluate('navigator.clipboard.readText()'));
  expect(copied).toContain(`/api/admin/accounts/${id}`);
  expect(copied).toContain('$EVERGRANT_API_KEY');
  expectNoComplaints(page);
});

it.each(
  ['accounts', 'terminal', 'encryption'].flatMap((path) => [
    [path, 390] as const,
    [path, 1280] as const,
  ]),
)('T2.1 the menu of commands of the page %s fits %i px', async (path, width) => {
  const organisation = anOrganisation();
  await pages.harness.addAccount({ organisation, ...FRESH });
  const page = await pages.signedIn({ organisation, viewport: { width, height: 844 } });
  await page.goto(`/admin/${path}`);
  await page.getByText('Live', { exact: true }).waitFor();
  await page.getByText('Copy as …').first().click();
  const box = await page.locator('.commands[open] > .menu').boundingBox();
  expect(box?.x).toBeGreaterThanOrEqual(0);
  expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(width);
  expect(
    await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth'),
  ).toBeLessThanOrEqual(0);
  expectNoComplaints(page);
});

it('T2.1 a button without the clipboard selects the text', async () => {
  const organisation = anOrganisation();
  const { id } = await pages.harness.addAccount({ organisation, ...FRESH });
  const page = await pages.signedIn({ organisation });
  await page.addInitScript(
    "Object.defineProperty(navigator, 'clipboard', { value: { writeText: () => Promise.reject(new Error()) } })",
  );
  await page.goto(`/admin/accounts/${id}`);
  await page.getByRole('button', { name: 'Copy the account id' }).click();
  await page.locator('#announced').filter({ hasText: 'Selected' }).waitFor({ state: 'attached' });
  expect(await page.evaluate('getSelection().toString()')).toBe(id);
});

it('T2.1 a link to an event shows that event', async () => {
  const organisation = anOrganisation();
  const admin = await pages.signedIn({ organisation });
  for (let at = 0; at < 3; at += 1)
    await admin.request.post('/admin/accounts/actions', {
      headers: { origin: pages.url },
      form: { action: 'enable', all: 'true', filter: '' },
    });
  await admin.goto('/admin/audit');
  await admin.getByRole('link', { name: 'Link to this audit entry' }).nth(2).click();
  await admin.waitForURL(/cursor=.*#row-\d+/);
  expect(await admin.locator('tr:target').count()).toBe(1);
});
