/** The first page: what needs a person now, what failed, and what will fail. */
import { randomUUID } from 'node:crypto';
import { AccountState } from '../../src/domain/account/account';
import { refreshFailure } from '../../src/domain/refresh/refresh-failure';
import { entryOf } from '../store/_store';
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

const HOUR = 3600_000;
const anOrganisation = () => `org-${randomUUID()}`;

describe('the overview', () => {
  it('says plainly that nothing needs a person', async () => {
    const organisation = anOrganisation();
    await pages.harness.addAccount({ organisation, expiresInMs: HOUR, refreshedAgoMs: 0 });
    const page = await pages.signedIn({ organisation, scopes: ['read'] });
    await page.getByText('Live', { exact: true }).waitFor();
    expect(await page.getByText('Nothing needs action now.').isVisible()).toBe(true);
    expect(await page.getByText('Nothing failed in the last 24 hours.').isVisible()).toBe(true);
    await expectAccessible(page);
  });

  it('R5.1 counts the accounts to reconnect and the failures of a day, each with a link to exactly these', async () => {
    const organisation = anOrganisation();
    const { id } = await pages.harness.addAccount({ organisation, label: 'Harbour Books' });
    await pages.harness.addAccount({ organisation, expiresInMs: HOUR, refreshedAgoMs: 0 });
    await pages.harness.store.accounts.patch(
      organisation,
      id,
      { state: AccountState.needsReconnect },
      new Date(),
    );
    await pages.harness.store.logEntries.record(
      entryOf({
        organisation,
        created_at: new Date().toISOString(),
        action: 'token_refresh_failed',
        error: refreshFailure('invalid_grant'),
        message: 'Refused.',
      }),
    );
    const page = await pages.signedIn({ organisation });
    const now = page.getByRole('region', { name: 'Needs action now' });
    await now.getByRole('link', { name: '1 account to reconnect: no reason stored' }).click();
    await page.waitForURL('**/admin/accounts?status=needs_reconnect');
    expect(await page.getByRole('rowheader').getByRole('link').allTextContents()).toEqual([
      'Harbour Books',
    ]);
    await page.goto('/admin/overview');
    const failed = page.getByRole('region', { name: 'Failed since yesterday' });
    await failed.getByRole('link', { name: '1 attempt: invalid grant' }).click();
    await page.waitForURL('**/admin/terminal?since=24h&code=invalid_grant');
    expect(await page.getByRole('group', { name: 'Entries' }).getByText('Refused.').count()).toBe(
      1,
    );
    expectNoComplaints(page);
  });

  it('shows no accounts to an operator without the scope read, and fits a phone', async () => {
    const page = await pages.signedIn({ scopes: ['operator'] });
    expect(await page.getByRole('heading', { name: 'Accounts by status' }).count()).toBe(0);
    await expectNoHorizontalScroll(page);
    await expectAccessible(page);
    expectNoComplaints(page);
  });
});
