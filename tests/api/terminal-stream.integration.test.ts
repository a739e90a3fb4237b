/** The stream of log entries: complete, in order, without repetitions, and only for their organisation. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import mongoose from 'mongoose';
import { encodeCursor } from '../../src/domain/cursor';
import type { LogEntry } from '../../src/domain/logs/log-entry';
import { eventually } from '../support/eventually';
import { timed } from '../support/stopwatch';
import { type Api, expectError, startApi } from './_api';
import { logEntry } from './_log-entry';

let api: Api;
let organisation: string;
let key: string;

const open: Followed[] = [];

beforeAll(async () => {
  api = await startApi({ worker: false });
});
afterAll(() => api.stop());
beforeEach(async () => {
  organisation = `org-${randomUUID()}`;
  key = await api.key(['read'], organisation);
});
afterEach(async () => {
  for (const followed of open.splice(0)) await followed.cut();
});

async function logged(members: Partial<LogEntry> = {}): Promise<string> {
  const entry = logEntry({ organisation, ...members });
  await api.store.logEntries.record(entry);
  // Two entries of the same millisecond may come in either order.
  const recordedBy = Date.now();
  await eventually(() => Date.now() > recordedBy);
  return entry.id;
}

interface Followed {
  /** The received text. */
  text(): string;
  ids(): string[];
  /** The id of the last event, after which the stream resumes. */
  lastId(): string;
  ended(): boolean;
  /** Closes the connection. */
  cut(): Promise<void>;
}

/** Opens a stream. @returns when the stream has begun */
async function follow(query = '', lastEventId?: string, as = key): Promise<Followed> {
  const response = await api.harness.app.request(`/api/admin/terminal-logs/stream${query}`, {
    headers: {
      authorization: `Bearer ${as}`,
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    },
  });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  let text = '';
  let ended = false;
  const decoder = new TextDecoder();
  void (async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
    ended = true;
  })();
  const followed: Followed = {
    text: () => text,
    ids: () => [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data ?? '').id),
    lastId: () => [...text.matchAll(/^id: (.*)$/gm)].at(-1)?.[1] ?? '',
    ended: () => ended,
    cut: () => reader.cancel(),
  };
  open.push(followed);
  await eventually(() => followed.lastId() !== '');
  return followed;
}

it('R1.5 sends each new entry once, in the form of the list', async () => {
  const before = await logged();
  const stream = await follow();
  const first = await logged();
  await eventually(() => stream.ids().length === 1);
  const second = await logged();
  await eventually(() => stream.ids().length === 2);
  expect(stream.ids()).toEqual([first, second]);
  const { body } = await api.send('GET', '/api/admin/terminal-logs', { key });
  expect(body.items.map(({ id }: LogEntry) => id)).toEqual([second, first, before]);
  const data = [...stream.text().matchAll(/^data: (.*)$/gm)].map(([, json]) =>
    JSON.parse(json ?? ''),
  );
  expect(data).toEqual(body.items.slice(0, 2).toReversed());
});

it('R1.5 sends an entry within two seconds of the write, even if the entry waited an hour for the database', async () => {
  const stream = await follow();
  const took: number[] = [];
  for (let time = 0; time < 3; time += 1) {
    const written = async () => {
      const late = await logged({ created_at: new Date(Date.now() - 3600_000).toISOString() });
      await eventually(() => stream.ids().includes(late));
    };
    took.push(await timed(written));
  }
  expect(Math.max(...took)).toBeLessThan(2_000);
});

it('R1.5 resumes after the last event, without loss or repetition', async () => {
  const stream = await follow();
  const ids = [await logged(), await logged()];
  await eventually(() => stream.ids().length === 2);
  await stream.cut();
  for (let index = 0; index < 5; index += 1) ids.push(await logged());
  const again = await follow('', stream.lastId());
  await eventually(() => again.ids().length >= 5);
  ids.push(await logged());
  await eventually(() => again.ids().length >= 6);
  expect([...stream.ids(), ...again.ids()]).toEqual(ids);
});

it('resumes after a connection that received no event', async () => {
  const stream = await follow();
  await stream.cut();
  const missed = await logged();
  const again = await follow('', stream.lastId());
  await eventually(() => again.ids().length > 0);
  expect(again.ids()).toEqual([missed]);
});

it('R1.5 loses and repeats nothing when the connection breaks often during many writes', async () => {
  let from = (await follow()).lastId();
  const writing = (async () => {
    const ids: string[] = [];
    for (let round = 0; round < 20; round += 1)
      ids.push(...(await Promise.all(Array.from({ length: 5 }, () => logged()))));
    return ids;
  })();
  const seen: string[] = [];
  while (seen.length < 100) {
    const stream = await follow('', from);
    await eventually(() => stream.ids().length >= Math.min(20, 100 - seen.length));
    await stream.cut();
    seen.push(...stream.ids());
    from = stream.lastId();
  }
  expect(seen.toSorted()).toEqual((await writing).toSorted());
});

