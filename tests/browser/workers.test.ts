/** Admin → Workers, as an operator watches it. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { engines } from '../support/engines';
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
  pages = await startPages();
});
afterAll(() => pages.stop());

const temporal = (...args: string[]) =>
  promisify(execFile)(engines.temporalCli, [
    ...args,
    '--address',
    engines.temporalAddress,
    '--namespace',
    pages.harness.namespace,
  ]);

describe('Admin → Workers', () => {
  it('R1.10 shows each provider’s schedule with its last run and what it came to, its next run and its interval', async () => {
    const page = await pages.signedIn();
    const row = page.getByRole('row', { name: 'ebay' });
    await row.getByText('ebay: nothing was due').waitFor();
    expect(await row.getByText('Active').isVisible()).toBe(true);
    expect(await row.getByText('10 min', { exact: true }).isVisible()).toBe(true);
    const [last, next] = await row.locator('time').allTextContents();
    expect(last).toMatch(/^(now|\d+ \w+ ago)$/);
    expect(next).toMatch(/^in \d+ \w+$/);
    expectNoComplaints(page);
  });

  it('R1.10 shows within two seconds, without a reload, what was done with the temporal command', async () => {
    const page = await pages.signedIn({ scopes: ['read'] });
    await page.getByText('Live', { exact: true }).waitFor();
    await page.evaluate('document.body.dataset.same = "yes"');
    const row = page.getByRole('row', { name: 'ebay' });
    const schedule = ['schedule', 'toggle', '--schedule-id', 'sweep/ebay'];
    const soon = { timeout: 2_000 };

    await temporal(...schedule, '--pause', '--reason', 'eBay maintenance');
    await row.getByText('Paused').waitFor(soon);
    expect(await row.getByText('eBay maintenance').isVisible()).toBe(true);

    await temporal(...schedule, '--unpause', '--reason', 'eBay is back');
    await row.getByText('Active').waitFor(soon);
    expect(await page.evaluate('document.body.dataset.same')).toBe('yes');
    expectNoComplaints(page);
  });

  it('says so where what is shown may be old, and why', async () => {
    const page = await pages.visitor();
    await page.route('**/admin/workers/stream', (route) =>
      route.fulfill({
        contentType: 'text/event-stream',
        body: 'event: trouble\ndata: Temporal does not answer. Try again.\n\n',
      }),
    );
    await signIn(page, await pages.harness.key());
    await page.getByText('Temporal does not answer. Try again.').waitFor();
    expect(await page.getByText('Live', { exact: true }).count()).toBe(0);
  });

  it('is accessible in both themes, and fits a phone', async () => {
    const page = await pages.signedIn();
    await page.getByText('Live', { exact: true }).waitFor();
    await expectAccessible(page);
    await expectNoHorizontalScroll(page);
    await expectAccessible(page);
  });
});

describe('an address that is none', () => {
  it('is answered by a page that says so, with the way back', async () => {
    const page = await pages.signedIn();
    expect((await page.goto('/admin/nowhere'))?.status()).toBe(404);
    expect(await page.getByRole('alert').textContent()).toBe('There is no /admin/nowhere here.');
    await page.getByRole('link', { name: 'Workers' }).click();
    await page.waitForURL('**/admin/workers');
  });
});
