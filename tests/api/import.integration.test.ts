/** The import of many accounts: streamed, answered line by line, and safe to repeat. */
import { eventually } from '../support/eventually';
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
  query = '',
) {
  const response = await api.app.request(`/api/admin/accounts/import${query}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${as}`, 'content-type': type },
    body,
    duplex: 'half',
  });
  const text = await response.text();
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    text,
    lines: text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  };
}

const summary = (counts: object) => ({
  lines: 0,
  created: 0,
  updated: 0,
  existed: 0,
  valid: 0,
  refused: 0,
  warned: 0,
  ...counts,
});
/** The result of a line without warnings. */
const quiet = (members: object) => ({ ...members, warnings: [] });
const inAnHour = () => new Date(Date.now() + 3600_000).toISOString();
const sendHeld = (body: string) => send(body, 'application/x-ndjson', key, '?quarantine=true');

const account = (id: string, more: object = {}) =>
  JSON.stringify({
    provider: 'ebay',
    external_id: id,
    refresh_token: `v^1.1#import-${id}-0123456789`,
    ...more,
  });

it('answers each line with created, exists or refused and a reason, and counts them at the end', async () => {
  const file = [
    account('one'),
    '',
    'not json',
    account('two', { provider: 'shopware' }),
    account('three', { refresh_token: 'ENC:x' }),
    account('one'),
    account('four'),
  ];
  const { status, lines } = await send(file.join('\n'));
  expect(status).toBe(200);
  expect(lines).toEqual([
    quiet({ line: 1, result: 'created', account_id: expect.stringMatching(/^acc_/) }),
    quiet({ line: 3, result: 'refused', message: 'not a JSON object' }),
    quiet({
      line: 4,
      result: 'refused',
      message: expect.stringContaining('"shopware" is not configured; configured providers: ebay'),
    }),
    quiet({
      line: 5,
      result: 'refused',
      message: expect.stringContaining('refresh_token: is ciphertext'),
    }),
    quiet({ line: 6, result: 'exists' }),
    quiet({ line: 7, result: 'created', account_id: expect.stringMatching(/^acc_/) }),
    { summary: summary({ lines: 6, created: 2, existed: 1, refused: 3 }) },
  ]);
});

it('changes nothing when the same file is sent again', async () => {
  const file = [account('again-1'), account('again-2')].join('\n');
  await send(file);
  const { body: before } = await api.request(key, 'GET', '/api/admin/accounts?limit=500');
  const { lines } = await send(file);
  expect(lines.at(-1)).toEqual({ summary: summary({ lines: 2, existed: 2 }) });
  expect((await api.request(key, 'GET', '/api/admin/accounts?limit=500')).body).toEqual(before);
});

