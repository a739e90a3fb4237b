/** The jobs of an operator's week, each from the first page on: what a person presses is counted, by mouse and by keyboard. */
import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { AccountState } from '../../src/domain/account/account';
import { needsReconnectEvent } from '../../src/domain/events/event';
import { refreshFailure } from '../../src/domain/refresh/refresh-failure';
import { eventually } from '../support/eventually';
import type { NewAccount } from '../support/harness';
import { expectNoComplaints, type Pages, startPages } from './_browser';

/** The acts of each job from the first page; docs/operations.md shows the same table. */
const JOBS = [
  { job: 'see what needs a person now', acts: 0, walk: seeNeeds },
  { job: 'list the accounts to reconnect for one reason', acts: 1, walk: listReason },
  { job: 'list what failed since yesterday', acts: 1, walk: listFailures },
  { job: 'list the refresh tokens that expire this week', acts: 1, walk: listExpiring },
  { job: 'see whether the circuit of an app is open, and why', acts: 0, walk: seeCircuit },
  { job: 'make reconnect links for all accounts of a reason', acts: 3, walk: makeLinks },
  { job: 'disable many accounts, after a preview', acts: 4, walk: disableMany },
  { job: 'release accounts from quarantine, after a preview', acts: 3, walk: releaseMany },
  { job: 'find an account by its external id', acts: 2, walk: findAccount },
  { job: 'import a file, after a check', acts: 5, walk: importFile },
  { job: 'create an API key for an application', acts: 4, walk: createKey },
  { job: 'replay the failed deliveries of an enabled webhook', acts: 2, walk: replayDeliveries },
  { job: 'see who received the token of an account', acts: 3, walk: seeTokenAccesses },
  { job: 'rotate the encryption key', acts: 3, walk: rotateKey },
  { job: 'pause a schedule with a reason, and resume it', acts: 5, walk: pauseAndResume },
];

const RUNS = [
  { by: 'mouse', width: 1280, height: 800, colorScheme: 'light' },
  { by: 'mouse', width: 390, height: 844, colorScheme: 'dark' },
  { by: 'mouse', width: 1920, height: 1080, colorScheme: 'dark' },
  { by: 'keyboard', width: 1280, height: 800, colorScheme: 'light' },
] as const;

