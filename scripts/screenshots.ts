/**
 * Takes the screenshots for the docs in demo mode, after the first sweep: `npx --no tsx scripts/screenshots.ts`, or only
 * those of the consent pages with the argument `connect`, or of the pages for managing with `manage`. Needs Chromium, at CHROMIUM or /usr/bin/chromium.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';

const OUT = join(__dirname, '..', 'docs', 'screenshots');
const VIEWPORT = { width: 1280, height: 860 };
const WIDE = { width: 1920, height: 1080 };
const PHONE = { width: 390, height: 844 };
const CONSENT = { width: 900, height: 620 };

/** Starts demo mode with separate engines and data; resolves with its address and the key of its banner. */
async function startDemo(dataDir: string): Promise<{ url: string; key: string; stop: () => void }> {
  const child = spawn('npm', ['start'], {
    env: { ...process.env, DATA_DIR: dataDir, LOG_LEVEL: 'info', PROVIDERS_FILE: '', CONNECT_ORGANISATION_NAME: 'Northwind' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  await new Promise<void>((resolve, reject) => {
    const listen = (chunk: Buffer) => {
      said += chunk.toString();
      if (/evg_\S+/.test(said) && said.includes('sweep finished')) resolve();
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    child.once('exit', () => reject(new Error(`demo mode ended:\n${said.slice(-2000)}`)));
  });
  const url = /API +(http:\/\/\S+)/.exec(said)?.[1];
  const key = /evg_\S+/.exec(said)?.[0];
  if (url === undefined || key === undefined) throw new Error('the banner has no address or no key');
  return { url, key, stop: () => child.kill('SIGTERM') };
}

async function picture(page: Page, name: string): Promise<void> {
  await page.waitForLoadState('load');
  await page.getByText('Live', { exact: true }).waitFor({ timeout: 5_000 }).catch(() => undefined);
  await page.screenshot({ path: join(OUT, `${name}.png`) });
  process.stderr.write(`${name}.png\n`);
}

/** The pages that the owner of an account sees. */
async function takeConnect(browser: Browser, demo: { url: string; key: string }): Promise<void> {
  const context = await browser.newContext({ baseURL: demo.url, viewport: CONSENT });
  const page = await context.newPage();
  const answer = await fetch(new URL('/api/admin/connect/sessions', demo.url), {
    method: 'POST',
    headers: { authorization: `Bearer ${demo.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ provider: 'ebay', external_id: 'copper-kettle', label: 'Copper Kettle' }),
  });
  const { url }: { url: string } = JSON.parse(await answer.text());
  await page.goto(url);
  await page.screenshot({ path: join(OUT, 'connect.png') });
  await page.setViewportSize(PHONE);
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.screenshot({ path: join(OUT, 'connect-phone-dark.png') });
  await page.setViewportSize(CONSENT);
  await page.emulateMedia({ colorScheme: 'light' });
  await page.getByRole('button', { name: /^Continue to/ }).click();
  await page.getByLabel('Another account').fill('copper-kettle');
  await page.getByRole('button', { name: 'Approve' }).click();
  await page.getByRole('heading', { name: 'Connected' }).waitFor();
  await page.screenshot({ path: join(OUT, 'connect-result.png') });
  await context.close();
}

/** The pages on which an admin manages accounts, keys and webhooks. */
async function takeManaging(page: Page, suffix: string): Promise<void> {
  for (const [path, name] of [
    ['accounts/new', 'account-new'],
    ['accounts/import', 'import'],
    ['keys/new', 'key-new'],
    ['webhooks/new', 'webhook-new'],
  ]) {
    await page.goto(`/admin/${path}`);
    await picture(page, `${name}${suffix}`);
  }
  await page.getByLabel('URL').fill('https://example.com/hooks/evergrant');
  await page.getByLabel(/^Description/).fill('Shop backend');
  await page.getByRole('button', { name: 'Add the webhook' }).click();
  await page.getByRole('link', { name: 'Show the webhook' }).click();
  await page.getByRole('button', { name: 'Send a test event' }).click();
  await page.getByRole('region', { name: 'Latest deliveries' }).getByRole('row').nth(1).waitFor();
  await picture(page, `webhook${suffix}`);
  await page.getByRole('button', { name: /^Disable …/ }).click();
  await page.getByRole('button', { name: 'Disable', exact: true }).click();
  await page.getByText(/^The webhook .* is disabled\.$/).waitFor();
  await picture(page, `webhook-disabled${suffix}`);
  for (const name of ['webhooks', 'keys']) {
    await page.goto(`/admin/${name}`);
    await picture(page, `${name}${suffix}`);
  }
  await page.goto('/admin/accounts/import');
  const lines = ['provider,external_id,refresh_token', 'ebay,cedar-and-pine,v^1.1#demo', 'unknown,tidewater,x'];
  await page.getByLabel('File', { exact: true }).setInputFiles({ name: 'accounts.csv', mimeType: 'text/csv', buffer: Buffer.from(lines.join('\n')) });
  await page.getByRole('button', { name: 'Check the file' }).click();
  await page.getByRole('heading', { name: 'Result of the check' }).waitFor();
  await picture(page, `import-check${suffix}`);
}

/** So that the list of token accesses has a row. */
async function receiveToken({ url, key }: { url: string; key: string }): Promise<void> {
  const ask = async (path: string, bearer: string, body?: object) => {
    const answer = await fetch(new URL(path, url), {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return JSON.parse(await answer.text());
  };
  const application = await ask('/api/admin/keys', key, { name: 'Shop', scopes: ['tokens'] });
  const { items } = await ask('/api/tokens?limit=3', application.api_key);
  for (const { id } of items) await ask(`/api/tokens/${id}`, application.api_key);
}

async function takeAll(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'evergrant-screenshots-'));
  mkdirSync(OUT, { recursive: true });
  const demo = await startDemo(dataDir);
  const browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
  try {
    await receiveToken(demo);
    if (process.argv[2] !== 'manage') await takeConnect(browser, demo);
    if (process.argv[2] === 'connect') return;
    for (const colorScheme of ['light', 'dark'] as const) {
      const context = await browser.newContext({ baseURL: demo.url, viewport: VIEWPORT, colorScheme });
      const page = await context.newPage();
      const suffix = colorScheme === 'dark' ? '-dark' : '';
      await page.goto('/docs#getToken');
      await picture(page, `api${suffix}`);
      await page.goto('/sign-in');
      if (suffix === '') await picture(page, 'sign-in');
      await page.getByLabel('API key or JWT').fill(demo.key);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.waitForURL('**/admin/**');
      if (process.argv[2] === 'manage') {
        await takeManaging(page, suffix);
        continue;
      }
      await page.goto('/admin/overview');
      await picture(page, `overview${suffix}`);
      await page.goto('/admin/workers');
      await picture(page, `workers${suffix}`);
      await page.goto('/admin/accounts');
      await picture(page, `accounts${suffix}`);
      await page.getByRole('link', { name: /Harbour Books/ }).first().click();
      await page.waitForURL('**/admin/accounts/acc_*');
      await picture(page, `account${suffix}`);
      if (suffix === '') {
        await page.getByRole('link', { name: 'Refresh (debug)' }).click();
        await page.getByRole('button', { name: /Refresh/ }).first().click();
        await page.getByRole('region', { name: 'Verdict' }).waitFor();
        await picture(page, 'refresh-debug');
      }
      await page.goto('/admin/terminal');
      await page.getByText('token refreshed', { exact: false }).first().waitFor().catch(() => undefined);
      await picture(page, `terminal${suffix}`);
      await page.goto('/admin/workflows');
      await picture(page, `workflows${suffix}`);
      await takeManaging(page, suffix);
      for (const name of ['events', 'deliveries', 'audit', 'token-accesses', 'quarantine', 'providers', 'encryption', 'settings']) {
        await page.goto(`/admin/${name}`);
        await picture(page, `${name}${suffix}`);
      }
      await page.goto('/admin/providers/slack');
      await picture(page, `provider${suffix}`);
      await page.goto('/admin/search?q=harb');
      await picture(page, `search${suffix}`);
      await page.setViewportSize(WIDE);
      await page.goto('/admin/accounts');
      await picture(page, `accounts-wide${suffix}`);
      await page.goto('/admin/overview');
      await picture(page, `overview-wide${suffix}`);
      await page.setViewportSize(VIEWPORT);
      await page.goto('/admin/workflows');
      if (suffix === '') {
        await page.getByRole('rowheader').getByRole('link').first().click();
        await picture(page, 'workflow');
        await page.setViewportSize(PHONE);
        await page.goto('/admin/terminal');
        await picture(page, 'terminal-phone');
        await page.goto('/admin/overview');
        await picture(page, 'overview-phone');
        await page.goto('/admin/accounts');
        await picture(page, 'accounts-phone');
      }
      await context.close();
    }
  } finally {
    await browser.close();
    demo.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

void takeAll();
