/** R1.5, the token refresh terminal: its log entries, their readers and their order. */
import { randomBytes, randomUUID } from 'node:crypto';
import { LOG_SOURCES, type LogEntry } from '../../src/domain/logs/log-entry';
import { refreshFailure } from '../../src/domain/refresh/refresh-failure';
import { type Api, expectError, startApi } from './_api';
import { logEntry } from './_log-entry';

let api: Api;
let organisation: string;
let key: string;

beforeAll(async () => {
  api = await startApi({ worker: false });
});
afterAll(() => api.stop());
beforeEach(async () => {
  organisation = `org-${randomUUID()}`;
  key = await api.key(['read'], organisation);
});

const START = Date.parse('2026-03-01T12:00:00Z');

/** Writes an entry as a worker does, `second` seconds after the start. */
async function logged(second: number, members: Partial<LogEntry> = {}): Promise<LogEntry> {
  const entry = logEntry({
    created_at: new Date(START + second * 1000).toISOString(),
    organisation,
    ...members,
  });
  await api.store.logEntries.record(entry);
  return entry;
}

const terminal = (query = '', as = key) =>
  api.send('GET', `/api/admin/ebay/tokens/terminal-logs${query}`, { key: as });
const idsOf = async (query: string, as = key): Promise<string[]> =>
  (await terminal(query, as)).body.items.map(({ id }: LogEntry) => id);
const ids = (...entries: LogEntry[]) => entries.map(({ id }) => id);

it('R1.5 shows the entries of all sources, newest first, as they were written', async () => {
  const entries = [];
  for (const [index, source] of LOG_SOURCES.entries())
    entries.push({ ...(await logged(index, { source })), trace_id: null });
  const { body } = await terminal('?env=production&limit=100');
  expect(body).toEqual({ items: entries.toReversed(), next_cursor: null });
});

it('R1.5 keeps a stable order for entries of the same instant', async () => {
  const entries = await Promise.all(Array.from({ length: 6 }, () => logged(0)));
  expect(await idsOf('')).toEqual(
    ids(...entries)
      .toSorted()
      .toReversed(),
  );
});

it("R1.5 filters by the environment of the account, never by the server's", async () => {
  const production = await logged(1);
  const sandbox = await logged(2, { environment: 'sandbox' });
  expect(await idsOf('?env=production')).toEqual(ids(production));
  expect(await idsOf('?env=sandbox')).toEqual(ids(sandbox));
  expect(await idsOf('?env=moon')).toEqual([]);
  expect(await idsOf('')).toEqual(ids(sandbox, production));
});

it('filters by the trace of the attempt, and refuses a trace that is no id', async () => {
  const trace_id = randomBytes(16).toString('hex');
  const traced = [await logged(1, { trace_id }), await logged(2, { trace_id })];
  await logged(3);
  expect(await idsOf(`?trace=${trace_id}`)).toEqual(ids(...traced.toReversed()));
  expect(await idsOf(`?trace=${'0'.repeat(32)}`)).toEqual([]);
  expectError(await terminal('?trace=secret'), 400, 'invalid_request');
});

it('filters by source, action and account, and by several at once', async () => {
  const scheduled = await logged(1);
  const debug = await logged(2, {
    source: 'debug',
    action: 'token_refresh_debug',
    account_id: 'acc_2',
  });
  const failed = await logged(3, { source: 'api', action: 'token_refresh_failed' });
  expect(await idsOf('?source=debug')).toEqual(ids(debug));
  expect(await idsOf('?action=token_refresh_failed')).toEqual(ids(failed));
  expect(await idsOf('?account_id=acc_1')).toEqual(ids(failed, scheduled));
  expect(await idsOf('?account_id=acc_1&source=scheduled')).toEqual(ids(scheduled));
  expect(await idsOf('?account_id=acc_2&source=scheduled')).toEqual([]);
});

it('shows every entry exactly once, page by page, while new entries are written', async () => {
  const entries = await Promise.all(Array.from({ length: 5 }, (_, index) => logged(index >> 1)));
  const seen: string[] = [];
  for (let next: string | null = ''; next !== null; ) {
    const { body }: { body: { items: LogEntry[]; next_cursor: string | null } } = await terminal(
      `?limit=2${next === '' ? '' : `&before=${next}`}`,
    );
    expect(body.items.length).toBeLessThanOrEqual(2);
    seen.push(...ids(...body.items));
    next = body.next_cursor;
    await logged(100);
  }
  expect(seen).toHaveLength(5);
  expect(seen.toSorted()).toEqual(ids(...entries).toSorted());
});

it('shows 100 entries without a limit', async () => {
  await Promise.all(Array.from({ length: 101 }, (_, index) => logged(index)));
  const { body } = await terminal();
  expect(body.items).toHaveLength(100);
  expect(body.next_cursor).toEqual(expect.any(String));
});

it('R1.5 shows all admins of an organisation the same entries, and other organisations none', async () => {
  const entry = await logged(1);
  const colleague = await api.key(['admin'], organisation);
  const stranger = await api.key(['admin'], `org-${randomUUID()}`);
  expect(await idsOf('', key)).toEqual(ids(entry));
  expect(await idsOf('', colleague)).toEqual(ids(entry));
  expect(await idsOf('', stranger)).toEqual([]);
  expect(await idsOf('?account_id=acc_1', stranger)).toEqual([]);
});

it('R0.5 shows a heartbeat to every organisation, in every environment', async () => {
  const provider = 'ebay';
  const heartbeat = await logged(1, {
    organisation: null,
    environment: null,
    account_id: null,
    account_label: null,
    action: 'worker_heartbeat',
    outcome: null,
    request: null,
    response: null,
    provider,
  });
  const stranger = await api.key(['read'], `org-${randomUUID()}`);
  expect(await idsOf('?env=production')).toContain(heartbeat.id);
  expect(await idsOf('?env=sandbox&action=worker_heartbeat', stranger)).toContain(heartbeat.id);
  expect(await idsOf('?account_id=acc_1')).toEqual([]);
});

it('shows the documented members of an error, including retry_after_ms', async () => {
  const error = refreshFailure('rate_limited', { status: 429, retryAfterMs: 7_000 });
  await logged(1, { action: 'token_refresh_failed', outcome: 'throttled', error });
  const { class: failureClass, code, message, status } = error;
  expect((await terminal('?action=token_refresh_failed')).body.items[0].error).toEqual({
    class: failureClass,
    code,
    message,
    status,
    retry_after_ms: 7_000,
  });
});

it('separates providers, and refuses a provider that is not configured', async () => {
  await logged(1, { provider: 'etsy' });
  expect(await idsOf('?env=production&account_id=acc_1')).toEqual([]);
  const answer = await api.send('GET', '/api/admin/etsy/tokens/terminal-logs', { key });
  expectError(answer, 404, 'unknown_provider');
});

it.each([
  '?limit=0',
  '?limit=501',
  '?limit=all',
  '?source=robot',
  '?action=nothing',
  '?before=nonsense',
  '?before=',
  `?before=${Buffer.from('["yesterday","x"]').toString('base64url')}`,
])('refuses %s', async (query) => {
  expectError(await terminal(query), 400, 'invalid_request');
});