it('stores accounts like single requests do: due at once, refreshable, only in the organisation of the key', async () => {
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

it('accepts CSV with a header line, quotes, a byte order mark and scopes separated by blanks', async () => {
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

it('says where invalid CSV begins, and keeps the lines before it', async () => {
  const { lines } = await send(
    'provider,external_id,refresh_token\nebay,whole,v^1.1#whole-token-0123456789\nebay,"broken,v^1.1#x\n',
    'text/csv',
  );
  expect(lines.map(({ result }) => result)).toEqual(['created', 'refused', undefined]);
  expect(lines[1].message).toContain('not valid CSV from this line on');
});

it('keeps the lines before invalid CSV, whatever the chunks of the body', async () => {
  const record = (n: number) => `ebay,chunk-${n},v^1.1#chunk-token-0123456789-${n}`;
  const before = Array.from({ length: 400 }, (_, n) => record(n));
  const csv = ['provider,external_id,refresh_token', ...before, 'ebay,"bro"ken,x', record(401)];
  const { lines } = await send(csv.join('\n'), 'text/csv');
  expect(lines.at(-2)).toEqual({
    line: 402,
    result: 'refused',
    message: expect.stringMatching(/^not valid CSV from this line on .*send the whole file again$/),
    warnings: [],
  });
  expect(lines.at(-1)).toEqual({ summary: summary({ lines: 401, created: 400, refused: 1 }) });
});

it('sends results while lines still arrive, without holding a file of 3,000 lines', async () => {
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
    summary: summary({ lines: 3_000, created: 3_000 }),
  });
});

it('reads application/octet-stream as JSON Lines, and answers with the same type', async () => {
  const { status, lines, type } = await send(account('bytes'), 'application/octet-stream');
  expect({ status, type }).toEqual({ status: 200, type: 'application/octet-stream' });
  expect(lines).toEqual([
    quiet({ line: 1, result: 'created', account_id: expect.stringMatching(/^acc_/) }),
    { summary: summary({ lines: 1, created: 1 }) },
  ]);
});

it('refuses another type and a key without admin, and shows no token in any response', async () => {
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

it.each([
  'application/json',
  'application/merge-patch+json',
  'multipart/form-data; boundary=x',
  '',
])(
  'refuses a body of the type "%s" at the size limit, and does not read it to the end',
  async (type) => {
    const part = new TextEncoder().encode('x'.repeat(64 * 1024));
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled += 1;
        if (pulled > 1_000) controller.close();
        else controller.enqueue(part);
      },
    });
    const readOnly = await api.key({ scopes: ['read'] });
    expect((await send(endless, type, readOnly)).status).toBe(413);
    expect(pulled).toBeLessThan(10);
  },
);

it('stops with an error when the key is revoked, and stores no further account', async () => {
  const organisation = 'revoked-in-the-middle';
  const reader = await api.key({ organisation, scopes: ['read'] });
  const importer = await api.key({ organisation, scopes: ['admin'] });
  const stored = async () =>
    (await api.request(reader, 'GET', '/api/admin/accounts?limit=500')).body.items.length;
  const lines = (name: string) =>
    Array.from({ length: 250 }, (_, index) => `${account(`${name}-${index}`)}\n`).join('');
  const encoder = new TextEncoder();
  const parts = ['before', 'after'];
  const file = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const part = parts.shift();
      if (part === undefined) return controller.close();
      if (part === 'after') {
        await eventually(async () => (await stored()) === 250, 15_000);
        await api.store.apiKeys.revoke(organisation, importer.split('_')[1] ?? '');
        const isRefused = async () =>
          (await api.request(importer, 'GET', '/api/admin/accounts')).status === 401;
        await eventually(isRefused, 15_000);
      }
      controller.enqueue(encoder.encode(lines(part)));
    },
  });
  const answer = await send(file, 'application/x-ndjson', importer);
  expect(answer.lines).toHaveLength(251);
  expect(answer.lines.at(-1)).toEqual({
    error: { code: 'unauthenticated', message: expect.stringContaining('Send the whole file') },
  });
  expect(await stored()).toBe(250);
}, 60_000);

describe('quarantine', () => {
  it('applies to all lines by the query, and to one line by its member', async () => {
    const all = await sendHeld(
      [account('held-1'), account('held-2', { quarantine: false })].join('\n'),
    );
    const one = await send(
      'provider,external_id,refresh_token,quarantine\nebay,held-3,v^1.1#held-3-token-0123456789,true\nebay,held-4,v^1.1#held-4-token-0123456789,\n',
      'text/csv',
    );
    const held = [...all.lines, ...one.lines].flatMap(({ account_id: id }) => id ?? []);
    const accounts = await Promise.all(held.map((id) => api.account(id)));
    expect(accounts.map(({ quarantine }) => quarantine)).toEqual([true, true, true, false]);
  });

  it('gives an account that is still in quarantine the grant of its line, and no other account', async () => {
    const line = (id: string, name: string, more: object = {}) =>
      account(id, {
        refresh_token: `v^1.1#${id}-${name}-0123456789`,
        access_token: `${id}-${name}`,
        ...more,
      });
    const first = await sendHeld([line('again', 'old'), line('gone', 'old')].join('\n'));
    const [again, gone] = first.lines.map(({ account_id: id }) => id);
    await api.store.quarantine.release('default', { ids: [gone] });
    const file = [line('again', 'new'), line('gone', 'new')].join('\n');

    expect((await send(file)).lines.at(-1)).toEqual({ summary: summary({ lines: 2, existed: 2 }) });
    expect((await sendHeld(file)).lines).toEqual([
      quiet({ line: 1, result: 'updated', account_id: again }),
      quiet({ line: 2, result: 'exists' }),
      { summary: summary({ lines: 2, updated: 1, existed: 1 }) },
    ]);
    expect(await api.account(again)).toMatchObject({ generation: 2, quarantine: true });
    expect(await api.account(gone)).toMatchObject({ generation: 1 });
    expect((await sendHeld(file)).lines.at(-1)).toEqual({
      summary: summary({ lines: 2, existed: 2 }),
    });
    // The value can be decrypted, because it was encrypted for the existing account.
    const user = await api.key({ scopes: ['tokens'] });
    const served = line('again', 'newest', { expires_at: inAnHour() });
    await sendHeld(served);
    expect((await api.request(user, 'GET', `/api/tokens/${again}`)).body).toMatchObject({
      active: true,
      access_token: 'again-newest',
    });
  });
});

