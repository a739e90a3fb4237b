/** A filter selects the same entries in the database and in the live log. */
import { isWanted, type LogFilter } from '../../../src/domain/logs/log-filter';
import { refreshFailure } from '../../../src/domain/refresh/refresh-failure';
import { entryOf, storeForTest, type TestStore } from '../_store';

const TRACE = '0af7651916cd43dd8448eb211c80319c';

let store: TestStore;
beforeAll(async () => {
  store = await storeForTest();
  for (const entry of entries) await store.logEntries.record(entry);
});
afterAll(() => store.close());

const entries = [
  entryOf({ id: 'plain', message: 'Refreshed (10%).', account_label: 'Harbour Books' }),
  entryOf({ id: 'sandbox', environment: 'sandbox', source: 'debug', account_id: 'acc_other' }),
  entryOf({
    id: 'failed',
    provider: 'etsy',
    action: 'token_refresh_failed',
    trace_id: TRACE,
    error: refreshFailure('invalid_grant', { status: 400 }),
  }),
  entryOf({ id: 'theirs', organisation: 'org_b', account_label: 'Harbour Books', trace_id: TRACE }),
  entryOf({
    id: 'heartbeat',
    organisation: null,
    environment: null,
    account_id: null,
    account_label: null,
    action: 'worker_heartbeat',
  }),
];

it.each<[string, Partial<LogFilter>, string[]]>([
  ['all entries of an organisation and of none', {}, ['failed', 'heartbeat', 'plain', 'sandbox']],
  ['a provider', { provider: 'etsy' }, ['failed']],
  ['an environment', { environment: 'sandbox' }, ['heartbeat', 'sandbox']],
  ['an account', { accountId: 'acc_other' }, ['sandbox']],
  ['an action', { action: 'worker_heartbeat' }, ['heartbeat']],
  ['a trace', { traceId: TRACE }, ['failed']],
  ['a source', { source: 'debug' }, ['sandbox']],
  ['a text in any case', { text: 'harbour BOOKS' }, ['plain']],
  ['the text of an error', { text: 'invalid_grant' }, ['failed']],
  ['a text with the characters of a pattern', { text: '(10%).' }, ['plain']],
  ['no entry for a text that is a pattern', { text: '.*' }, []],
  ['entries that match several filters', { provider: 'etsy', text: 'revoked' }, ['failed']],
  ['no entry if one of several filters does not match', { provider: 'ebay', text: 'revoked' }, []],
])('R1.5 a filter finds %s', async (_, members, expected) => {
  const filter = { organisation: 'org_a', ...members };
  const found = await store.logEntries.list({ ...filter, limit: 10 });
  expect(found.map(({ id }) => id).toSorted()).toEqual(expected);
  const wanted = entries.filter((entry) => isWanted(entry, filter));
  expect(wanted.map(({ id }) => id).toSorted()).toEqual(expected);
});