it('bounds a resume after a long time: the newest 500, and where the list has the others', async () => {
  const ids = await loggedAtOnce(1_200);
  const again = await follow('?provider=ebay', HOUR_AGO);
  const last = await logged();
  await eventually(() => again.text().includes(last));
  const [leftOut, ...events] = eventsOf(again);
  expect(events.map(({ data }) => data.id)).toEqual([...ids.slice(-500), last]);
  expect(leftOut).toMatchObject({
    event: 'entries_left_out',
    id: expect.stringMatching(/./),
    data: { message: expect.stringContaining('left out') },
  });
  // The list continues with the entries that the stream left out.
  const listed: string[] = [];
  let path = leftOut?.data.list ?? '';
  expect(path).toMatch(/^\/api\/admin\/terminal-logs\?provider=ebay&before=/);
  while (listed.length < 700) {
    const { body } = await api.send('GET', `${path}&limit=500`, { key });
    listed.push(...body.items.map(({ id }: LogEntry) => id));
    path = `/api/admin/terminal-logs?provider=ebay&before=${body.next_cursor}`;
  }
  expect(listed).toEqual(ids.slice(0, 700).toReversed());
  const third = await follow('', events[0]?.id);
  await eventually(() => third.text().includes(last));
  expect(third.ids()).toEqual([...ids.slice(-499), last]);
  expect(third.text()).not.toContain('entries_left_out');
});

it('examines a bounded number of entries for a resume with a filter that matches few', async () => {
  const [wanted] = await loggedAtOnce(5_100, 'acc_wanted');
  const again = await follow('?account_id=acc_wanted', HOUR_AGO);
  await eventually(() => again.text().includes('entries_left_out'));
  const { list } = eventsOf(again)[0]?.data ?? {};
  const { body } = await api.send('GET', list ?? '', { key });
  expect(body.items).toMatchObject([{ id: wanted }]);
  const live = await logged({ account_id: 'acc_wanted' });
  await eventually(() => again.text().includes(live));
  expect(eventsOf(again)).toHaveLength(2);
});

/** The id of an event an hour ago. */
const HOUR_AGO = encodeCursor(new Date(Date.now() - 3600_000).toISOString(), '');

/** Writes entries in one command, each a millisecond after the one before; `account` is that of the first. */
async function loggedAtOnce(count: number, account = 'acc_1'): Promise<string[]> {
  const connection = await mongoose.createConnection(api.harness.mongodbUri).asPromise();
  const from = Date.now() - count - 60_000;
  const documents = Array.from({ length: count }, (_, index) => {
    const account_id = index === 0 ? account : 'acc_1';
    const { id, ...entry } = logEntry({ organisation, account_id });
    const at = new Date(from + index);
    return {
      ...entry,
      _id: id,
      created_at: at,
      recorded_at: at,
      remove_at: new Date(at.getTime() + 3600_000),
    };
  });
  await connection.collection<{ _id: string }>('log_entries').insertMany(documents);
  await connection.close();
  return documents.map(({ _id }) => _id);
}

/** The events with data, as they came. */
function eventsOf(stream: Followed) {
  return stream
    .text()
    .split('\n\n')
    .flatMap((block) => {
      const value = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
      const data = value('data');
      return data === undefined
        ? []
        : [{ id: value('id') ?? '', event: value('event'), data: JSON.parse(data) }];
    });
}

it('filters as the list does', async () => {
  const queries = [
    '?env=sandbox',
    '?source=debug',
    '?action=token_refresh_failed',
    '?provider=etsy',
    '?account_id=acc_9',
    '?text=harbour',
  ];
  const streams = await Promise.all(queries.map((query) => follow(query)));
  const everything = await follow();
  await logged({ account_label: 'Quay' });
  const wanted = [
    await logged({ account_label: 'Quay', environment: 'sandbox' }),
    await logged({ account_label: 'Quay', source: 'debug', action: 'token_refresh_debug' }),
    await logged({ account_label: 'Quay', action: 'token_refresh_failed' }),
    await logged({ account_label: 'Quay', provider: 'etsy' }),
    await logged({ account_label: 'Quay', account_id: 'acc_9' }),
    await logged({ account_label: 'Harbour Books' }),
  ];
  await eventually(() => everything.ids().length === 7);
  await eventually(() => streams.every((stream) => stream.ids().length > 0));
  expect(streams.map((stream) => stream.ids())).toEqual(wanted.map((id) => [id]));
  for (const [index, query] of queries.entries()) {
    const { body } = await api.send('GET', `/api/admin/terminal-logs${query}`, { key });
    expect(body.items.map(({ id }: LogEntry) => id)).toEqual([wanted[index]]);
  }
});

