import mongoose from 'mongoose';
import type { LogEntry } from '../../../src/domain/logs/log-entry';
import type { LogQuery } from '../../../src/store/logs/log-entries';
import { entryOf, fromNow, NOW, storeForTest, type TestStore } from '../_store';

const DAY = 24 * 3_600_000;

let store: TestStore;
beforeEach(async () => {
  store = await storeForTest({ logRetentionDays: 7 });
});
afterEach(() => store.close());

const listed = async (query: Partial<LogQuery> = {}) =>
  (await store.logEntries.list({ organisation: 'org_a', limit: 100, ...query })).map(
    ({ id }) => id,
  );

async function record(entries: Record<string, Partial<LogEntry>>): Promise<void> {
  for (const [id, entry] of Object.entries(entries))
    await store.logEntries.record(entryOf({ id, ...entry }));
}

const heartbeat: Partial<LogEntry> = {
  organisation: null,
  environment: null,
  account_id: null,
  account_label: null,
  action: 'worker_heartbeat',
};

describe('record', () => {
  it('R1.2 writes an entry once, and repeated calls change nothing', async () => {
    const entry = entryOf({ id: 'one', message: 'first' });
    await store.logEntries.record(entry);
    await store.logEntries.record({ ...entry, message: 'second' });
    await store.logEntries.record(entry);
    expect(await store.logEntries.list({ organisation: 'org_a', limit: 10 })).toEqual([entry]);
  });

  it('R1.2 writes an entry once if many callers record it concurrently', async () => {
    const entry = entryOf({ id: 'one' });
    await Promise.all(Array.from({ length: 20 }, () => store.logEntries.record(entry)));
    expect(await listed()).toEqual(['one']);
  });

  it('returns every member as written', async () => {
    const entry = entryOf({
      request: { method: 'POST', url: 'https://x', refresh_token: 'v^1…', body: { scope: '' } },
      response: { status: 400, duration_ms: 12, headers: {}, body: { error: 'invalid_grant' } },
      error: { class: 'account', code: 'invalid_grant', message: 'No.', status: 400 },
      diagnostics: {
        caller: 'sweep',
        input_prefix: 'ENC:v1:k1:…',
        decrypted_prefix: 'v^1',
        final_prefix: null,
        refresh_token_fingerprint: null,
        warnings: [],
      },
    });
    await store.logEntries.record(entry);
    expect(await store.logEntries.read(entry.id)).toEqual(entry);
  });

  it.each(['$where', '$set', 'a.b', '', '__proto__', 'constructor', '$'])(
    'stores a response with a member named %j, so that no provider can stop the log',
    async (name) => {
      const body = Object.fromEntries([[name, 1]]);
      const entry = entryOf({
        response: { status: 200, duration_ms: 1, body, headers: body as never },
      });
      await store.logEntries.record(entry);
      expect(await listed()).toEqual([entry.id]);
    },
  );
});

describe('the terminal', () => {
  it('R1.5 lists entries of all sources newest first, and pages without duplicates', async () => {
    for (let index = 0; index < 10; index += 1) {
      // Two entries share each moment, so that the id decides the order.
      const created_at = fromNow(Math.floor(index / 2) * 1000).toISOString();
      const source = (['scheduled', 'debug', 'admin', 'api'] as const)[index % 4] ?? 'api';
      await store.logEntries.record(entryOf({ id: `e${index}`, created_at, source }));
    }
    const all = ['e9', 'e8', 'e7', 'e6', 'e5', 'e4', 'e3', 'e2', 'e1', 'e0'];
    expect(await listed()).toEqual(all);
    for (const limit of [1, 3, 4]) {
      const seen: string[] = [];
      let before: LogQuery['before'];
      for (;;) {
        const page = await store.logEntries.list({ organisation: 'org_a', limit, before });
        const last = page.at(-1);
        if (last === undefined) break;
        seen.push(...page.map(({ id }) => id));
        before = { createdAt: new Date(last.created_at), id: last.id };
      }
      expect([limit, seen]).toEqual([limit, all]);
    }
  });

  it('R1.5 filters as requested', async () => {
    await record({
      one: { provider: 'etsy' },
      two: { environment: 'sandbox' },
      three: { account_id: 'acc_2' },
      four: { action: 'token_refresh_failed', source: 'debug' },
    });
    const cases: [Partial<LogQuery>, string[]][] = [
      [{ provider: 'etsy' }, ['one']],
      [{ environment: 'sandbox' }, ['two']],
      [{ accountId: 'acc_2' }, ['three']],
      [{ action: 'token_refresh_failed' }, ['four']],
      [{ source: 'debug' }, ['four']],
      [{ source: 'debug', provider: 'etsy' }, []],
    ];
    for (const [query, ids] of cases) expect([query, await listed(query)]).toEqual([query, ids]);
  });

  it('R1.5 shows the entries of one organisation', async () => {
    await record({ mine: {}, theirs: { organisation: 'org_b' } });
    expect(await listed()).toEqual(['mine']);
    expect(await store.logEntries.find('org_a', 'theirs')).toBeNull();
    expect(await store.logEntries.find('org_b', 'theirs')).toMatchObject({ id: 'theirs' });
  });

  it('R0.5 shows heartbeats to every organisation and under every environment', async () => {
    await record({ beat: heartbeat });
    for (const query of [
      {},
      { organisation: 'org_b' },
      { environment: 'production' },
      { environment: 'sandbox' },
      { provider: 'ebay' },
      { action: 'worker_heartbeat' as const },
    ])
      expect([query, await listed(query)]).toEqual([query, ['beat']]);
    expect(await listed({ provider: 'etsy' })).toEqual([]);
    expect(await listed({ accountId: 'acc_1' })).toEqual([]);
  });
});

describe('retention', () => {
  it('stores the day of removal with each entry, and MongoDB removes it then', async () => {
    await store.logEntries.record(entryOf({ id: 'one' }));
    const connection = await mongoose.createConnection(store.uri).asPromise();
    try {
      const collection = connection.collection<{ _id: string }>('log_entries');
      expect(await collection.findOne({ _id: 'one' })).toMatchObject({
        created_at: NOW,
        remove_at: fromNow(7 * DAY),
      });
      expect(await collection.indexes()).toContainEqual(
        expect.objectContaining({ key: { remove_at: 1 }, expireAfterSeconds: 0 }),
      );
    } finally {
      await connection.close();
    }
  });
});
