/** Many accounts at once: streamed in, told line by line, safe to send again. */
import { type Harness, startHarness } from '../support/harness';

let api: Harness;
let key: string;
beforeAll(async () => {
  api = await startHarness();
  key = await api.key();
});
afterAll(() => api?.stop());

async function send(
  body: string | ReadableStream<Uint8Array>,
  type = 'application/x-ndjson',
  as = key,
) {
  const response = await api.app.request('/api/admin/accounts/import', {
    method: 'POST',
    headers: { authorization: `Bearer ${as}`, 'content-type': type },
    body,
    duplex: 'half',
  });
  const text = await response.text();
  return {
    status: response.status,
    text,
    lines: text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  };
}

const account = (id: string, more: object = {}) =>
  JSON.stringify({
    provider: 'ebay',
    external_id: id,
    refresh_token: `v^1.1#import-${id}-0123456789`,
    ...more,
  });

it('tells each line whether it was created, existed or was refused, and why, and counts them at the end', async () => {
  const file = [
    account('one'),
    '',
    'not json',
    account('two', { provider: 'nobody' }),
    account('three', { refresh_token: 'ENC:x' }),
    account('one'),
    account('four'),
  ];
  const { status, lines } = await send(file.join('\n'));
  expect(status).toBe(200);
  expect(lines).toEqual([
    { line: 1, result: 'created', account_id: expect.stringMatching(/^acc_/) },
    { line: 3, result: 'refused', message: 'not a JSON object' },
    {
      line: 4,
      result: 'refused',
      message: expect.stringContaining('"nobody" is not configured; there are: ebay'),
    },
    {
      line: 5,
      result: 'refused',
      message: expect.stringContaining('refresh_token: is ciphertext'),
    },
    { line: 6, result: 'exists' },
    { line: 7, result: 'created', account_id: expect.stringMatching(/^acc_/) },
    { summary: { lines: 6, created: 2, existed: 1, refused: 3 } },
  ]);
});

it('changes nothing when the same file is sent again', async () => {
  const file = [account('again-1'), account('again-2')].join('\n');
  await send(file);
  const { body: before } = await api.request(key, 'GET', '/api/admin/accounts?limit=500');
  const { lines } = await send(file);
  expect(lines.at(-1)).toEqual({ summary: { lines: 2, created: 0, existed: 2, refused: 0 } });
  expect((await api.request(key, 'GET', '/api/admin/accounts?limit=500')).body).toEqual(before);
});

it('stores accounts that are like those connected one by one: due at once, refreshable, of the key’s organisation only', async () => {
  const granted = api.sandbox.issueGrant({ provider: 'ebay', subject: 'imported' });
  const { lines } = await send(
    account('imported', { refresh_token: granted.refresh_token, label: 'Imported' }),
  );
  const [{ account_id: id }] = lines;
  expect((await api.request(key, 'GET', `/api/admin/accounts/${id}`)).body).toMatchObject({
    label: 'Imported',
    due: { due: true },
    generation: 1,
  });
  expect(
    (await api.request(key, 'POST', `/api/admin/accounts/${id}/refresh`, {})).body,
  ).toMatchObject({ outcome: 'refreshed' });
  const other = await api.key({ organisation: 'another' });
  expect((await api.request(other, 'GET', `/api/admin/accounts/${id}`)).status).toBe(404);
});

it('takes CSV with a header line, quotes, a byte order mark and scopes separated by blanks', async () => {
  const csv =
    '\uFEFFprovider,external_id,label,refresh_token,scopes,kind\nebay,csv-1,"Books, old",v^1.1#csv-token-0123456789-1,a b,\nebay,csv-2,,v^1.1#csv-token-0123456789-2,,seller\nebay,,x,y,,\n';
  const { lines } = await send(csv, 'text/csv; charset=utf-8');
  expect(lines.map(({ result }) => result)).toEqual(['created', 'created', 'refused', undefined]);
  expect(
    (await api.request(key, 'GET', `/api/admin/accounts/${lines[0].account_id}`)).body,
  ).toMatchObject({ label: 'Books, old', scopes: ['a', 'b'], kind: null });
  expect(
    (await api.request(key, 'GET', `/api/admin/accounts/${lines[1].account_id}`)).body,
  ).toMatchObject({ label: 'csv-2', kind: 'seller' });
});

it('says where CSV breaks off, and keeps what came before', async () => {
  const { lines } = await send(
    'provider,external_id,refresh_token\nebay,whole,v^1.1#whole-token-0123456789\nebay,"broken,v^1.1#x\n',
    'text/csv',
  );
  expect(lines.map(({ result }) => result)).toEqual(['created', 'refused', undefined]);
  expect(lines[1].message).toContain('not CSV from here on');
});

it('streams: results come while lines are still being sent, 3,000 of them without holding the file', async () => {
  const encoder = new TextEncoder();
  let sent = 0;
  const file = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent === 3_000) return controller.close();
      const lines = Array.from({ length: 100 }, () => account(`many-${sent++}`));
      controller.enqueue(encoder.encode(`${lines.join('\n')}\n`));
    },
  });
  const { lines } = await send(file);
  expect(lines.at(-1)).toEqual({
    summary: { lines: 3_000, created: 3_000, existed: 0, refused: 0 },
  });
});

it('refuses another type, a key without admin, and shows no token in any answer', async () => {
  expect((await send(account('x'), 'application/json')).status).toBe(415);
  expect(
    (await send(account('x'), 'application/x-ndjson', await api.key({ scopes: ['read'] }))).status,
  ).toBe(403);
  const { text } = await send(
    [
      account('secret'),
      account('bad', { refresh_token: 7 }),
      '{"refresh_token":"v^1.1#import-broken',
    ].join('\n'),
  );
  expect(text).not.toContain('v^1.1#import');
});
