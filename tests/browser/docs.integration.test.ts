/** The page of the API reference. */
import { randomUUID } from 'node:crypto';
import type { Request } from 'playwright-core';
import {
  expectAccessible,
  expectNoComplaints,
  expectNoHorizontalScroll,
  type Pages,
  startPages,
} from './_browser';

let pages: Pages;
beforeAll(async () => {
  pages = await startPages({ worker: false });
});
afterAll(() => pages.stop());

it('needs no sign-in, and its contents link to a complete description of each operation', async () => {
  const page = await pages.visitor();
  await page.goto('/docs');
  expect(await page.getByRole('navigation', { name: 'Pages' }).count()).toBe(0);
  await page
    .getByRole('navigation', { name: 'Contents' })
    .getByRole('link', { name: 'POST accounts/{id}/refresh' })
    .click();
  await page.waitForURL('**/docs#refreshAccount');
  const operation = page.getByRole('article', { name: 'POST /api/admin/accounts/{id}/refresh' });
  expect(
    await operation.evaluate((node) => Math.abs(node.getBoundingClientRect().top)),
  ).toBeLessThan(60);
  await operation.getByText('Requires a key or JWT with the scope admin.').waitFor();
  const parameter = operation.getByRole('row', { name: /^id/ });
  expect(await parameter.textContent()).toContain('The id of the account');
  expect(await operation.getByText('curl -s -X POST').textContent()).toBe(
    [
      `curl -s -X POST ${pages.url}/api/admin/accounts/acc_4b6f0c2d9e8a7b6c5d4e3f2a/refresh`,
      '-H "Authorization: Bearer $EVERGRANT_API_KEY"',
      "-H 'Content-Type: application/json'",
      `-d '{"force":true}'`,
    ].join(' \\\n  '),
  );
  await operation.getByRole('link', { name: 'RefreshOutcome' }).click();
  await page.waitForURL('**/docs#schema-RefreshOutcome');
  const schema = page.getByRole('region', { name: 'RefreshOutcome' });
  await schema.getByText('refreshed | failed | skipped | claimed_elsewhere').waitFor();
  expectNoComplaints(page);
});

it('shows collapsed examples that the keyboard expands', async () => {
  const page = await pages.visitor();
  await page.goto('/docs#getStatus');
  const operation = page.getByRole('article', { name: 'GET /api/admin/status' });
  const example = operation.getByText('"needs_reconnect": 2').first();
  expect(await example.isVisible()).toBe(false);
  await operation.getByText('Example', { exact: true }).focus();
  await page.keyboard.press('Enter');
  await example.waitFor();
});

it('has every operation of the document, each at a separate anchor', async () => {
  const page = await pages.visitor();
  await page.goto('/docs');
  const document = (await (await page.request.get('/openapi.json')).json()) as {
    paths: Record<string, Record<string, { operationId: string }>>;
  };
  const ids = Object.values(document.paths).flatMap((methods) =>
    Object.values(methods).map(({ operationId }) => operationId),
  );
  const shown = await page
    .getByRole('article')
    .evaluateAll((nodes) => nodes.map((node) => node.getAttribute('aria-labelledby')));
  expect(new Set(shown)).toEqual(new Set(ids));
  expect(shown).toHaveLength(ids.length);
  const links = await page
    .getByRole('main')
    .locator('a[href^="#"]')
    .evaluateAll((nodes) => nodes.map((node) => node.getAttribute('href')?.slice(1) ?? ''));
  const anchors = await page.locator('[id]').evaluateAll((nodes) => nodes.map(({ id }) => id));
  expect(new Set(anchors).size).toBe(anchors.length);
  expect(links.filter((target) => !anchors.includes(target))).toEqual([]);
});

