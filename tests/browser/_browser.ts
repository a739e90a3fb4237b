/**
 * Evergrant's pages in a real Chromium: the API over real HTTP, one browser per test file, and one browser context per
 * visitor, which collects the errors and warnings of its pages.
 */
import { randomBytes } from 'node:crypto';
import { source as axeSource, type run } from 'axe-core';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import type { Scope } from '../../src/domain/access/principal';
import type { Config } from '../../src/process/config';
import type { RunningApi } from '../../src/server/serve';
import { serve } from '../cli/_cli';
import { engines } from '../support/engines';
import { type Harness, type HarnessOptions, startHarness } from '../support/harness';

const WAIT_MS = 20_000;
const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 360, height: 740 };

interface VisitorOptions {
  viewport?: { width: number; height: number };
  colorScheme?: 'light' | 'dark';
}

interface SignedInOptions extends VisitorOptions {
  organisation?: string;
  scopes?: Scope[];
}

export interface Pages {
  harness: Harness;
  url: string;
  /** The default organisation of this file's visitors. */
  organisation: string;
  /** A page of a new visitor without a session. */
  visitor(options?: VisitorOptions): Promise<Page>;
  /** A page of a visitor who signed in through the form. */
  signedIn(options?: SignedInOptions): Promise<Page>;
  stop(): Promise<void>;
}

export async function startPages({
  oidc = null,
  returnUrls = [],
  ...options
}: HarnessOptions &
  Partial<Pick<Config, 'oidc'> & Pick<Config['connect'], 'returnUrls'>> = {}): Promise<Pages> {
  // First: if no browser starts, there is nothing else to stop.
  const browser = await launch();
  const harness = await startHarness(options);
  const api: RunningApi = await serve({
    ...harness,
    config: { ...harness.config, oidc, connect: { ...harness.config.connect, returnUrls } },
  });
  const ownOrganisation = `org-${randomBytes(4).toString('hex')}`;

  const pages: Pages = {
    harness,
    url: api.url,
    organisation: ownOrganisation,
    async visitor({ viewport = DESKTOP, colorScheme = 'light' } = {}) {
      const context = await browser.newContext({ baseURL: api.url, viewport, colorScheme });
      context.setDefaultTimeout(WAIT_MS);
      watch(context);
      return context.newPage();
    },
    async signedIn({ organisation = ownOrganisation, scopes, ...visitor }: SignedInOptions = {}) {
      const page = await pages.visitor(visitor);
      await signIn(
        page,
        await harness.key({ organisation, scopes: scopes ?? ['admin', 'operator'] }),
      );
      await page.waitForURL('**/admin/**');
      return page;
    },
    async stop() {
      await browser.close();
      await api.stop();
      await harness.stop();
    },
  };
  return pages;
}

function launch(): Promise<Browser> {
  const asRoot = process.getuid?.() === 0;
  return chromium.launch({
    executablePath: engines.chromium,
    // Chromium's sandbox refuses to run as root, which containers and CI often are.
    args: asRoot ? ['--no-sandbox'] : [],
  });
}

export async function signIn(page: Page, key: string): Promise<void> {
  if (!new URL(page.url(), 'http://none.invalid').pathname.startsWith('/sign-in'))
    await page.goto('/sign-in');
  await page.getByLabel('API key or JWT').fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Chooses a value in a filter that takes several. */
export async function pick(page: Page, filter: string, value: string): Promise<void> {
  await page
    .locator('summary')
    .filter({ hasText: new RegExp(`^${filter}( \\(|$)`) })
    .click();
  await page.getByRole('group', { name: filter }).getByLabel(value, { exact: true }).check();
}

const complaints = new WeakMap<BrowserContext, string[]>();

function watch(context: BrowserContext): void {
  const found: string[] = [];
  complaints.set(context, found);
  // Violations of the content security policy are among the console's errors.
  context.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning')
      found.push(`${message.type()}: ${message.text()} (${message.location().url})`);
  });
  context.on('weberror', (error) => found.push(`uncaught: ${error.error().message}`));
}

/**
 * Expects no console error or warning, uncaught exception or violation of the content security policy in this context.
 * @param status of pages that the browser reports as failed on purpose
 */
export function expectNoComplaints(page: Page, status?: number): void {
  const found = complaints.get(page.context()) ?? [];
  const isMeant = (text: string) => status !== undefined && text.includes(`a status of ${status} `);
  expect(found.filter((text) => !isMeant(text))).toEqual([]);
}

/** Expects that axe-core finds no violations in either theme. */
export async function expectAccessible(page: Page): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await page.evaluate(axeSource);
    const violations = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as { axe: { run: typeof run } };
      const { violations: found } = await axe.run();
      return found.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map((n) => n.html) }));
    });
    expect({ colorScheme, violations }).toEqual({ colorScheme, violations: [] });
  }
}

/** Expects that the page fits the width of a phone. */
export async function expectNoHorizontalScroll(page: Page): Promise<void> {
  await page.setViewportSize(PHONE);
  const widths = await page.evaluate('[document.documentElement.scrollWidth, innerWidth]');
  expect(widths).toEqual([PHONE.width, PHONE.width]);
}
