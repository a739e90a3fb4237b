/** Workflow history: the list, one workflow, and the actions to terminate and repeat a workflow. */
import { randomUUID } from 'node:crypto';
import type { Page } from 'playwright-core';
import type { Account } from '../../src/domain/account/account';
import { refreshAccountWorkflowId } from '../../src/workflows/refresh-account';
import { eventually } from '../support/eventually';
import {
  expectAccessible,
  expectNoComplaints,
  expectNoHorizontalScroll,
  type Pages,
  pick,
  startPages,
} from './_browser';

const MINUTE = 60_000;
const theirs = `org-${randomUUID()}`;

let pages: Pages;
let refreshed: Account;
let revoked: Account;
let foreign: Account;

/** Runs one sweep over two of our accounts, one of them revoked, and one account of another organisation. */
beforeAll(async () => {
  pages = await startPages();
  const { harness, organisation } = pages;
  refreshed = await harness.addAccount({ organisation, label: 'Harbour Books' });
  const bad = await harness.addAccount({ organisation, label: 'Saffron' });
  harness.sandbox.revoke(bad.plain.refreshToken);
  revoked = bad;
  foreign = await harness.addAccount({ organisation: theirs, label: 'Theirs Alone' });
  await harness.client.schedule.getHandle('sweep/ebay').trigger();
  // The start of a worker also triggers a sweep.
  await eventually(async () => {
    const ended = (type: string) =>
      harness.client.workflow.count(`ExecutionStatus = "Completed" AND WorkflowType = "${type}"`);
    const counts = await Promise.all([ended('refreshAccountWorkflow'), ended('sweepWorkflow')]);
    return counts.map(({ count }) => count).join() === '3,2';
  });
});
afterAll(() => pages.stop());

const pathOf = ({ id }: Account) =>
  `/admin/workflows/${encodeURIComponent(refreshAccountWorkflowId(id))}`;
const rowOf = (page: Page, { id }: Account) => page.getByRole('row', { name: id });

/** Starts a refresh whose first attempts fail, so that it waits for its next attempt. @param times failing attempts */
async function waiting(times: number): Promise<Account> {
  const { harness, organisation } = pages;
  const account = await harness.addAccount({ organisation, expiresInMs: 30 * MINUTE });
  harness.sandbox.script({ subject: account.id, times, answer: { kind: 'unavailable' } });
  const key = await harness.key({ organisation });
  await harness.request(key, 'POST', `/api/admin/accounts/${account.id}/refresh`, { force: true });
  return account;
}

describe('the list', () => {
  it('R1.10 shows sweeps and the organisation’s refreshes with status, outcome, attempts and duration', async () => {
    const page = await pages.signedIn({ scopes: ['read'] });
    await page.getByRole('link', { name: 'Workflows' }).click();
    const good = rowOf(page, refreshed);
    expect(await good.getByRole('cell').allTextContents()).toEqual([
      'refreshed',
      '1',
      expect.stringMatching(/ago$|^now$/),
      expect.stringMatching(/^\d+(\.\d)? (ms|s)/),
      'scheduled',
    ]);
    expect(await good.getByRole('link', { name: 'Harbour Books' }).isVisible()).toBe(true);
    expect(await rowOf(page, revoked).getByText('invalid grant').isVisible()).toBe(true);
    const sweeps = page.getByRole('row').filter({ hasText: 'sweep/ebay' });
    expect(await sweeps.getByText('completed').count()).toBe(2);
    expect(await page.getByText('refreshed 2/3').count()).toBe(0);
    await page.getByText('Type', { exact: true }).first().click();
    const types = page.getByRole('group', { name: 'Type' }).getByRole('checkbox');
    expect(await types.evaluateAll((all) => all.map((box: any) => box.value))).toEqual([
      'refresh',
      'sweep',
      'validation',
      'disconnection',
    ]);
    expect(await page.getByText(foreign.id).count()).toBe(0);
    expectNoComplaints(page);
  });

  it('shows operators the summary of each sweep', async () => {
    const page = await pages.signedIn({ scopes: ['operator'] });
    await page.getByRole('link', { name: 'Workflows' }).click();
    const sweep = page
      .getByRole('row')
      .filter({ hasText: /Sweep of ebay.*refreshed 2\/3, failed 1/ });
    expect(await sweep.isVisible()).toBe(true);
    expect(await page.getByText(refreshed.id).count()).toBe(0);
  });

  it('R1.10 is filtered by type, provider, status and account', async () => {
    const page = await pages.signedIn({ scopes: ['read'] });
    await page.goto('/admin/workflows');
    await pick(page, 'Type', 'refresh');
    await pick(page, 'Provider', 'ebay');
    await pick(page, 'Status', 'completed');
    await page.getByRole('textbox', { name: 'Account' }).fill(revoked.id);
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.waitForURL(`**account_id=${revoked.id}`);
    expect(await page.getByRole('row').count()).toBe(2);
    expect(await rowOf(page, revoked).isVisible()).toBe(true);
    await page.getByRole('textbox', { name: 'Account' }).fill(foreign.id);
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.getByText('No workflows match these filters.').waitFor();
  });

  it('R1.10 lists each workflow once over all pages', async () => {
    const organisation = `org-${randomUUID()}`;
    const ids = await Promise.all(
      Array.from({ length: 60 }, async () => {
        const id = `refresh-account/acc_${randomUUID()}`;
        await pages.harness.client.workflow.start('refreshAccountWorkflow', {
          workflowId: id,
          taskQueue: 'no-worker',
          args: [],
          searchAttributes: { EvergrantOrg: [organisation] },
        });
        return id;
      }),
    );
    const page = await pages.signedIn({ organisation });
    const seen: string[] = [];
    await eventually(async () => {
      await page.goto('/admin/workflows?type=refresh');
      return page.getByRole('link', { name: 'Next page' }).isVisible();
    });
    seen.push(...(await page.getByRole('rowheader').getByRole('link').allTextContents()));
    await page.getByRole('link', { name: 'Next page' }).click();
    await page.waitForURL('**cursor=**');
    seen.push(...(await page.getByRole('rowheader').getByRole('link').allTextContents()));
    expect(seen.toSorted()).toEqual(ids.toSorted());
  });
});

