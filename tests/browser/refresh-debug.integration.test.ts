/** The page Refresh (debug) of one account. */
import { randomBytes } from 'node:crypto';
import type { Page } from 'playwright-core';
import { eventually } from '../support/eventually';
import {
  expectAccessible,
  expectNoComplaints,
  expectNoHorizontalScroll,
  type Pages,
  startPages,
} from './_browser';

const HOUR_MS = 3600_000;
const STEPS = ['claim', 'decrypt', 'request', 'response', 'commit', 'log'];

let pages: Pages;
beforeAll(async () => {
  pages = await startPages();
});
afterAll(() => pages.stop());

const add: Pages['harness']['addAccount'] = (account = {}) =>
  pages.harness.addAccount({
    organisation: pages.organisation,
    expiresInMs: HOUR_MS,
    refreshedAgoMs: 0,
    ...account,
  });
const refreshNow = (page: Page) =>
  page.getByRole('button', { name: 'Refresh now (debug)' }).click();
const region = (page: Page, name: string | RegExp) => page.getByRole('region', { name });
/** The steps as shown, each with the text at the end of its row. */
async function steps(page: Page): Promise<{ step: string; took: string }[]> {
  const items = await region(page, /^Steps/)
    .getByRole('listitem')
    .all();
  return Promise.all(
    items.map(async (item) => {
      const [step = ''] = await item.locator('code').allTextContents();
      return { step, took: (await item.locator('span').allTextContents()).at(-1) ?? '' };
    }),
  );
}

async function open(page: Page, id: string): Promise<void> {
  await page.goto(`/admin/accounts/${id}`);
  await page.getByRole('link', { name: 'Refresh (debug)' }).click();
  await page.getByText('No debug refreshes of this account yet.').waitFor();
  await page.getByText('Live', { exact: true }).waitFor();
}

it('R1.10 streams the running steps to every viewer, and then shows the duration of each', async () => {
  const { id } = await add();
  pages.harness.sandbox.script({ subject: id, answer: { kind: 'normal', delayMs: 6_000 } });
  const page = await pages.signedIn();
  await open(page, id);
  const watcher = await pages.signedIn({ scopes: ['read'] });
  await watcher.goto(`/admin/accounts/${id}/refresh-debug`);

  await refreshNow(page);
  for (const one of [page, watcher]) {
    await region(one, /^Steps/)
      .getByText('In progress')
      .waitFor();
    // The first heartbeat may have been sent before the request.
    const running = await eventually(async () => {
      const seen = await steps(one);
      return seen.some(({ step }) => step === 'response') && seen;
    });
    expect(running.map(({ step }) => step)).toEqual(['claim', 'decrypt', 'request', 'response']);
    expect(running.slice(0, 3).every(({ took }) => /^[\d.]+ ms$/.test(took))).toBe(true);
  }
  expect((await pages.harness.account(id)).generation).toBe(1);

  for (const one of [page, watcher]) {
    await region(one, 'Verdict').getByText('Refreshed', { exact: true }).waitFor();
    const ended = await steps(one);
    expect(ended.map(({ step }) => step)).toEqual(STEPS);
    expect(ended.every(({ took }) => /^[\d.]+ ms$/.test(took))).toBe(true);
    expect(Number.parseFloat(ended[3]?.took ?? '')).toBeGreaterThanOrEqual(6_000);
  }
  await page.getByText('Refreshed. The new access token expires').waitFor();
  expectNoComplaints(page);
  expectNoComplaints(watcher);
});