it('T1.5 sends a request with the key of the reader, and stores the key nowhere', async () => {
  const page = await pages.visitor();
  const key = await pages.harness.key({ organisation: pages.organisation, scopes: ['admin'] });
  const account = await pages.harness.addAccount({ organisation: pages.organisation });
  await page.goto('/docs');
  const operation = page.getByRole('article', { name: 'POST /api/admin/keys', exact: true });
  await operation.getByText('Send a request').focus();
  await page.keyboard.press('Enter');
  const send = operation.getByRole('button', { name: 'Send POST request' });
  await send.click();
  await operation.getByText('This request needs a key or JWT.').waitFor();
  const field = page.getByLabel('Your API key or JWT');
  expect(await field.evaluate((node) => node === node.ownerDocument.activeElement)).toBe(true);
  await field.fill(key);
  const name = `docs ${randomUUID()}`;
  await operation.getByLabel('Body').fill(JSON.stringify({ name, scopes: ['tokens'] }));
  const [request] = await Promise.all([page.waitForRequest('**/api/admin/keys'), send.click()]);
  await operation.getByText(/^201 /).waitFor();
  expect(JSON.parse((await operation.getByLabel('Response').textContent()) ?? '')).toMatchObject({
    name,
    scopes: ['tokens'],
  });
  expect(await request.headerValue('cookie')).toBeNull();

  const byId = page.getByRole('article', { name: 'GET /api/admin/accounts/{id}', exact: true });
  await byId.getByText('Send a request').click();
  await byId.getByLabel('id', { exact: true }).fill(account.id);
  await byId.getByRole('button', { name: 'Send GET request' }).click();
  await byId.getByText(/^200 /).waitFor();
  await expectAccessible(page);
  const kept = await page.evaluate<string>(
    'JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href])',
  );
  expect(kept).not.toContain(key.slice(-20));
  await page.reload();
  expect(await field.inputValue()).toBe('');
  expectNoComplaints(page);
});

it('stops a stream on request', async () => {
  const page = await pages.visitor();
  await page.goto('/docs');
  await page
    .getByLabel('Your API key or JWT')
    .fill(await pages.harness.key({ organisation: pages.organisation, scopes: ['read'] }));
  const operation = page.getByRole('article', { name: 'GET /api/admin/terminal-logs/stream' });
  await operation.getByText('Send a request').click();
  await operation.getByRole('button', { name: 'Send GET request' }).click();
  await operation.getByText(/^200 /).waitFor();
  await operation.getByRole('button', { name: 'Stop' }).click();
  await operation.getByText(/stopped/).waitFor();
  expectNoComplaints(page);
});

it('T1.5 copies a command', async () => {
  const page = await pages.visitor();
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.goto('/docs');
  const operation = page.getByRole('article', { name: 'GET /api/tokens', exact: true });
  await operation.getByRole('button', { name: 'Copy the command' }).click();
  await operation.getByText('Copied').waitFor();
  expect(await page.evaluate('navigator.clipboard.readText()')).toBe(
    `curl -s ${pages.url}/api/tokens \\\n  -H "Authorization: Bearer $EVERGRANT_API_KEY"`,
  );
});

it('is linked from the navigation of a signed-in person', async () => {
  const page = await pages.signedIn({ scopes: ['read'] });
  await page.getByRole('link', { name: 'API', exact: true }).click();
  await page.waitForURL('**/docs');
  const current = page.getByRole('link', { name: 'API', exact: true });
  expect(await current.getAttribute('aria-current')).toBe('page');
  expectNoComplaints(page);
});

it('is accessible in both themes and fits a phone', async () => {
  const page = await pages.visitor();
  await page.goto('/docs');
  await expectAccessible(page);
  await expectNoHorizontalScroll(page);
  expectNoComplaints(page);
});

it('loads no file from another origin, and stays below 150 kB with style and script', async () => {
  const page = await pages.visitor();
  const asked: Request[] = [];
  page.on('request', (request) => asked.push(request));
  await page.goto('/docs', { waitUntil: 'networkidle' });
  const own = asked.filter((request) => !request.url().startsWith('data:'));
  expect(own.length).toBeGreaterThan(2);
  for (const request of own) expect(request.url()).toMatch(new RegExp(`^${pages.url}/`));
  const sizes = await Promise.all(own.map((request) => request.sizes()));
  const weight = sizes.reduce((sum, { responseBodySize }) => sum + responseBodySize, 0);
  expect(weight).toBeGreaterThan(10_000);
  expect(weight).toBeLessThan(150_000);
});