it('the search finds workflows by the beginning of their id, and none of another organisation', async () => {
  const page = await pages.signedIn({ scopes: ['read'] });
  const found = page.getByRole('region', { name: 'Workflows' }).getByRole('link');
  await page.goto('/admin/search?q=sweep/ebay');
  expect(await found.count()).toBe(2);
  await page.goto(`/admin/search?q=${refreshAccountWorkflowId(refreshed.id)}`);
  expect(await found.count()).toBe(1);
  await page.goto(`/admin/search?q=${refreshAccountWorkflowId(foreign.id)}`);
  await page.getByText('Nothing found.').waitFor();
});

describe('one workflow', () => {
  it('R1.10 shows each event with its activity, attempt and failure', async () => {
    const page = await pages.signedIn({ scopes: ['read'] });
    await page.goto('/admin/workflows');
    await page.getByRole('link', { name: 'Saffron' }).click();
    const step = page.getByRole('row', { name: 'Saffron: refresh (scheduled)' });
    await step.getByText('refreshGrant').waitFor();
    const end = page.getByRole('row', { name: 'failed (invalid_grant)' });
    await end.getByText('must reconnect the account').waitFor();
    await page.getByRole('definition').getByText('invalid grant', { exact: true }).waitFor();
    await page.getByRole('row', { name: 'finished' }).waitFor();
    expect(await page.getByText('must reconnect the account').count()).toBe(1);
    const times = page.getByRole('table').getByRole('time');
    for (const time of await times.allTextContents()) expect(time).toMatch(/^\d+(\.\d)? (ms|s)$/);
    expect(await page.getByRole('button', { name: /Terminate|again/ }).count()).toBe(0);
    expectNoComplaints(page);
  });

  it('R1.10 shows how long it waits, and updates live', async () => {
    const account = await waiting(1);
    const page = await pages.signedIn();
    await page.goto(pathOf(account));
    const wait = page.getByRole('row', { name: /^waits for/ });
    expect(await wait.getByRole('cell').last().textContent()).toMatch(/^in \d+|now|ago/);
    await page.evaluate('document.body.dataset.same = "yes"');
    await page.getByRole('row', { name: 'the wait is over' }).waitFor();
    await page.getByRole('definition').getByText('refreshed', { exact: true }).waitFor();
    expect(await page.evaluate('document.body.dataset.same')).toBe('yes');
  });

  it('R1.10 of another organisation responds like an absent one at every address', async () => {
    const page = await pages.signedIn();
    const { client } = pages.harness;
    const { runId } = await client.workflow
      .getHandle(refreshAccountWorkflowId(foreign.id))
      .describe();
    const refusal = async (path: string, id: string) => {
      expect((await page.goto(path))?.status()).toBe(404);
      return (await page.getByRole('alert').textContent())?.replace(id, '<id>');
    };
    const absentId = `acc_${'0'.repeat(24)}`;
    const absent = await refusal(pathOf({ ...foreign, id: absentId }), absentId);
    for (const path of [
      pathOf(foreign),
      `${pathOf(foreign)}/${runId}`,
      `${pathOf(refreshed)}/${runId}`,
    ])
      expect(
        await refusal(path, path.startsWith(pathOf(refreshed)) ? refreshed.id : foreign.id),
      ).toBe(absent);
    for (const action of ['terminate', 'retry']) {
      const answer = await page.request.post(`${pathOf(foreign)}/${runId}/${action}`, {
        headers: { origin: pages.url },
        form: { reason: 'x' },
      });
      expect(answer.status()).toBe(404);
    }
  });

  it('shows only the organisation’s accounts if it is a sweep', async () => {
    const page = await pages.signedIn();
    await page.goto('/admin/workflows?type=sweep');
    const sweep = page.getByRole('row').filter({ hasText: 'refreshed 2/3' });
    await sweep.getByRole('link').click();
    await page.getByText(`refresh-account/${refreshed.id}: refreshed`).waitFor();
    expect(await page.content()).not.toContain(foreign.id);
    expect(await page.content()).not.toContain('Theirs Alone');
  });
});

