/** Walks of the pages on which an admin manages accounts, imports, keys, webhooks and schedules. */
import { randomUUID } from 'node:crypto';
import type { Page } from 'playwright-core';
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

const SIZES = [
  { width: 1280, height: 800 },
  { width: 390, height: 844 },
];
const consent = () =>
  pages.harness.sandbox.issueGrant({ provider: 'ebay', subject: randomUUID() }).refresh_token;
const signedIn = (viewport: (typeof SIZES)[number]) =>
  pages.signedIn({ viewport, organisation: `org-${randomUUID()}` });

async function expectGood(page: Page, viewport: (typeof SIZES)[number]): Promise<void> {
  await expectAccessible(page);
  await expectNoHorizontalScroll(page);
  await page.setViewportSize(viewport);
}

describe.each(SIZES)('at a width of $width', (viewport) => {
  it('U28.1: an admin adds an account, edits it, and undoes a change', async () => {
    const page = await signedIn(viewport);
    await page.goto('/admin/accounts/new');
    await expectGood(page, viewport);
    await page.getByLabel('External id').fill('harbour-books');
    await page.getByLabel('Refresh token', { exact: true }).fill(consent());
    await page.getByLabel(/^Label/).fill('Harbour Books');
    await page.getByRole('button', { name: 'Add the account' }).click();
    await page.getByText('Harbour Books is added.').waitFor();
    await page.getByRole('link', { name: 'Edit' }).click();
    await page.getByLabel(/^Kind/).fill('booking');
    await page.getByText('Policy of this account').click();
    await expectGood(page, viewport);
    await page.getByLabel(/^Refresh before expiry/).fill('soon');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Must be a duration such as 90s, 10m or 1h, not "soon".').waitFor();
    await expectGood(page, viewport);
    await page.getByLabel(/^Refresh before expiry/).fill('20m');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Harbour Books is changed.').waitFor();
    await page.getByRole('button', { name: 'Disable …' }).click();
    await page.getByLabel('Reason').fill('Closed');
    await page.getByRole('button', { name: 'Disable', exact: true }).click();
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByText('Harbour Books is enabled.').waitFor();
    expectNoComplaints(page, 400);
  });

  it('U28.6: a dialog keeps what was typed and shows why it was refused', async () => {
    const organisation = `org-${randomUUID()}`;
    const { id } = await pages.harness.addAccount({ organisation });
    const page = await pages.signedIn({ viewport, organisation });
    await page.goto(`/admin/accounts/${id}`);
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Reconnect …' }).click();
    await page.getByLabel('New refresh token').fill('••••');
    await page.getByRole('button', { name: 'Reconnect', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('alert').waitFor();
    expect(await page.getByLabel('New refresh token').inputValue()).toBe('••••');
    expectNoComplaints(page, 400);
  });

  it('U28.2: an admin checks a file and imports it without choosing it again', async () => {
    const page = await signedIn(viewport);
    await page.goto('/admin/accounts/import');
    await expectGood(page, viewport);
    const text = `provider,external_id,refresh_token\nebay,quay,${consent()}\nnone,other,x`;
    await page.getByLabel('File', { exact: true }).setInputFiles({
      name: 'accounts.csv',
      mimeType: 'text/csv',
      buffer: Buffer.from(text),
    });
    await page.getByRole('button', { name: 'Check the file' }).click();
    await page.getByText('1 of 2 lines is correct, 1 refused.').waitFor();
    await expectGood(page, viewport);
    const download = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Download these lines as CSV' }).click();
    expect((await download).suggestedFilename()).toBe('import-problems.csv');
    await page.getByRole('button', { name: 'Import 1 account' }).click();
    await page.getByText('1 account created, 0 existed already, 1 refused.').waitFor();
    expectNoComplaints(page);
  });

  it('U28.3: an admin creates an API key, copies it, and revokes it', async () => {
    const page = await signedIn(viewport);
    await page.goto('/admin/keys');
    await page.getByText('Live', { exact: true }).waitFor();
    await expectGood(page, viewport);
    await page.getByRole('link', { name: 'Create an API key' }).click();
    await expectGood(page, viewport);
    await page.getByLabel('Name').fill('shop backend');
    await page.getByLabel(/^tokens/).check();
    await page.getByRole('button', { name: 'Create the key' }).click();
    await page.getByText(/^evg_/).waitFor();
    await page.getByRole('button', { name: 'Copy the API key' }).click();
    await page.getByText(/Copied|Selected: press Ctrl-C/).waitFor();
    await expectGood(page, viewport);
    await page.getByRole('link', { name: 'Show the key’s page' }).click();
    await expectGood(page, viewport);
    await page.getByRole('button', { name: /^Revoke …/ }).click();
    await page.getByRole('button', { name: 'Revoke', exact: true }).click();
    await page.getByText('The key shop backend is revoked.').waitFor();
    expectNoComplaints(page);
  });

  it('U28.4: an admin adds a webhook, disables it and undoes that', async () => {
    const page = await signedIn(viewport);
    await page.goto('/admin/webhooks/new');
    await expectGood(page, viewport);
    await page.getByLabel('URL').fill('https://example.com/hook');
    await page.getByLabel(/^Description/).fill('shop');
    await page.getByRole('button', { name: 'Add the webhook' }).click();
    await page.getByText(/^whsec_/).waitFor();
    await page.getByRole('link', { name: 'Show the webhook' }).click();
    await expectGood(page, viewport);
    await page.getByRole('button', { name: /^Disable …/ }).click();
    await page.getByRole('button', { name: 'Disable', exact: true }).click();
    await page.getByText('The webhook shop is disabled.').waitFor();
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByText('The webhook shop is enabled.').waitFor();
    expect(await page.getByRole('button', { name: 'Enable', exact: true }).count()).toBe(0);
    await page.getByRole('button', { name: /^Disable …/ }).click();
    await page.getByRole('button', { name: 'Disable', exact: true }).click();
    await page.getByText('The webhook shop is disabled.').waitFor();
    await page.goto('/admin/deliveries');
    await expectGood(page, viewport);
    await page.getByRole('button', { name: 'Enable the webhook shop' }).click();
    await page.getByText('The webhook shop is enabled.').waitFor();
    await page.goto('/admin/webhooks');
    await page.getByText('Live', { exact: true }).waitFor();
    await expectGood(page, viewport);
    expectNoComplaints(page);
  });

  it('U28.6: an action while Evergrant is unreachable says so, keeps what was typed, and works afterwards', async () => {
    const organisation = `org-${randomUUID()}`;
    const account = await pages.harness.addAccount({
      organisation,
      expiresInMs: 3600_000,
      refreshedAgoMs: 0,
    });
    const page = await pages.signedIn({ viewport, organisation });
    const context = page.context();
    await page.goto('/admin/keys/new');
    await page.getByLabel('Name').fill('shop backend');
    await page.getByLabel(/^read/).check();
    await context.setOffline(true);
    await page.getByRole('button', { name: 'Create the key' }).click();
    await page.getByText('Evergrant is unreachable, so nothing was sent.').waitFor();
    expect(await page.getByLabel('Name').inputValue()).toBe('shop backend');
    await context.setOffline(false);
    await page.getByRole('button', { name: 'Create the key' }).click();
    await page.getByText(/^evg_/).waitFor();
    await page.goto(`/admin/accounts/${account.id}`);
    await page.getByRole('button', { name: 'Validate' }).waitFor();
    await context.setOffline(true);
    await page.getByRole('button', { name: 'Validate' }).click();
    await page.getByText('Evergrant did not respond, so it is unknown whether it acted.').waitFor();
    await context.setOffline(false);
  });

  it('U28.6: an interval of one second is questioned, an invalid one is shown beside its field', async () => {
    const page = await pages.signedIn({ viewport });
    const change = async (every: string) => {
      await page.goto('/admin/workers');
      await page
        .getByRole('button', { name: /^Change interval/ })
        .first()
        .click();
      await page.getByLabel('Sweep every').fill(every);
      await page.getByRole('button', { name: 'Change interval', exact: true }).click();
    };
    await change('1s');
    await page.getByRole('heading', { name: 'Are you sure?' }).waitFor();
    await page.getByText('A sweep would start 86,400 times a day').waitFor();
    await expectGood(page, viewport);
    await change('often');
    await page.getByText('Must be a duration such as 90s, 10m or 1h, not "often".').waitFor();
    expect(await page.getByLabel('Sweep every').inputValue()).toBe('often');
    await expectGood(page, viewport);
    await page.getByLabel('Sweep every').fill('9m');
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText('start every 9m.').waitFor();
    await page.getByRole('button', { name: 'Undo' }).click();
    expectNoComplaints(page, 400);
  });
});