let pages: Pages;
let receiver: Server;
let isReceiverDown = false;
beforeAll(async () => {
  receiver = createServer((request, response) => {
    request.resume().once('end', () => response.writeHead(isReceiverDown ? 500 : 200).end());
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  pages = await startPages({
    providers: ['ebay', 'etsy'],
    encryptionKeys: ['k1', 'k2']
      .map((id) => `${id}:${randomBytes(32).toString('base64')}`)
      .join(','),
    delivery: { pausesMs: [], holdFirstMs: 1, holdMaxMs: 50 },
  });
});
afterAll(async () => {
  await pages.stop();
  await new Promise((resolve) => receiver.close(resolve));
});

describe.each(RUNS)('by $by at $width px, $colorScheme', ({ by, colorScheme, ...viewport }) => {
  it.each(JOBS)('R5.8 an operator can $job in $acts acts', async ({ acts, walk }) => {
    const person = new Person(by);
    await walk(person, async () => {
      const { organisation } = person;
      person.page = await pages.signedIn({ organisation, viewport, colorScheme });
      await person.page.waitForURL('**/admin/overview');
      return person.page;
    });
    expect(person.acts).toBe(acts);
    expectNoComplaints(person.page);
  });
});

it('R5.8 docs/operations.md has the acts of each job', () => {
  const document = readFileSync(join(__dirname, '../../docs/operations.md'), 'utf8');
  const table = document.split('| job | 0.1.0 | now |\n|---|---|---|\n')[1]?.split('\n\n', 1)[0];
  const rows = table?.split('\n').map((row) => row.split(' | '));
  expect(rows?.map(([job = '', , acts = '']) => [job.slice(2), Number.parseInt(acts, 10)])).toEqual(
    JOBS.map(({ job, acts }) => [job, acts]),
  );
});

/** Acts by mouse, or by keyboard alone on the same controls, and counts the acts. Typing is no act. */
class Person {
  acts = 0;
  page!: Page;
  readonly organisation = `org-${randomUUID()}`;
  readonly #by: 'mouse' | 'keyboard';

  constructor(by: 'mouse' | 'keyboard') {
    this.#by = by;
  }

  async act(control: Locator): Promise<void> {
    this.acts += 1;
    if (this.#by === 'mouse') return control.click();
    await this.#reach(control);
    const takesSpace = await control.evaluate((one) =>
      one.matches('input[type="checkbox"], input[type="file"]'),
    );
    await this.page.keyboard.press(takesSpace ? 'Space' : 'Enter');
  }

  /** Chooses an option of a list. */
  async choose(list: Locator, option: string): Promise<void> {
    this.acts += 1;
    if (this.#by === 'mouse') await list.selectOption({ label: option });
    else {
      await this.#reach(list);
      await this.page.keyboard.type(option);
    }
    const chosen = await list.locator('option:checked').textContent();
    if (chosen !== option) throw new Error(`the list has ${chosen}, not ${option}`);
  }

  async type(field: Locator, text: string): Promise<void> {
    await this.#reach(field);
    await this.page.keyboard.type(text);
  }

  /** Opens a page of the navigation. */
  async open(title: string): Promise<void> {
    const navigation = this.page.getByRole('navigation', { name: 'Pages' });
    await this.act(navigation.getByRole('link', { name: title, exact: true }));
    await this.page.getByRole('heading', { level: 1, name: title, exact: true }).waitFor();
  }

  /** The keyboard reaches a control only if it is in the tab order. */
  async #reach(control: Locator): Promise<void> {
    await control.waitFor();
    await control.focus();
    const isReached = await control.evaluate(
      (one) => one.matches(':focus') && (one as unknown as { tabIndex: number }).tabIndex >= 0,
    );
    if (!isReached) throw new Error('the keyboard does not reach the control');
  }
}

type FirstPage = () => Promise<Page>;

const FRESH = { expiresInMs: 3600_000, refreshedAgoMs: 0 };
const DAY_MS = 24 * 3600_000;

const button = (within: Page | Locator, name: string | RegExp) =>
  within.getByRole('button', { name, exact: true });
const dialog = (page: Page, name: string) => page.getByRole('dialog', { name });
const region = (page: Page, name: string) => page.getByRole('region', { name });
const names = (page: Page) => page.getByRole('rowheader').getByRole('link').allTextContents();

async function add({ organisation }: Person, labels: string[], account: NewAccount = FRESH) {
  return Promise.all(
    labels.map((label) => pages.harness.addAccount({ organisation, label, ...account })),
  );
}

/** Sends a request to the API as an admin of the person's organisation. */
async function post({ organisation }: Person, path: string, body?: object) {
  const key = await pages.harness.key({ organisation });
  const response = await pages.harness.request(key, 'POST', path, body);
  expect(response.status).toBeLessThan(300);
  return response.body;
}

/** Accounts whose refresh token the provider refused. */
async function addRefused(person: Person, labels: string[]) {
  const accounts = await add(person, labels, {});
  for (const { id, plain } of accounts) {
    pages.harness.sandbox.revoke(plain.refreshToken);
    await post(person, `/api/admin/accounts/${id}/refresh`, {});
    expect((await pages.harness.account(id)).state).toBe('needs_reconnect');
  }
  return accounts;
}

async function seeNeeds(person: Person, firstPage: FirstPage): Promise<void> {
  await addRefused(person, ['Harbour Books', 'Quay Records']);
  const page = await firstPage();
  const needs = region(page, 'Needs action now');
  await needs.getByText('2 accounts to reconnect: invalid grant').waitFor();
}

async function listReason(person: Person, firstPage: FirstPage): Promise<void> {
  await addRefused(person, ['Harbour Books', 'Quay Records']);
  await add(person, ['Fresh Fish']);
  const page = await firstPage();
  const needs = region(page, 'Needs action now');
  await person.act(needs.getByRole('link', { name: '2 accounts to reconnect: invalid grant' }));
  await page.waitForURL('**/admin/accounts?**');
  expect((await names(page)).toSorted()).toEqual(['Harbour Books', 'Quay Records']);
}

async function listFailures(person: Person, firstPage: FirstPage): Promise<void> {
  await addRefused(person, ['Harbour Books', 'Quay Records']);
  const page = await firstPage();
  const failed = region(page, 'Failed since yesterday');
  await person.act(failed.getByRole('link', { name: '2 attempts: invalid grant' }));
  await page.waitForURL('**/admin/terminal?**');
  const entries = page.getByRole('group', { name: 'Entries' });
  for (const label of ['Harbour Books', 'Quay Records'])
    await entries.getByText(label).first().waitFor();
}

async function listExpiring(person: Person, firstPage: FirstPage): Promise<void> {
  await add(person, ['Fresh Fish']);
  const inDays = (days: number) => new Date(Date.now() + days * DAY_MS).toISOString();
  for (const [label, days] of [
    ['Harbour Books', 3],
    ['Quay Records', 30],
  ] as const)
    await post(person, '/api/admin/accounts', {
      provider: 'ebay',
      external_id: randomUUID(),
      label,
      refresh_token: consent(),
      refresh_token_expires_at: inDays(days),
    });
  const page = await firstPage();
  const needs = region(page, 'Needs action now');
  await person.act(needs.getByRole('link', { name: /refresh tokens? expires? within 7 days$/ }));
  await page.waitForURL('**/admin/accounts?**');
  expect(await names(page)).toEqual(['Harbour Books']);
}

async function seeCircuit(_person: Person, firstPage: FirstPage): Promise<void> {
  const { harness } = pages;
  const app = { provider: 'etsy', environment: 'sandbox' };
  await harness.store.limiters.change(app, (limiter, now) => ({
    ...limiter,
    state: 'open_credentials',
    since: now,
    failure: refreshFailure('invalid_client'),
    words: { text: 'Unknown client', accountId: 'acc_1', organisation: 'org', isShared: true },
    nextProbeAt: new Date(now.getTime() + DAY_MS),
  }));
  const page = await firstPage();
  const needs = region(page, 'Needs action now').getByRole('listitem');
  await needs
    .filter({ hasText: 'etsy sandbox refuses the OAuth app' })
    .getByText('invalid client (“Unknown client”), circuit open since')
    .waitFor();
  await harness.closeCircuits();
}

async function makeLinks(person: Person, firstPage: FirstPage): Promise<void> {
  const accounts = await addRefused(person, ['Harbour Books', 'Quay Records']);
  const [fresh] = await add(person, ['Fresh Fish']);
  const page = await firstPage();
  const needs = region(page, 'Needs action now');
  await person.act(needs.getByRole('link', { name: '2 accounts to reconnect: invalid grant' }));
  await person.act(page.getByRole('link', { name: 'Reconnect links …' }));
  const download = page.waitForEvent('download');
  await person.act(button(page, 'Make links'));
  const file = await readFile(await (await download).path(), 'utf8');
  expect(file.match(/\/connect\//g)).toHaveLength(2);
  for (const { id } of accounts) expect(file).toContain(id);
  expect(file).not.toContain(fresh?.id);
}

async function disableMany(person: Person, firstPage: FirstPage): Promise<void> {
  const accounts = await add(person, ['Harbour Books', 'Quay Records', 'Fresh Fish']);
  const page = await firstPage();
  await person.open('Accounts');
  await person.choose(page.getByLabel(/^With/), 'Disable');
  await person.act(button(page, 'Preview all that match …'));
  await person.type(page.getByLabel('Reason'), 'The shops are closed');
  await person.act(button(page, 'Disable: 3 accounts'));
  await page.getByText('3 accounts done, 0 failed, 0 skipped.').waitFor();
  for (const { id } of accounts)
    expect(await pages.harness.account(id)).toMatchObject({
      state: 'disabled',
      stateReason: 'The shops are closed',
    });
}

async function releaseMany(person: Person, firstPage: FirstPage): Promise<void> {
  const accounts = await add(person, ['Harbour Books', 'Quay Records']);
  for (const { organisation, id } of accounts)
    await pages.harness.store.accounts.patch(organisation, id, { quarantine: true }, new Date());
  const page = await firstPage();
  await person.open('Quarantine');
  await person.act(button(page, 'Preview for all that match …'));
  await person.act(button(page, 'Release from quarantine: 2 accounts'));
  await page.getByText('2 accounts done, 0 failed, 0 skipped.').waitFor();
  for (const { id } of accounts) expect((await pages.harness.account(id)).quarantine).toBe(false);
}

async function findAccount(person: Person, firstPage: FirstPage): Promise<void> {
  const [account] = await add(person, ['Harbour Books', 'Quay Records']);
  const page = await firstPage();
  await person.act(page.getByRole('link', { name: 'Search', exact: true }));
  const search = dialog(page, 'Find anything');
  await person.type(search.getByRole('searchbox'), account?.externalId ?? '');
  await person.act(search.getByRole('link', { name: /^Harbour Books/ }));
  await page.waitForURL(`**/admin/accounts/${account?.id}`);
}

async function importFile(person: Person, firstPage: FirstPage): Promise<void> {
  const page = await firstPage();
  await person.open('Accounts');
  await person.act(page.getByRole('link', { name: 'Import', exact: true }));
  const chooser = page.waitForEvent('filechooser');
  await person.act(page.getByLabel('File', { exact: true }));
  await (await chooser).setFiles({
    name: 'accounts.csv',
    mimeType: 'text/csv',
    buffer: Buffer.from(`provider,external_id,refresh_token\nebay,quay,${consent()}`),
  });
  await person.act(button(page, 'Check the file'));
  await page.getByText('1 of 1 line is correct').waitFor();
  const { organisation } = person;
  expect(await pages.harness.store.accounts.count({ organisation }, 10)).toBe(0);
  await person.act(button(page, 'Import 1 account'));
  await page.getByText('1 account created').waitFor();
  expect(await pages.harness.store.accounts.count({ organisation }, 10)).toBe(1);
}

async function createKey(person: Person, firstPage: FirstPage): Promise<void> {
  const page = await firstPage();
  await person.open('API keys');
  await person.act(page.getByRole('link', { name: 'Create an API key' }));
  await person.type(page.getByLabel('Name'), 'shop backend');
  await person.act(page.getByLabel(/^tokens/));
  await person.act(button(page, 'Create the key'));
  const key = (await page.getByText(/^evg_/).textContent())?.trim() ?? '';
  const response = await pages.harness.request(key, 'GET', '/api/tokens');
  expect(response.status).toBe(200);
}

async function replayDeliveries(person: Person, firstPage: FirstPage): Promise<void> {
  const { organisation } = person;
  const { port } = receiver.address() as AddressInfo;
  const webhook = await post(person, '/api/admin/webhooks', {
    url: `http://127.0.0.1:${port}/`,
    event_types: ['account.needs_reconnect'],
  });
  isReceiverDown = true;
  const accounts = await add(person, ['Harbour Books']);
  for (const account of accounts)
    await pages.harness.store.events.raise(
      needsReconnectEvent(account, {
        state: AccountState.needsReconnect,
        reason: 'invalid_grant',
        at: new Date(),
      }),
    );
  const isNow = (state: string) =>
    eventually(async () => {
      const query = { organisation, endpointId: webhook.id, limit: 1 };
      return (await pages.harness.store.webhookDeliveries.list(query))[0]?.state === state;
    });
  await isNow('failed');
  isReceiverDown = false;
  // Evergrant disabled the webhook, because it accepted no delivery.
  await post(person, `/api/admin/webhooks/${webhook.id}/enable`);
  const page = await firstPage();
  const failed = region(page, 'Failed since yesterday');
  await person.act(failed.getByRole('link', { name: '1 webhook delivery' }));
  await person.act(button(page, /^Replay all that match/));
  await page.getByText('1 delivery starts again within seconds, 0 cannot be replayed.').waitFor();
  await isNow('delivered');
}

async function seeTokenAccesses(person: Person, firstPage: FirstPage): Promise<void> {
  const { organisation } = person;
  const accounts = await add(person, ['Harbour Books', 'Quay Records']);
  const key = await pages.harness.key({ organisation, scopes: ['tokens'] });
  for (const { id } of accounts) await pages.harness.request(key, 'GET', `/api/tokens/${id}`);
  const page = await firstPage();
  await person.open('Accounts');
  await person.act(page.getByRole('link', { name: 'Quay Records' }));
  await person.act(
    page.getByRole('main').getByRole('link', { name: 'Token accesses', exact: true }),
  );
  const [, keyId = ''] = /^evg_([0-9a-f]{16})_/.exec(key) ?? [];
  await page
    .getByRole('row', { name: /Quay Records/ })
    .getByText(keyId)
    .waitFor();
  expect(await names(page)).not.toContain('Harbour Books');
}

/** After the first run, the new key encrypts already, and the rotation looks for records of the other key. */
async function rotateKey(person: Person, firstPage: FirstPage): Promise<void> {
  const key = await pages.harness.key({ scopes: ['operator'] });
  const newest = async () =>
    (await pages.harness.request(key, 'GET', '/api/admin/encryption/rotation')).body;
  const { run_id: before } = await newest();
  const page = await firstPage();
  await person.open('Encryption');
  await person.act(button(page, /^Rotate …/));
  await person.act(button(dialog(page, 'Rotate the encryption key?'), 'Rotate'));
  await eventually(async () => {
    const { run_id: runId, status } = await newest();
    return status === 'completed' && runId !== before;
  });
  await page.getByText('Every readable record is encrypted with k2').waitFor();
  expect(await pages.harness.store.settings.sealingKeyId()).toBe('k2');
}

async function pauseAndResume(person: Person, firstPage: FirstPage): Promise<void> {
  const schedule = async () =>
    (await pages.harness.client.schedule.getHandle('sweep/etsy').describe()).state;
  const page = await firstPage();
  await person.open('Workers');
  await person.act(button(page, 'Pause etsy'));
  const pause = dialog(page, 'Pause the sweeps of etsy?');
  await person.type(pause.getByLabel('Reason'), 'Etsy maintenance');
  await person.act(button(pause, 'Pause'));
  await page.getByText('The sweeps of etsy are paused.').waitFor();
  expect(await schedule()).toMatchObject({
    paused: true,
    note: expect.stringContaining('Etsy maintenance') as string,
  });
  await person.act(button(page, 'Resume etsy'));
  await person.act(button(dialog(page, 'Resume the sweeps of etsy?'), 'Resume'));
  await page.getByText('The sweeps of etsy are resumed.').waitFor();
  expect((await schedule()).paused).toBe(false);
}

function consent(): string {
  const subject = randomUUID();
  return pages.harness.sandbox.issueGrant({ provider: 'ebay', subject }).refresh_token;
}