describe('the actions of a workflow', () => {
  it('R1.10 terminate it with a reason that its history shows', async () => {
    const account = await waiting(50);
    const page = await pages.signedIn();
    await page.goto(pathOf(account));
    await page.getByRole('button', { name: 'Terminate' }).click();
    const dialog = page.getByRole('dialog');
    await page.keyboard.press('Enter');
    expect(await dialog.isVisible()).toBe(true);
    await dialog.getByLabel('Reason').fill('the shop asked for it');
    await dialog.getByRole('button', { name: 'Terminate' }).click();
    const end = page.getByRole('row', { name: 'terminated by an operator' });
    await end.getByText(/^the shop asked for it \(key [0-9a-f]+\)$/).waitFor();
    expectNoComplaints(page);
  });

  it('R1.10 refresh the account again and show the new workflow', async () => {
    const page = await pages.signedIn();
    await page.goto(pathOf(refreshed));
    await page.getByRole('button', { name: 'Refresh again' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Refresh again' }).click();
    await page.getByRole('row', { name: 'Harbour Books: refresh (admin, forced)' }).waitFor();
    await page.getByRole('definition').getByText('refreshed', { exact: true }).waitFor();
    expect((await pages.harness.account(refreshed.id)).generation).toBe(3);
    await page.goto(`/admin/accounts/${refreshed.id}`);
    // The oldest run, not the newest of the same workflow.
    await page.getByRole('region', { name: 'Workflows' }).getByRole('link').last().click();
    await page.getByRole('row', { name: 'Harbour Books: refresh (scheduled)' }).waitFor();
  });

  it('R1.10 start another sweep', async () => {
    const page = await pages.signedIn();
    await page.goto('/admin/workflows?type=sweep');
    await page.getByRole('rowheader').getByRole('link').first().click();
    await page.getByRole('button', { name: 'Sweep again' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Sweep again' }).click();
    await page.waitForURL('**/sweep%2Febay%2Ftriggered');
    const end = page.getByRole('row', { name: /^finished: ebay:/ });
    await end.waitFor();
    expect(await end.isVisible()).toBe(true);
  });

  it('are refused to read-only sessions and to requests from another site', async () => {
    const account = await waiting(50);
    const { client } = pages.harness;
    const handle = client.workflow.getHandle(refreshAccountWorkflowId(account.id));
    const { runId } = await handle.describe();
    const post = async (page: Page, origin: string) => {
      const answer = await page.request.post(`${pathOf(account)}/${runId}/terminate`, {
        headers: { origin },
        form: { reason: 'x' },
      });
      return answer.status();
    };
    expect(await post(await pages.signedIn({ scopes: ['read'] }), pages.url)).toBe(403);
    expect(await post(await pages.signedIn(), 'https://evil.example')).toBe(403);
    expect((await handle.describe()).status.name).not.toBe('TERMINATED');
  });
});

it('the list and the page of one workflow are accessible in both themes and fit a phone', async () => {
  const page = await pages.signedIn();
  for (const path of ['/admin/workflows', pathOf(revoked)]) {
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.goto(path);
    await expectAccessible(page);
    await expectNoHorizontalScroll(page);
    await expectAccessible(page);
  }
});