it('R1.5 sends other organisations nothing, and heartbeats to every organisation', async () => {
  const stranger = await follow('', undefined, await api.key(['admin'], `org-${randomUUID()}`));
  const own = await follow();
  const entry = await logged();
  const heartbeat = await logged({
    organisation: null,
    environment: null,
    account_id: null,
    account_label: null,
    action: 'worker_heartbeat',
  });
  await eventually(() => own.ids().length === 2 && stranger.ids().length > 0);
  expect(own.ids()).toEqual([entry, heartbeat]);
  expect(stranger.ids()).toEqual([heartbeat]);
  const elsewhere = await follow('', own.lastId(), await api.key(['read'], `org-${randomUUID()}`));
  await logged();
  await delay(1_000);
  expect(elsewhere.ids()).toEqual([]);
});

it('polls the database once for all streams, and not without a stream', async () => {
  const { logEntries } = api.store;
  const looked = jest.spyOn(logEntries, 'recordedSince');
  const streams = await Promise.all(Array.from({ length: 5 }, () => follow()));
  looked.mockClear();
  await eventually(() => looked.mock.calls.length >= 3);
  const entry = await logged();
  await eventually(() => streams.every((stream) => stream.ids().includes(entry)));
  expect(looked.mock.calls.length).toBeLessThan(12);
  for (const stream of streams) await stream.cut();
  await eventually(async () => {
    looked.mockClear();
    await delay(1_000);
    return looked.mock.calls.length === 0;
  });
  looked.mockRestore();
});

it('ends when the key is revoked, and otherwise sends something every 15 s', async () => {
  const revoked = await follow();
  const idle = await follow('', undefined, await api.key(['read'], organisation));
  await api.store.apiKeys.revoke(organisation, key.split('_')[1] ?? '');
  await eventually(() => revoked.ended(), 15_000);
  expect(idle.ended()).toBe(false);
  await eventually(() => idle.text().includes(': keep-alive'), 20_000);
  const entry = await logged();
  await eventually(() => idle.ids().includes(entry));
  expect(revoked.ids()).toEqual([]);
}, 60_000);

it.each(['?source=robot', '?action=nothing', '?text='])('refuses %s', async (query) => {
  expectError(
    await api.send('GET', `/api/admin/terminal-logs/stream${query}`, { key }),
    400,
    'invalid_request',
  );
});

it('refuses a key beyond 20 streams and an organisation beyond 50, until a client disconnects', async () => {
  const keys = [key, await api.key(['read'], organisation), await api.key(['read'], organisation)];
  const refuses = async (as: string) => {
    const answer = await fetchStream(as);
    expect(await answer.json()).toMatchObject({
      error: { code: 'too_many_streams', message: expect.stringContaining('Close one') },
    });
    expect(answer.status).toBe(429);
    expect(answer.headers.get('retry-after')).toBe('10');
  };
  const streams = [];
  for (let count = 0; count < 20; count += 1) streams.push(await follow());
  await refuses(key);
  for (let count = 0; count < 30; count += 1)
    await follow('', undefined, keys[1 + (count % 2)] ?? '');
  await refuses(keys[1] ?? '');
  await follow('', undefined, await api.key(['read'], `org-${randomUUID()}`));
  await streams[0]?.cut();
  await follow();
  await refuses(key);
});

it('counts no HEAD request as a stream', async () => {
  for (let count = 0; count < 25; count += 1) {
    const { status, headers } = await fetchStream(key, 'HEAD');
    expect([status, headers.get('content-type')]).toEqual([200, 'text/event-stream']);
  }
  await follow();
});

async function fetchStream(as: string, method = 'GET') {
  return api.harness.app.request('/api/admin/terminal-logs/stream', {
    method,
    headers: { authorization: `Bearer ${as}` },
  });
}

it('refuses an invalid place, and a caller without the scope', async () => {
  const path = '/api/admin/terminal-logs/stream';
  const misplaced = await api.send('GET', path, { key, headers: { 'last-event-id': 'x' } });
  expectError(misplaced, 400, 'invalid_request');
  const tokens = await api.key(['tokens'], organisation);
  expectError(await api.send('GET', path, { key: tokens }), 403, 'forbidden');
  expectError(await api.send('GET', path, { key: null }), 401, 'unauthenticated');
});

it('the list has all providers page by page, and refuses an invalid cursor', async () => {
  const ids = [
    await logged({ created_at: '2026-03-01T12:00:00.000Z' }),
    await logged({ created_at: '2026-03-01T12:00:01.000Z', provider: 'etsy' }),
    await logged({ created_at: '2026-03-01T12:00:02.000Z' }),
  ];
  const list = (query: string) =>
    api.send('GET', `/api/admin/terminal-logs?account_id=acc_1&${query}`, { key });
  const { body } = await list('limit=2');
  const rest = (await list(`limit=2&before=${body.next_cursor}`)).body;
  const seen = [...body.items, ...rest.items].map(({ id }: LogEntry) => id);
  expect(seen).toEqual(ids.toReversed());
  expect(rest.next_cursor).toBeNull();
  expectError(await list('before=nonsense'), 400, 'invalid_request');
});
