/** The token refresh terminal in the browser. */
import { randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import mongoose from 'mongoose';
import type { Page } from 'playwright-core';
import { encodeCursor } from '../../src/domain/cursor';
import type { LogEntry } from '../../src/domain/logs/log-entry';
import { refreshFailure } from '../../src/domain/refresh/refresh-failure';
import { logEntry } from '../api/_log-entry';
import { eventually } from '../support/eventually';
import {
  expectAccessible,
  expectNoComplaints,
  expectNoHorizontalScroll,
  type Pages,
  pick,
  startPages,
} from './_browser';

let pages: Pages;
let organisation: string;
beforeAll(async () => {
  pages = await startPages({ worker: false });
});
afterAll(() => pages.stop());
beforeEach(() => {
  organisation = `org-${randomUUID()}`;
});

const START = Date.parse('2026-03-01T12:00:00Z');
let second = 0;

/** Writes an entry as a worker does, one second later than the previous entry. */
async function logged(message: string, members: Partial<LogEntry> = {}): Promise<LogEntry> {
  second += 1;
  const created_at = new Date(START + second * 1000).toISOString();
  const entry = logEntry({ organisation, created_at, message, ...members });
  await pages.harness.store.logEntries.record(entry);
  return entry;
}

async function opened(path = '/admin/terminal', of = organisation): Promise<Page> {
  const page = await pages.signedIn({ organisation: of, scopes: ['read'] });
  await page.goto(path);
  return page;
}

const live = (page: Page) => page.getByText('Live', { exact: true }).waitFor();
const list = (page: Page) => page.getByRole('group', { name: 'Entries' });
const entryOf = (page: Page, message: string) =>
  list(page).getByRole('listitem').filter({ hasText: message });
const messages = (page: Page) => list(page).getByRole('paragraph').allTextContents();
const attempt = (fingerprint: string): Pick<LogEntry, 'diagnostics'> => ({
  diagnostics: {
    caller: 'sweep',
    input_prefix: 'ENC:v1:k1:…',
    decrypted_prefix: 'v^1.1#… (96 characters)',
    final_prefix: 'v^1.1#… (96 characters)',
    refresh_token_fingerprint: fingerprint,
    warnings: [],
  },
});

describe('the entries', () => {
  it('R1.5 are shown to every admin of the organisation, newest first, with the account’s environment', async () => {
    await logged('First.', { environment: 'sandbox' });
    await logged('Second.', { source: 'debug', action: 'token_refresh_debug' });
    for (const page of [await opened(), await opened()]) {
      expect(await messages(page)).toEqual(['Second.', 'First.']);
      expect(await entryOf(page, 'First.').getByText('ebay sandbox').isVisible()).toBe(true);
      const debug = entryOf(page, 'Second.');
      expect(await debug.getByText('debug', { exact: true }).isVisible()).toBe(true);
      expect(await debug.getByText('token refresh debug').isVisible()).toBe(true);
      expect(await debug.locator('time').textContent()).toMatch(/^\d+ d( \d+ h)? ago$/);
      expectNoComplaints(page);
    }
  });

  it('R1.10 show request, response and error only when they are expanded', async () => {
    await logged('Refused.', {
      action: 'token_refresh_failed',
      outcome: 'rejected',
      response: { status: 400, duration_ms: 31, body: { error: 'invalid_grant' } },
      error: refreshFailure('invalid_grant', { status: 400 }),
      trace_id: '0af7651916cd43dd8448eb211c80319c',
    });
    const page = await opened();
    const entry = entryOf(page, 'Refused.');
    for (const [section, text] of [
      ['Request', 'POST https://provider.example/token'],
      ['Response', '"error": "invalid_grant"'],
      ['Error', 'class: account'],
      ['Attempt', 'workflow: refresh-account/acc_1'],
    ] as const) {
      expect(await entry.getByText(text).isVisible()).toBe(false);
      await entry.getByText(section, { exact: true }).click();
      expect(await entry.getByText(text).isVisible()).toBe(true);
    }
    const trace = entry.getByText('trace: 0af7651916cd43dd8448eb211c80319c');
    expect(await trace.isVisible()).toBe(true);
  });

  it('R1.7 show whether an attempt sent the same token as the previous one, a new one, or an old one again', async () => {
    await logged('One.', attempt('f1'));
    await logged('Two.', attempt('f1'));
    await logged('Three.', attempt('f2'));
    await logged('Other.', { ...attempt('f9'), account_id: 'acc_2' });
    await logged('Four.', attempt('f1'));
    const page = await opened();
    const comparison = async (message: string) => {
      const badges = await entryOf(page, message)
        .getByText(/^(same token|token \w+ed)$/)
        .allTextContents();
      return badges.filter((text) => text !== 'token refreshed');
    };
    expect(await comparison('One.')).toEqual([]);
    expect(await comparison('Two.')).toEqual(['same token']);
    expect(await comparison('Three.')).toEqual(['token changed']);
    expect(await comparison('Four.')).toEqual(['token reused']);
    expect(await comparison('Other.')).toEqual([]);
    // The comparison also works if the previous attempt is not shown.
    await page.getByRole('searchbox', { name: 'Text' }).fill('Four.');
    await page.keyboard.press('Enter');
    await page.waitForURL('**text=Four.');
    expect(await comparison('Four.')).toEqual(['token reused']);
  });
});

describe('live entries', () => {
  it('R1.10 appear without a reload within two seconds after they were written', async () => {
    const page = await opened();
    await live(page);
    await page.evaluate('document.body.dataset.same = "yes"');
    for (const message of ['Now.', 'And now.']) {
      await logged(message);
      await entryOf(page, message).waitFor({ timeout: 2_000 });
    }
    expect((await messages(page)).slice(0, 2)).toEqual(['And now.', 'Now.']);
    expect(await page.evaluate('document.body.dataset.same')).toBe('yes');
    expectNoComplaints(page);
  });

  it('are sorted by time, even if written late', async () => {
    const at = (minute: number) => new Date(START + minute * 60_000).toISOString();
    await logged('Old.', { created_at: at(1) });
    await logged('New.', { created_at: at(3) });
    const page = await opened();
    await live(page);
    await logged('Late.', { created_at: at(2) });
    await entryOf(page, 'Late.').waitFor();
    expect(await messages(page)).toEqual(['New.', 'Late.', 'Old.']);
  });

  it('R1.10 are counted while the terminal is paused, and all appear when it resumes', async () => {
    const page = await opened();
    await live(page);
    await page.getByRole('button', { name: 'Pause' }).click();
    const all = [];
    for (let n = 1; n <= 12; n += 1) all.push((await logged(`Number ${n}.`)).message);
    await page.getByText('12 new').waitFor();
    expect(await messages(page)).toEqual([]);
    await page.getByRole('button', { name: 'Resume' }).click();
    expect(await messages(page)).toEqual(all.toReversed());
    expect(await page.getByText('12 new').count()).toBe(0);
    await logged('After.');
    await entryOf(page, 'After.').waitFor();
  });

  it('are all shown after the connection was lost', async () => {
    const page = await opened();
    await live(page);
    await logged('Before.');
    await entryOf(page, 'Before.').waitFor();
    await page.context().setOffline(true);
    await page.evaluate(`dispatchEvent(new Event('offline'))`);
    await logged('Meanwhile.');
    await page.context().setOffline(false);
    await entryOf(page, 'Meanwhile.').waitFor();
    expect(await messages(page)).toEqual(['Meanwhile.', 'Before.']);
  });

  it('links to the list if the stream left out entries, as after a long loss of the connection', async () => {
    const anHourAgo = Date.now() - 3600_000;
    await insert(600, (n) => new Date(anHourAgo + 1 + n));
    await logged('After.');
    const page = await pages.signedIn({ organisation, scopes: ['read'] });
    await page.route('**/admin/terminal/stream?*', async (route) => {
      const url = new URL(route.request().url());
      url.searchParams.set('after', encodeCursor(new Date(anHourAgo).toISOString(), ''));
      await route.continue({ url: url.href });
    });
    await page.goto('/admin/terminal');
    const missing = page.getByRole('status').getByRole('link', { name: /missing entries/ });
    await missing.waitFor();
    await missing.click();
    // 601 entries less the 500 that the stream has.
    await entryOf(page, 'Number 101.').waitFor();
    expect(await entryOf(page, 'Number 102.').count()).toBe(0);
  });
});

/** Writes entries in one command: through the store, one at a time, many would take too long. */
async function insert(count: number, at: (n: number) => Date) {
  const connection = await mongoose.createConnection(pages.harness.mongodbUri).asPromise();
  const documents = Array.from({ length: count }, (_, n) => {
    const { id, ...rest } = logEntry({ organisation, message: `Number ${n + 1}.` });
    const remove_at = new Date(Date.now() + 3600_000);
    return { ...rest, _id: id, created_at: at(n), recorded_at: at(n), remove_at };
  });
  await connection.collection<{ _id: string }>('log_entries').insertMany(documents);
  await connection.close();
  return documents;
}

describe('filters', () => {
  it('R1.10 apply source, action, provider, environment, account and text to the address and to live entries', async () => {
    await logged('Plain.');
    await logged('Wanted.', {
      source: 'debug',
      action: 'token_refresh_debug',
      environment: 'sandbox',
      account_id: 'acc_7',
    });
    const page = await opened();
    const choose = async (label: string, option: string, query: string) => {
      await pick(page, label, option);
      await page.getByRole('button', { name: 'Filter' }).click();
      await page.waitForURL(`**/admin/terminal?${query}`);
      expect(await messages(page)).toEqual(['Wanted.']);
      await page.getByRole('link', { name: 'Show all' }).click();
      await page.waitForURL('**/admin/terminal');
    };
    await choose('Source', 'debug', 'source=debug');
    await choose('Action', 'token refresh debug', 'action=token_refresh_debug');
    await choose('Environment', 'sandbox', 'env=sandbox');
    await pick(page, 'Provider', 'ebay');
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.waitForURL('**provider=ebay');
    await page.getByRole('textbox', { name: 'Account' }).fill('acc_7');
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.waitForURL('**provider=ebay&account_id=acc_7');
    expect(await messages(page)).toEqual(['Wanted.']);
    await page.getByRole('searchbox', { name: 'Text' }).fill('wanted');
    await page.keyboard.press('Enter');
    await page.waitForURL('**text=wanted&provider=ebay&account_id=acc_7');
    await live(page);
    await logged('Unwanted, another account.');
    await logged('Wanted, too.', { account_id: 'acc_7' });
    await entryOf(page, 'Wanted, too.').waitFor();
    expect(await messages(page)).toEqual(['Wanted, too.', 'Wanted.']);
    await page.reload();
    expect(await messages(page)).toEqual(['Wanted, too.', 'Wanted.']);
  });

  it('show the attempts of one trace', async () => {
    const trace = randomBytes(16).toString('hex');
    await logged('Traced.', { trace_id: trace });
    await logged('Of another trace.', { trace_id: randomBytes(16).toString('hex') });
    const page = await opened(`/admin/terminal?trace=${trace}`);
    expect(await messages(page)).toEqual(['Traced.']);
    expect(await page.getByRole('textbox', { name: 'Trace' }).inputValue()).toBe(trace);
  });

  it('name the invalid parameter of an address', async () => {
    const page = await opened('/admin/terminal?source=robot');
    expect(await page.getByRole('alert').textContent()).toMatch(/^source: /);
  });
});

describe('a link to one entry', () => {
  it('R1.10 shows it expanded and in view, with its neighbours', async () => {
    const all = [];
    for (let n = 0; n < 80; n += 1) all.push(await logged(`Number ${n}.`));
    const linked = all[40];
    const page = await opened(`/admin/terminal?entry=${linked?.id}`);
    const entry = entryOf(page, 'Number 40.');
    await eventually(() =>
      entry.evaluate((one: any) => {
        const { top, bottom } = one.getBoundingClientRect();
        return top >= 0 && bottom <= (globalThis as any).innerHeight;
      }),
    );
    expect(await entry.getByText('POST https://provider.example/token').isVisible()).toBe(true);
    expect((await messages(page)).slice(0, 12)).toEqual(
      Array.from({ length: 12 }, (_, n) => `Number ${50 - n}.`),
    );
    await page.getByRole('link', { name: 'Show newer entries' }).click();
    await live(page);
    await entryOf(page, 'Number 79.').waitFor();
  });

  it('is on the time of each entry', async () => {
    const entry = await logged('Only.');
    const page = await opened();
    await entryOf(page, 'Only.').getByRole('link').first().click();
    await page.waitForURL(`**/admin/terminal?entry=${entry.id}`);
    await live(page);
    await logged('Next.');
    await entryOf(page, 'Next.').waitFor();
    expect(await messages(page)).toEqual(['Next.', 'Only.']);
  });
});

describe('copy and download', () => {
  it('R1.10 copies the entries as shown, in the same order and with the same parts expanded', async () => {
    const [older, newer] = [
      await logged('Older.', { account_label: 'Quay Records' }),
      await logged('Newer.', {
        source: 'admin',
        action: 'token_refresh_failed',
        error: refreshFailure('invalid_grant', { status: 400 }),
        response: { status: 400, duration_ms: 7 },
      }),
    ];
    const page = await opened();
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await entryOf(page, 'Older.').getByText('Request', { exact: true }).click();
    await page.getByRole('button', { name: 'Copy all' }).click();
    await page.getByText('Copied 2 entries.').waitFor();
    const at = ({ created_at }: LogEntry) => `${created_at.slice(0, 23).replace('T', ' ')} UTC`;
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(
      `${at(newer)}  admin  token refresh failed  ebay production  Harbour Books  400 in 7 ms
  Newer.
  ▸ Request
  ▸ Response
  ▸ Error
  ▸ Attempt

${at(older)}  scheduled  token refreshed  ebay production  Quay Records  200 in 12 ms
  Older.
  ▾ Request
      POST https://provider.example/token
      refresh token: v^1.1#… (96 characters)
  ▸ Response
  ▸ Attempt
`,
    );
  });

  it('R1.10 downloads all entries that match the filters as JSON Lines', async () => {
    const wanted = [];
    const recent = Date.now();
    for (let n = 0; n < 520; n += 1) {
      const created_at = new Date(recent - n * 1000).toISOString();
      const entry = await logged(`Number ${n}.`, { created_at, account_id: 'acc_many' });
      wanted.push({ ...entry, trace_id: null });
    }
    await logged('Another account.', { created_at: new Date().toISOString() });
    const yearAgo = new Date(recent - 365 * 24 * 3600_000).toISOString();
    await logged('Past its retention.', { created_at: yearAgo, account_id: 'acc_many' });
    const page = await opened('/admin/terminal?account_id=acc_many');
    const download = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Download' }).click();
    const lines = (await readFile(await (await download).path(), 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual(wanted);
  });
});

describe('the keyboard', () => {
  it('R1.10 moves between entries, expands them, pauses, focuses the filter and shows the shortcuts', async () => {
    await logged('Below.');
    await logged('Above.');
    const page = await opened();
    await live(page);
    const focused = () => page.locator(':focus');
    await page.keyboard.press('ArrowDown');
    expect(await focused().textContent()).toContain('Above.');
    await page.keyboard.press('ArrowDown');
    expect(await focused().textContent()).toContain('Below.');
    await page.keyboard.press('Enter');
    const request = entryOf(page, 'Below.').getByText('POST https://provider.example/token');
    expect(await request.isVisible()).toBe(true);
    await page.keyboard.press('Enter');
    expect(await request.isVisible()).toBe(false);
    await page.keyboard.press('ArrowUp');
    expect(await focused().textContent()).toContain('Above.');
    await page.keyboard.press('p');
    expect(await page.getByRole('button', { name: 'Resume' }).isVisible()).toBe(true);
    await page.keyboard.press('p');
    await page.keyboard.press('?');
    const shortcuts = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
    await shortcuts.getByText('pause or resume').waitFor();
    await expectAccessible(page);
    await page.keyboard.press('Escape');
    await page.keyboard.press('/');
    await page.keyboard.type('?p/');
    expect(await page.getByRole('searchbox', { name: 'Text' }).inputValue()).toBe('?p/');
    expect(await page.getByRole('button', { name: 'Pause' }).isVisible()).toBe(true);
  });

  it('ignores single-key shortcuts after they are turned off', async () => {
    const page = await opened();
    await live(page);
    await page.getByRole('button', { name: 'Shortcuts' }).click();
    await page.getByLabel('Use single-key shortcuts').uncheck();
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
    await page.keyboard.press('p');
    await page.keyboard.press('ArrowDown');
    expect(await page.getByRole('button', { name: 'Pause' }).isVisible()).toBe(true);
  });
});

describe('the terminal on the workers page', () => {
  it('R1.10 opens live in a dialog, filters in place, and closes its stream with the dialog', async () => {
    await logged('There.');
    const page = await opened('/admin/workers');
    await live(page);
    await page.getByRole('button', { name: 'Token refresh terminal (worker + debug)' }).click();
    const dialog = page.getByRole('dialog', { name: 'Token refresh terminal (worker + debug)' });
    await dialog.getByText('There.').waitFor();
    await logged('Live.', { source: 'debug' });
    await dialog.getByText('Live.', { exact: true }).waitFor({ timeout: 2_000 });
    await expectAccessible(page);
    await pick(page, 'Source', 'debug');
    await dialog.getByRole('button', { name: 'Filter' }).click();
    await eventually(async () => (await messages(page)).join() === 'Live.');
    await dialog.getByRole('button', { name: 'Close' }).first().click();
    await dialog.waitFor({ state: 'hidden' });
    await eventually(async () => (await page.getByText('Live.', { exact: true }).count()) === 0);
    expect(new URL(page.url()).pathname).toBe('/admin/workers');
    expectNoComplaints(page);
  });
});

describe('another organisation’s entries', () => {
  it('are not reachable by any address', async () => {
    const theirs = await logged('Theirs.', { organisation: 'another-organisation' });
    const own = await logged('Own.');
    const page = await opened();
    const of = (path: string) => page.request.get(`/admin/terminal${path}`);
    const absent = await of('?entry=absent');
    const other = await of(`?entry=${theirs.id}`);
    expect([absent.status(), other.status()]).toEqual([404, 404]);
    const bare = (html: string) =>
      html.replaceAll(/absent|<code>.*?<\/code>|data-copy=".*?"/g, '').replaceAll(theirs.id, '');
    expect(bare(await other.text())).toBe(bare(await absent.text()));
    const place = Buffer.from(JSON.stringify([new Date(0).toISOString(), ''])).toString(
      'base64url',
    );
    const beyond = Buffer.from(JSON.stringify([theirs.created_at, `${theirs.id}~`])).toString(
      'base64url',
    );
    for (const path of [
      '',
      '?text=Theirs',
      `?before=${beyond}`,
      `/entries?before=${beyond}`,
      '/panel',
      '/export?format=jsonl',
      '/export?format=csv&organisation=another-organisation',
      `?entry=${own.id}`,
    ])
      expect(await (await of(path)).text()).not.toContain('Theirs.');
    // Streams from the beginning up to an own entry that is newer than theirs.
    await logged('Last.');
    const streamed = await page.evaluate(`new Promise((done) => {
      const source = new EventSource('/admin/terminal/stream?after=${place}');
      const seen = [];
      source.addEventListener('entry', ({ data }) => {
        seen.push(data);
        if (!data.includes('Last.')) return;
        source.close();
        done(seen.join());
      });
    })`);
    expect(streamed).toContain('Own.');
    expect(streamed).not.toContain('Theirs.');
  });
});

describe('secrets', () => {
  it('R1.5 are in neither the page, the stream, the clipboard nor the download', async () => {
    const secretMarker = `marker${randomBytes(12).toString('hex')}`;
    await pages.harness.startWorker();
    // Not due: the scheduled sweep could refresh it first, and the debug refresh would only wait for that.
    const notDue = { expiresInMs: 3600_000, refreshedAgoMs: 0 };
    const { id, plain } = await pages.harness.addAccount({ organisation, secretMarker, ...notDue });
    const page = await opened();
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await live(page);
    const key = await pages.harness.key({ organisation });
    const debug = await pages.harness.request(key, 'POST', '/api/admin/ebay/token/refresh-debug', {
      account_id: id,
    });
    expect(debug).toMatchObject({ status: 200, body: { outcome: 'refreshed' } });
    const entry = entryOf(page, 'token refresh debug');
    await entry.getByText('Request', { exact: true }).waitFor({ timeout: 60_000 });
    for (const name of ['Request', 'Response', 'Attempt'])
      await entry.getByText(name, { exact: true }).click();
    await page.getByRole('button', { name: 'Copy all' }).click();
    await page.getByText(/^Copied/).waitFor();
    const texts = [
      await page.content(),
      String(await page.evaluate('navigator.clipboard.readText()')),
      await (await page.request.get('/admin/terminal/export?format=jsonl')).text(),
      await (await page.request.get('/admin/terminal/panel')).text(),
    ];
    for (const text of texts) {
      expect(text).toContain('characters)');
      for (const secret of [secretMarker, plain.refreshToken, plain.accessToken])
        expect(text).not.toContain(secret);
    }
  }, 120_000);
});

it('is accessible in both themes and fits a phone', async () => {
  await logged('Expanded.', {
    ...attempt('f1'),
    action: 'token_refresh_failed',
    error: refreshFailure('invalid_grant', { status: 400 }),
  });
  await logged('Debug.', { source: 'debug', ...attempt('f2') });
  await logged('Again.', { source: 'api', ...attempt('f1') });
  const page = await opened();
  for (const name of ['Request', 'Error', 'Attempt'])
    await entryOf(page, 'Expanded.').getByText(name, { exact: true }).click();
  await live(page);
  await expectAccessible(page);
  await expectNoHorizontalScroll(page);
  await expectAccessible(page);
  expectNoComplaints(page);
});

// Last: a later test would be slow, because the database scans all 10,000 entries.
describe('10,000 entries', () => {
  it('R1.10 scroll to the last one', async () => {
    const documents = await insert(10_000, (n) => new Date(START - n * 1000));
    const page = await opened();
    await live(page);
    // Queries the document, because a locator computes the role and text of every element, which takes too long.
    const texts = (selector: string) =>
      page.evaluate<string[]>(
        `[...document.querySelectorAll('#terminal .entries ${selector}')].map((one) => one.textContent)`,
      );
    await eventually(async () => {
      await page.keyboard.press('End');
      return (await texts('ol:last-of-type > li:last-child > p'))[0] === 'Number 10000.';
    }, 150_000);
    // A scheduled sweep of this database may have written an entry that all organisations see.
    const ofThisTest = (text: string | null) => !text?.startsWith('The sweep');
    expect((await texts('p')).filter(ofThisTest)).toEqual(documents.map(({ message }) => message));
    await logged('Still live.', { created_at: new Date().toISOString() });
    await eventually(
      async () => (await texts('ol:first-of-type p')).includes('Still live.'),
      2_000,
    );
    expectNoComplaints(page);
  }, 240_000);
});
