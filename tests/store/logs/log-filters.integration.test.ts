/** A filter selects the same entries in the database and in the live log. */
import { isWanted, type LogFilter } from '../../../src/domain/logs/log-filter';
import { refreshFailure } from '../../../src/domain/refresh/refresh-failure';
import { entryOf, storeForTest, type TestStore } from '../_store';

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
    error: refreshFailure('invalid_grant', { status: 400 }),
  }),
  entryOf({ id: 'theirs', organisation: 'org_b', account_label: 'Harbour Books' }),
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
  ['everything of an organisation and of none', {}, ['failed', 'heartbeat', 'plain', 'sandbox']],
  ['a provider', { provider: 'etsy' }, ['failed']],
  ['an environment', { environment: 'sandbox' }, ['heartbeat', 'sandbox']],
  ['an account', { accountId: 'acc_other' }, ['sandbox']],
  ['an action', { action: 'worker_heartbeat' }, ['heartbeat']],
  ['a source', { source: 'debug' }, ['sandbox']],
  ['a text, whatever its case', { text: 'harbour BOOKS' }, ['plain']],
  ['a text of an error', { text: 'invalid_grant' }, ['failed']],
  ['a text that is no pattern', { text: '(10%).' }, ['plain']],
  ['a text that would be one', { text: '.*' }, []],
  ['several at once', { provider: 'etsy', text: 'revoked' }, ['failed']],
  ['several of which one is not met', { provider: 'ebay', text: 'revoked' }, []],
])('R1.5 a filter finds %s', async (_, members, expected) => {
  const filter = { organisation: 'org_a', ...members };
  const found = await store.logEntries.list({ ...filter, limit: 10 });
  expect(found.map(({ id }) => id).toSorted()).toEqual(expected);
  const wanted = entries.filter((entry) => isWanted(entry, filter));
  expect(wanted.map(({ id }) => id).toSorted()).toEqual(expected);
});
