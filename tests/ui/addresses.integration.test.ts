/** Addresses of 0.1.0 that open pages and scripts still use. */
import { randomUUID } from 'node:crypto';
import { logEntry } from '../api/_log-entry';
import { type Harness, startHarness } from '../support/harness';

let h: Harness;
let cookie: string;
const organisation = `org-${randomUUID()}`;
beforeAll(async () => {
  h = await startHarness({ worker: false });
  const signedIn = await h.app.request('/sign-in', {
    method: 'POST',
    headers: { 'sec-fetch-site': 'same-origin' },
    body: new URLSearchParams({ key: await h.key({ organisation }) }),
  });
  cookie = signedIn.headers.get('set-cookie')?.split(';', 1)[0] ?? '';
});
afterAll(() => h.stop());

it.each(['/theme', '/preferences'])(
  'R5.7 a form of a page of 0.1.0 sets the theme by POST %s',
  async (path) => {
    const answer = await h.app.request(path, {
      method: 'POST',
      headers: { 'sec-fetch-site': 'same-origin', referer: 'http://localhost/sign-in' },
      body: new URLSearchParams({ theme: 'dark' }),
    });
    expect(answer.status).toBe(303);
    expect(answer.headers.get('location')).toBe('/sign-in');
    expect(answer.headers.get('set-cookie')).toContain('evergrant_theme=dark');
  },
);

it('R5.7 a script downloads log entries as JSON Lines from the address of 0.1.0', async () => {
  const id = `acc_${randomUUID()}`;
  const wanted = logEntry({ organisation, account_id: id });
  for (const entry of [wanted, logEntry({ organisation })]) await h.store.logEntries.record(entry);
  const of = async (path: string) => h.app.request(path, { headers: { cookie } });
  const download = await of(`/admin/terminal/download?account_id=${id}`);
  expect(download.status).toBe(200);
  expect(download.headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8');
  expect(download.headers.get('content-disposition')).toContain('token-refresh-terminal.jsonl');
  const lines = await download.text();
  expect(lines.trimEnd().split('\n')).toHaveLength(1);
  expect(JSON.parse(lines)).toMatchObject({ id: wanted.id });
  const exported = await of(`/admin/terminal/export?format=jsonl&account_id=${id}`);
  expect(await exported.text()).toBe(lines);
});
