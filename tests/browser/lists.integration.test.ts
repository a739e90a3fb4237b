/** The common parts of all lists: filters with several values, exports, columns, and actions on selected accounts. */
import { randomUUID } from 'node:crypto';
import { AccountState } from '../../src/domain/account/account';
import { needsReconnectEvent } from '../../src/domain/events/event';
import {
  expectAccessible,
  expectNoComplaints,
  expectNoHorizontalScroll,
  type Pages,
  pick,
  startPages,
} from './_browser';

let pages: Pages;
beforeAll(async () => {
  pages = await startPages();
});
afterAll(() => pages.stop());

const HOUR = 3600_000;
const anOrganisation = () => `org-${randomUUID()}`;
const FRESH = { expiresInMs: HOUR, refreshedAgoMs: 0 };

describe('the accounts', () => {
  it('R5.3 are exported as filtered, as CSV without formulas and as JSON Lines', async () => {
    const organisation = anOrganisation();
    await pages.harness.addAccount({ organisation, ...FRESH, label: '=HYPERLINK("x")' });
    await pages.harness.addAccount({
      organisation,
      ...FRESH,
      label: 'Other',
      environment: 'sandbox',
    });
    const page = await pages.signedIn({ organisation, scopes: ['read'] });
    const of = async (format: string) =>
      (
        await page.request.get(`/admin/accounts/export?format=${format}&environment=production`)
      ).text();
    const [head, row, ...others] = (await of('csv')).trimEnd().split('\r\n');
    expect(head).toMatch(/^Account,Id,/);
    expect(row).toMatch(/^"'=HYPERLINK\(""x""\)",acc_/);
    expect(others).toEqual([]);
    const lines = (await of('jsonl')).trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { label: string }).label)).toEqual([
      '=HYPERLINK("x")',
    ]);
  });

  it('R5.4 are disabled together after a preview, with a result per account', async () => {
    const organisation = anOrganisation();
    for (const label of ['First', 'Second', 'Third'])
      await pages.harness.addAccount({ organisation, ...FRESH, label });
    const { id } = await pages.harness.addAccount({ organisation, ...FRESH, label: 'Off' });
    await pages.harness.store.accounts.patch(
      organisation,
      id,
      { state: AccountState.disabled },
      new Date(),
    );
    const page = await pages.signedIn({ organisation });
    await page.goto('/admin/accounts');
    for (const label of ['First', 'Second', 'Off'])
      await page.getByLabel(`Select ${label}`).check();
    await page.getByText('3 selected accounts').waitFor();
    await page.getByLabel(/^With/).selectOption('disable');
    await page.getByRole('button', { name: 'Preview …' }).click();
    await page.getByText('Skipped: The account is disabled already.').waitFor();
    await expectAccessible(page);
    await page.getByLabel('Reason').fill('Closed');
    await page.getByRole('button', { name: 'Disable: 2 accounts' }).click();
    await page.getByText('2 accounts done, 0 failed, 0 skipped.').waitFor();
    await page.goto('/admin/accounts?status=disabled');
    expect(await page.getByRole('rowheader').getByRole('link').count()).toBe(3);
    await page.goto('/admin/audit?action=POST+/admin/accounts/actions/run');
    await page
      .getByText(/action: disable/)
      .first()
      .waitFor();
    await page
      .getByRole('textbox', { name: 'Action' })
      .fill('sign-in, POST /admin/accounts/actions/run');
    await page.keyboard.press('Enter');
    await page.getByRole('rowheader', { name: 'sign-in' }).first().waitFor();
    await page
      .getByText(/action: disable/)
      .first()
      .waitFor();
    expectNoComplaints(page);
  });

  it('of another organisation are neither previewed nor changed', async () => {
    const theirs = await pages.harness.addAccount({ organisation: anOrganisation(), ...FRESH });
    const page = await pages.signedIn({ organisation: anOrganisation() });
    const post = (path: string) =>
      page.request.post(path, {
        headers: { origin: pages.url },
        form: { action: 'disable', reason: 'x', id: theirs.id },
      });
    expect(await (await post('/admin/accounts/actions')).text()).not.toContain(theirs.label);
    await post('/admin/accounts/actions/run');
    expect((await pages.harness.account(theirs.id)).state).toBe('active');
  });
});

it.each(['events', 'deliveries', 'audit'])(
  'the page %s is accessible in both themes and fits a phone',
  async (name) => {
    const page = await pages.signedIn();
    await page.goto(`/admin/${name}`);
    await page.getByText('Live', { exact: true }).waitFor();
    await expectAccessible(page);
    await expectNoHorizontalScroll(page);
    expectNoComplaints(page);
  },
);

it('the page events links an event to its account', async () => {
  const organisation = anOrganisation();
  const account = await pages.harness.addAccount({ organisation, ...FRESH, label: 'Quay Records' });
  const { needsReconnect: state } = AccountState;
  await pages.harness.store.events.raise(
    needsReconnectEvent(account, { state, reason: 'invalid_grant', at: new Date() }),
  );
  const page = await pages.signedIn({ organisation, scopes: ['read'] });
  await page.goto('/admin/events');
  expect(await page.getByRole('link', { name: 'Quay Records' }).getAttribute('href')).toBe(
    `/admin/accounts/${account.id}`,
  );
});

it('R5.3 the columns of the page events are added and removed one by one, and the address keeps them', async () => {
  const organisation = anOrganisation();
  const account = await pages.harness.addAccount({ organisation, ...FRESH });
  const { needsReconnect: state } = AccountState;
  await pages.harness.store.events.raise(
    needsReconnectEvent(account, { state, reason: 'invalid_grant', at: new Date() }),
  );
  const page = await pages.signedIn({ organisation, scopes: ['read'] });
  await page.goto('/admin/events');
  const headers = () => page.getByRole('columnheader').allTextContents();
  const before = await headers();
  await pick(page, 'Columns', 'Id');
  await page.waitForURL('**column=id');
  expect(await headers()).toEqual([...before, 'Id']);
  await page.reload();
  expect(await headers()).toEqual([...before, 'Id']);
  const choice = page.locator('summary').filter({ hasText: 'Columns' });
  await choice.click();
  await page.getByRole('group', { name: 'Columns' }).getByLabel('Id', { exact: true }).uncheck();
  await page.waitForURL('**/admin/events');
  expect(await headers()).toEqual(before);
});

it.each(['deliveries', 'audit'])('the page %s is refused without the scope admin', async (name) => {
  const page = await pages.signedIn({ scopes: ['read'] });
  for (const path of ['', '/stream', '/export'])
    expect((await page.request.get(`/admin/${name}${path}`)).status()).toBe(403);
});
