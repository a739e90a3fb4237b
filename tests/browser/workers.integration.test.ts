/** The page Admin → Workers: schedules, their actions and statistics. */
import type { Page } from 'playwright-core';
import { refreshFailure } from '../../src/domain/refresh/refresh-failure';
import { entryOf } from '../store/_store';
import { eventually } from '../support/eventually';
import { timed } from '../support/stopwatch';
import { temporalCommand } from '../temporal/_worker';
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

const HOUR = 3600_000;
const SCHEDULE = ['--schedule-id', 'sweep/ebay'];

const temporal = (...args: string[]) => temporalCommand(pages.harness, ...args);
const described = () => temporal('schedule', 'describe', ...SCHEDULE);
async function onWorkers(options: Parameters<Pages['signedIn']>[0] = {}): Promise<Page> {
  const page = await pages.signedIn(options);
  await page.goto('/admin/workers');
  return page;
}
const rowOf = (page: Page) =>
  page.getByRole('region', { name: /^Schedules/ }).getByRole('row', { name: 'ebay' });

describe('Admin → Workers', () => {
  it('R1.10 shows each provider’s schedule with the result of its last run, its next run and its interval', async () => {
    const page = await onWorkers();
    const row = page.getByRole('row', { name: 'ebay' });
    await row.getByText('nothing was due').waitFor();
    expect(await row.getByText('Active').isVisible()).toBe(true);
    expect(await row.getByText('30 d', { exact: true }).isVisible()).toBe(true);
    const [last, next] = await row.locator('time').allTextContents();
    expect(last).toMatch(/^(now|\d+ \w+( \d+ \w+)? ago)$/);
    expect(next).toMatch(/^in \d+ \w+( \d+ \w+)?$/);
    expectNoComplaints(page);
  });

  it('R1.10 shows a change by the temporal command within two seconds, without a reload', async () => {
    const page = await onWorkers({ scopes: ['operator'] });
    await page.getByText('Live', { exact: true }).waitFor();
    await page.evaluate('document.body.dataset.same = "yes"');
    const row = page.getByRole('row', { name: 'ebay' });
    const schedule = ['schedule', 'toggle', ...SCHEDULE];
    const tookMs: number[] = [];
    const shown = async (state: string) => {
      tookMs.push(await timed(() => row.getByText(state).waitFor()));
    };

    await temporal(...schedule, '--pause', '--reason', 'eBay maintenance');
    await shown('Paused');
    expect(await row.getByText('eBay maintenance').isVisible()).toBe(true);

    await temporal(...schedule, '--unpause', '--reason', 'eBay is back');
    await shown('Active');
    expect(Math.max(...tookMs)).toBeLessThan(2_000);
    expect(await page.evaluate('document.body.dataset.same')).toBe('yes');
    expectNoComplaints(page);
  });

  it('shows why its content may be outdated', async () => {
    const page = await pages.visitor();
    await page.route('**/admin/overview/stream', (route) =>
      route.fulfill({
        contentType: 'text/event-stream',
        body: 'event: trouble\ndata: Temporal is unreachable. Try again.\n\n',
      }),
    );
    await signIn(page, await pages.harness.key());
    await page.getByText('Temporal is unreachable. Try again.').waitFor();
    expect(await page.getByText('Live', { exact: true }).count()).toBe(0);
  });

  it('shows that a provider is not configured, and deletes its schedule after a confirmation', async () => {
    await temporal(
      ...'schedule create --schedule-id sweep/gone --interval 24h --paused'.split(' '),
      ...'--workflow-id sweep/gone --type sweepWorkflow --task-queue evergrant'.split(' '),
    );
    await eventually(async () => /sweep\/gone/.test(await temporal('schedule', 'list')));
    const page = await onWorkers();
    const row = page.getByRole('row', { name: 'gone' });
    await row.getByText('Provider not configured').waitFor();
    expect(await row.getByRole('button').allTextContents()).toEqual(['Delete gone']);
    await row.getByRole('button', { name: 'Delete gone' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await rowOf(page).waitFor();
    await row.waitFor({ state: 'detached' });
    expect(await rowOf(page).getByRole('button', { name: 'Delete ebay' }).count()).toBe(0);
    expectNoComplaints(page);
  });

  it('is accessible in both themes and fits a phone', async () => {
    const page = await onWorkers();
    await page.getByText('Live', { exact: true }).waitFor();
    await expectAccessible(page);
    await expectNoHorizontalScroll(page);
    await expectAccessible(page);
  });
});

describe('the actions of a schedule', () => {
  /** Opens the dialog of an action and returns it. */
  async function open(page: Page, action: string) {
    await rowOf(page)
      .getByRole('button', { name: `${action} ebay` })
      .click();
    return page.getByRole('dialog');
  }

  it('R1.10 require a note for a pause, and record it with the operator’s key in Temporal', async () => {
    const page = await onWorkers();
    const dialog = await open(page, 'Pause');
    await dialog.getByRole('button', { name: 'Pause' }).click();
    expect(await dialog.isVisible()).toBe(true);
    await dialog.getByLabel('Reason').fill('eBay maintenance');
    await dialog.getByRole('button', { name: 'Pause' }).click();
    await rowOf(page).getByText('Paused').waitFor();
    expect(await rowOf(page).getByText('eBay maintenance (key').isVisible()).toBe(true);
    expect(await described()).toMatch(/Notes +eBay maintenance \(key [0-9a-f]+\)[^]*Paused +true/);
    expectNoComplaints(page);
  });

  it('R1.10 resume it with the keyboard alone', async () => {
    const page = await onWorkers();
    await page.getByText('Live', { exact: true }).waitFor();
    await rowOf(page).getByRole('button', { name: 'Resume ebay' }).focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Escape');
    expect(await page.getByRole('dialog').count()).toBe(0);
    await page.keyboard.press('Enter');
    await page.keyboard.type('eBay is back');
    await page.keyboard.press('Enter');
    await rowOf(page).getByText('Active').waitFor();
    expect(await described()).toMatch(/Notes +eBay is back \(key [0-9a-f]+\)[^]*Paused +false/);
  });

  it('R1.10 change the interval and show the configured one', async () => {
    const page = await onWorkers();
    const dialog = await open(page, 'Change interval');
    expect(await dialog.getByLabel('Sweep every').inputValue()).toBe('30d');
    await dialog.getByLabel('Sweep every').fill('90m');
    await dialog.getByRole('button', { name: 'Change interval' }).click();
    await rowOf(page).getByText('1 h 30 min').waitFor();
    expect(await rowOf(page).getByText('configured: 30 d').isVisible()).toBe(true);
    expect(await described()).toMatch(/Spec +\[{"every":"1h 30m 0s"}\]/);
  });

  it('R1.10 refuse an invalid interval with a reason and change nothing', async () => {
    const page = await onWorkers();
    const before = await described();
    const dialog = await open(page, 'Change interval');
    await dialog.getByLabel('Sweep every').fill('banana');
    await dialog.getByRole('button', { name: 'Change interval' }).click();
    await page.getByText('Must be a duration such as 90s, 10m or 1h, not "banana".').waitFor();
    expect(specOf(await described())).toBe(specOf(before));
  });

  it('R1.10 run the sweep at once', async () => {
    const page = await onWorkers();
    const account = await pages.harness.addAccount({ organisation: pages.organisation });
    const dialog = await open(page, 'Run now');
    await dialog.getByRole('button', { name: 'Run now' }).click();
    await rowOf(page).getByText('refreshed 1/1').waitFor();
    expect((await pages.harness.account(account.id)).generation).toBe(2);
  });

  it('show that a provider refuses the OAuth app until the circuit closes', async () => {
    const page = await onWorkers();
    const { sandbox, clientSecret } = pages.harness;
    const account = await pages.harness.addAccount({
      organisation: pages.organisation,
      proven: true,
    });
    sandbox.setClientSecret('rotated-at-the-provider');
    const key = await pages.harness.key({ organisation: pages.organisation });
    await pages.harness.request(key, 'POST', `/api/admin/accounts/${account.id}/refresh`, {});
    await rowOf(page).getByText('OAuth app refused').waitFor();
    await rowOf(page).getByText('production: invalid_client, circuit opened').waitFor();
    await expectAccessible(page);
    sandbox.setClientSecret(clientSecret);
    await pages.harness.closeCircuits();
    await rowOf(page).getByText('OAuth app refused').waitFor({ state: 'detached' });
  });

  it('are hidden from and refused to a visitor who is no operator, with a reason', async () => {
    const page = await onWorkers({ scopes: ['admin'] });
    await rowOf(page).waitFor();
    expect(await rowOf(page).getByRole('button').count()).toBe(0);
    await page.getByText('only a key with the scope "operator" can change them').waitFor();
    await temporal('schedule', 'toggle', ...SCHEDULE, '--pause', '--reason', 'a word to operators');
    await rowOf(page).getByText('Paused').waitFor();
    expect(await page.getByText('a word to operators').count()).toBe(0);
    expect(await page.getByText('refreshed 1/1').count()).toBe(0);
    await temporal('schedule', 'toggle', ...SCHEDULE, '--unpause', '--reason', 'done');
    await expectAccessible(page);
    const before = await described();
    const path = `/admin/workers/${encodeURIComponent('sweep/ebay')}/pause`;
    const post = (visitor: Page, headers: Record<string, string>) =>
      visitor.request.post(path, { headers, form: { note: 'x' }, maxRedirects: 0 });
    expect((await post(page, { origin: pages.url })).status()).toBe(403);
    const operator = await onWorkers();
    for (const origin of ['https://evil.example', 'null'])
      expect((await post(operator, { origin })).status()).toBe(403);
    expect(pausedOf(await described())).toBe(pausedOf(before));
  });

  it('return 404 for a schedule that does not exist or is not ours', async () => {
    const page = await onWorkers();
    for (const id of ['sweep/none', 'nightly']) {
      const answer = await page.request.post(`/admin/workers/${encodeURIComponent(id)}/pause`, {
        headers: { origin: pages.url },
        form: { note: 'x' },
      });
      expect(answer.status()).toBe(404);
    }
  });

  const specOf = (text: string) => /Spec +(.*)/.exec(text)?.[1];
  const pausedOf = (text: string) => /Paused +(.*)/.exec(text)?.[1];
});

describe('the statistics on the first page', () => {
  /** Uses a separate organisation, because statistics are cached for some seconds. */
  async function organisationWith(expiresInMs: number[]): Promise<string> {
    const organisation = `${pages.organisation}-${expiresInMs.length}`;
    for (const expires of expiresInMs)
      await pages.harness.addAccount({
        organisation,
        expiresInMs: expires,
        refreshedAgoMs: 60_000,
      });
    return organisation;
  }

  it('R1.10 count only the organisation’s accounts by status, with links to them', async () => {
    const organisation = await organisationWith([2 * HOUR, 2 * HOUR, -HOUR]);
    const page = await pages.signedIn({ organisation, scopes: ['read'] });
    const section = page.getByRole('region', { name: 'Accounts by status' });
    expect(await section.getByRole('link').allTextContents()).toEqual([
      '1 expired',
      '2 ok',
      '3 accounts',
      '1 expired',
      '2 ok',
      '3 accounts',
    ]);
    const links = section.getByRole('link', { name: '2 ok' });
    expect(await links.first().getAttribute('href')).toBe('/admin/accounts?status=ok');
    expect(await links.last().getAttribute('href')).toBe('/admin/accounts?provider=ebay&status=ok');
  });

  it('R1.10 plot token expiry, attempts and response times, each with a table', async () => {
    const organisation = await organisationWith([90 * 60_000]);
    for (const failed of [false, false, true])
      await pages.harness.store.logEntries.record(
        entryOf({
          organisation,
          created_at: new Date().toISOString(),
          error: failed ? refreshFailure('invalid_grant') : null,
          response: { status: 200, duration_ms: 120 },
        }),
      );
    const page = await pages.signedIn({ organisation });
    const figure = (name: string) => page.getByRole('figure', { name });
    const inMs = expect.stringMatching(/^\d+( ms)?$/);
    for (const [name, sentence, numbers] of [
      ['Access tokens expiring, next 24 h', '1 in total', ['1']],
      ['Refresh tokens expiring, next 12 months', 'No refresh token is known to expire.', []],
      ['Attempts, last 24 h', '66.6 % succeeded: 2 of 3.', ['2', '1']],
      ['Response time, last 24 h, in ms', '50 % within', [inMs, inMs]],
    ] as const) {
      expect(await figure(name).getByText(sentence).isVisible()).toBe(true);
      await figure(name).getByText('As a table').click();
      const rows = figure(name).getByRole('row');
      expect(await rows.count()).toBe(name.startsWith('Refresh') ? 13 : 25);
      const cells = await rows.getByRole('cell').allTextContents();
      expect(cells.filter((cell) => /[1-9]/.test(cell))).toEqual(numbers);
    }
    // An interval shows its values while the pointer is over it, and links to the list.
    const attempts = figure('Attempts, last 24 h').locator('svg a').last();
    expect(await attempts.locator('text').isVisible()).toBe(false);
    await attempts.hover();
    expect(await attempts.locator('text').textContent()).toMatch(/refreshed 2, failed 1$/);
    expect(await attempts.locator('text').isVisible()).toBe(true);
    expect(await attempts.getAttribute('href')).toMatch(/^\/admin\/terminal\?from=.*&to=/);
    await expectAccessible(page);
  });

  it('keep a table expanded during live updates', async () => {
    const organisation = await organisationWith([HOUR, HOUR]);
    const page = await pages.signedIn({ organisation });
    await page.getByText('Live', { exact: true }).waitFor();
    const figure = page.getByRole('figure', { name: 'Access tokens expiring' });
    await figure.getByText('As a table').click();
    await pages.harness.addAccount({ organisation, expiresInMs: HOUR, refreshedAgoMs: 0 });
    await figure.getByText('3 in total').waitFor();
    expect(await figure.getByRole('table').isVisible()).toBe(true);
    expectNoComplaints(page);
  });

  it('show that the organisation has no accounts yet', async () => {
    const page = await pages.signedIn({ organisation: `${pages.organisation}-empty` });
    expect(await page.getByText('No accounts yet.').isVisible()).toBe(true);
  });
});

describe('an operator without access to accounts', () => {
  it('sees only the pages that serve all organisations', async () => {
    const page = await onWorkers({ scopes: ['operator'] });
    await rowOf(page).getByRole('button', { name: 'Run now ebay' }).waitFor();
    const links = page.getByRole('navigation').getByRole('link');
    expect(await links.allTextContents()).toEqual([
      'Overview',
      'Workers',
      'Workflows',
      'Encryption',
      'Settings',
      'API',
    ]);
    expect(await page.getByText('Accounts by status').count()).toBe(0);
    expect(await page.getByText('operator', { exact: true }).isVisible()).toBe(true);
    expect(await page.getByText('admin', { exact: true }).count()).toBe(0);
    await expectAccessible(page);
    expectNoComplaints(page);
    expect((await page.goto('/admin/accounts'))?.status()).toBe(403);
    expect(await page.getByRole('alert').textContent()).toContain('lacks the scope "read"');
  });
});

describe('the workers', () => {
  it('R1.10 are counted', async () => {
    const page = await onWorkers();
    await eventually(() => page.getByText('1 worker alive').isVisible());
  });
});

describe('an unknown address', () => {
  it('shows a page with the reason and the navigation', async () => {
    const page = await pages.signedIn();
    expect((await page.goto('/admin/nowhere'))?.status()).toBe(404);
    expect(await page.getByRole('alert').textContent()).toBe('No page exists at /admin/nowhere.');
    await page.getByRole('link', { name: 'Workers' }).click();
    await page.waitForURL('**/admin/workers');
  });
});
