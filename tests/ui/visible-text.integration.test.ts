/** Invisible and reordering characters in user-supplied text, which pages, logs and Temporal must show as escapes. */
import { type Api, startApi } from '../api/_api';
import { logEntry } from '../api/_log-entry';

/** An override, a terminal's escape, a C1 control, a line separator, an invisible space and a tag. */
const UNSEEN = '\u202e\u001b[2J\u0085\u2028\u200b\u{e0041}';
const SHOWN = '\\u202e\\u001b[2J\\u0085\\u2028\\u200b\\udb40\\udc41';
const planted = (name: string) => `${name}${UNSEEN}end`;
const shown = (name: string) => `${name}${SHOWN}end`;
/** The unescaped characters that a text contains. */
const hiddenIn = (text: string) =>
  Array.from(UNSEEN).filter((character) => !/[ -~]/.test(character) && text.includes(character));

let api: Api;
let cookie: string;
let accountId: string;
beforeAll(async () => {
  api = await startApi();
  const account = await api.addAccount({ label: planted('label') });
  accountId = account.id;
  await api.store.logEntries.record(
    logEntry({
      organisation: api.organisation,
      account_id: account.id,
      account_label: planted('entry'),
      provider: 'ebay',
      message: planted('message'),
      error: { code: 'invalid_grant', message: planted('words'), detail: planted('detail') },
    } as Parameters<typeof logEntry>[0]),
  );
  await api.post('/api/admin/keys', { name: planted('key'), scopes: ['read'] });
  const signedIn = await api.send('POST', '/sign-in', {
    key: null,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'sec-fetch-site': 'same-origin',
    },
    text: new URLSearchParams({ key: api.admin }).toString(),
  });
  cookie = signedIn.headers.get('set-cookie')?.split(';', 1)[0] ?? '';
});
afterAll(() => api?.stop());

const page = async (path: string, headers = {}) =>
  (await api.send('GET', path, { key: null, headers: { cookie, ...headers } })).text;

it.each<[string, () => string, string]>([
  ['the list of accounts', () => '/admin/accounts', 'label'],
  ['an account', () => `/admin/accounts/${accountId}`, 'label'],
  ['the terminal', () => '/admin/terminal', 'words'],
  ['the terminal in a dialog', () => '/admin/terminal/panel', 'message'],
  ['the next entries of the terminal', () => '/admin/terminal/entries', 'entry'],
  ['a search', () => `/admin/accounts?text=${encodeURIComponent(planted('label'))}`, 'label'],
])('%s shows invisible characters as escapes', async (_what, path, name) => {
  const html = await page(path());
  expect(html).toContain(shown(name));
  expect(hiddenIn(html)).toEqual([]);
});

it('a fragment of a page shows invisible characters as escapes', async () => {
  const html = await page('/admin/accounts', { 'hx-request': 'true' });
  expect(html).toContain(shown('label'));
  expect(hiddenIn(html)).toEqual([]);
});

it('the download of the terminal shows invisible characters as escapes and keeps the values', async () => {
  const lines = await page('/admin/terminal/download');
  expect(lines).toContain(shown('words'));
  expect(hiddenIn(lines)).toEqual([]);
  const entries = lines
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(entries).toContainEqual(
    expect.objectContaining({
      account_label: planted('entry'),
      error: expect.objectContaining({ message: planted('words') }),
    }),
  );
});

it('the note of a schedule and its page show invisible characters as escapes', async () => {
  const path = `/api/admin/schedules/${encodeURIComponent('sweep/ebay')}`;
  const answer = await api.post(`${path}/pause`, { note: planted('note') });
  expect(answer.status).toBe(200);
  const described = await api.client.schedule.getHandle('sweep/ebay').describe();
  expect(described.state.note).toContain(shown('note'));
  const html = await page('/admin/workers');
  expect(html).toContain(shown('note'));
  expect(hiddenIn(html)).toEqual([]);
});

it('summaries of workflows and log lines show invisible characters as escapes', async () => {
  expect((await api.post(`/api/admin/accounts/${accountId}/refresh`, {})).status).toBe(200);
  const handle = api.client.workflow.getHandle(`refresh-account/${accountId}`);
  const described = await handle.describe();
  const history = await handle.fetchHistory();
  const summaries = (history.events ?? []).map(({ userMetadata }) =>
    Buffer.from(userMetadata?.summary?.data ?? []).toString(),
  );
  const shownSummaries = [...summaries, await described.staticSummary()].join('\n');
  expect(shownSummaries).toContain(shown('label'));
  for (const text of [shownSummaries, ...api.logs]) expect(hiddenIn(text)).toEqual([]);
});

it('the list of keys in the API keeps the values', async () => {
  const { body } = await api.get('/api/admin/keys');
  expect(body.items ?? body).toContainEqual(expect.objectContaining({ name: planted('key') }));
});