it('R1.6 shows the complete exchange, masked and without a token', async () => {
  const secretMarker = `marker${randomBytes(12).toString('hex')}`;
  const { id, plain } = await add({ secretMarker });
  const page = await pages.signedIn();
  await open(page, id);
  await refreshNow(page);
  const request = region(page, 'Request');
  await request.waitFor();
  const sent = await request.textContent();
  expect(sent).toContain(`POST ${pages.harness.sandbox.tokenEndpoint('ebay')}`);
  expect(sent).toContain('authorizationBasic <masked>');
  expect(sent).toContain('grant_typerefresh_token');
  expect(sent).toContain(`refresh_tokenv^1.1#… (${plain.refreshToken.length} characters)`);
  const received = await region(page, 'Response').textContent();
  expect(received).toMatch(/200 after \d+ ms/);
  expect(received).toContain('content-typeapplication/json');
  expect(received).toMatch(/access_tokenv\^1\.1#… \(\d+ characters\)/);
  expect(received).toContain('expires_in7200');
  const [entry] = await pages.harness.entries(id);
  const link = region(page, 'Verdict').getByRole('link', { name: 'Log entry' });
  expect(await link.getAttribute('href')).toBe(`/admin/terminal?entry=${entry?.id}`);
  const source = await page.content();
  const { current } = await pages.harness.account(id);
  for (const secret of [
    secretMarker,
    plain.refreshToken,
    current.refreshToken ?? '',
    current.accessToken ?? '',
  ])
    expect(source.includes(secret)).toBe(false);
});

it('R1.7 shows whether the last scheduled attempt sent the same token, before and after a reconnect', async () => {
  const { id } = await add({ expiresInMs: 60_000 });
  const { harness } = pages;
  const key = await harness.key({ organisation: pages.organisation });
  await eventually(async () => {
    await harness.request(key, 'POST', '/api/admin/internal/refresh-tokens', { provider: 'ebay' });
    return (await harness.entries(id)).some(({ source }) => source === 'scheduled');
  });
  await harness.client.workflow.result(`refresh-account/${id}`);
  const page = await pages.signedIn();
  await open(page, id);
  await refreshNow(page);
  const comparison = region(page, /^Last debug and last scheduled refresh/);
  await comparison.getByText('Same token').waitFor();
  const fingerprints = comparison.getByRole('row', { name: 'Fingerprint' }).getByRole('cell');
  const [debug, scheduled] = await fingerprints.allTextContents();
  expect(debug).toBe(scheduled);

  const { refresh_token } = harness.sandbox.issueGrant({ provider: 'ebay', subject: id });
  await harness.request(key, 'PATCH', `/api/admin/accounts/${id}`, { refresh_token });
  await refreshNow(page);
  await comparison.getByText('Different tokens').waitFor();
  expect((await fingerprints.allTextContents())[1]).toBe(scheduled);
});

it('R1.3 shows why a token was not sent, and that no request was made', async () => {
  const { id } = await add({ spoil: (sealed) => `${sealed.slice(0, -4)}AAAA` });
  const page = await pages.signedIn();
  await open(page, id);
  await refreshNow(page);
  await region(page, 'Verdict').getByText('Not sent', { exact: true }).waitFor();
  const all = await eventually(async () => {
    const names = (await steps(page)).map(({ step }) => step);
    return names.includes('record_failure') && names;
  });
  expect(all).toEqual(['claim', 'decrypt', 'log', 'record_failure']);
  expect(await region(page, 'Request').textContent()).toContain('<decrypt_failed>');
  expect(await region(page, 'Response').textContent()).toContain('No response was received.');
});

it('shows a refusal with the provider’s response', async () => {
  const { id, plain } = await add();
  pages.harness.sandbox.revoke(plain.refreshToken);
  const page = await pages.signedIn();
  await open(page, id);
  await refreshNow(page);
  await region(page, 'Verdict').getByText('Refused', { exact: true }).waitFor();
  expect(await region(page, 'Response').textContent()).toMatch(/400 after .*errorinvalid_grant/);
  expect((await pages.harness.account(id)).state).toBe('needs_reconnect');
});

it('is accessible in both themes, before and after a refresh, and fits a phone', async () => {
  const { id } = await add();
  const page = await pages.signedIn();
  await open(page, id);
  await expectAccessible(page);
  await refreshNow(page);
  await region(page, 'Response').waitFor();
  await expectAccessible(page);
  await expectNoHorizontalScroll(page);
  await expectAccessible(page);
  expectNoComplaints(page);
});