it('checks every line and stores nothing in a dry run', async () => {
  const { lines } = await send(
    [account('dry'), account('dry', { provider: 'shopware' })].join('\n'),
    'application/x-ndjson',
    key,
    '?dry_run=true',
  );
  expect(lines).toEqual([
    quiet({ line: 1, result: 'valid' }),
    quiet({
      line: 2,
      result: 'refused',
      message: expect.stringContaining('"shopware" is not configured'),
    }),
    { summary: summary({ lines: 2, valid: 1, refused: 1 }) },
  ]);
  const { body } = await api.request(key, 'GET', '/api/admin/accounts?limit=500');
  expect(body.items.map(({ external_id }: any) => external_id)).not.toContain('dry');
  expect((await send(account('x'), 'application/x-ndjson', key, '?dry_run=maybe')).status).toBe(
    400,
  );
});

it('repeats no token in a refusal, also with mixed columns or without a header line', async () => {
  const token = 'v^1.1#mixed-up-0123456789';
  const mixed = await send(
    [
      account('mixed', { provider: token }),
      account('mixed', { environment: token }),
      JSON.stringify({ [token]: 'x' }),
    ].join('\n'),
  );
  const headless = await send(`ebay,one,${token}\nebay,two,${token}2\n`, 'text/csv');
  expect(mixed.lines.at(-1)).toEqual({ summary: summary({ lines: 3, refused: 3 }) });
  expect(headless.lines.at(-1)).toEqual({ summary: summary({ lines: 1, refused: 1 }) });
  expect(headless.lines[0].message).toMatch(/check the header line/);
  expect(`${mixed.text}${headless.text}`).not.toContain('mixed-up');
});

it('ends a line only at a line feed, and continues after a line of 62 MB without holding it', async () => {
  const encoder = new TextEncoder();
  const endless = encoder.encode('x'.repeat(1024 * 1024));
  let sent = 0;
  const file = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent += 1;
      if (sent === 1)
        controller.enqueue(encoder.encode(`${account('sep', { label: 'a\u2028b' })}\n`));
      else if (sent < 64) controller.enqueue(endless);
      else if (sent === 64) controller.enqueue(encoder.encode(`\n${account('after')}`));
      else controller.close();
    },
  });
  expect((await send(file)).lines).toEqual([
    quiet({ line: 1, result: 'created', account_id: expect.any(String) }),
    quiet({ line: 2, result: 'refused', message: 'the line is too long' }),
    quiet({ line: 3, result: 'created', account_id: expect.any(String) }),
    { summary: summary({ lines: 3, created: 2, refused: 1 }) },
  ]);
});

it.each(['text/csv', 'application/x-ndjson'])(
  'survives a sender of %s that disconnects in the middle',
  async (type) => {
    let pulled = 0;
    const file = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled += 1;
        if (pulled > 1) controller.error(new Error('gone'));
        else controller.enqueue(new TextEncoder().encode('provider,external_id\nebay,'));
      },
    });
    const { lines } = await send(file, type);
    expect(lines.at(-1)).toEqual({
      error: { code: 'internal_error', message: expect.stringContaining('Send the file again') },
    });
  },
);
