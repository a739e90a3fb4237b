/**
 * Hostile values in every parameter and every member of every body, from four callers. The requests are derived from the
 * document, so that no route is left out. `send` compares each response with the document. No response may be a 500.
 */
import { type Api, startApi } from './_api';
import {
  type OpenApiDocument,
  type Operation,
  operationsOf,
  resolve,
  type Schema,
} from './_contract';

let api: Api;
let document: OpenApiDocument;
let account: { id: string };
let callers: { name: string; key: string | null }[];
beforeAll(async () => {
  api = await startApi();
  document = (await api.send('GET', '/openapi.json', { key: null })).body;
  account = await api.addAccount({ expiresInMs: 3_600_000 });
  callers = [
    { name: 'nobody', key: null },
    { name: 'a reader', key: await api.key(['read']) },
    { name: 'an application', key: await api.key(['tokens']) },
    { name: 'an admin', key: api.admin },
  ];
});
afterAll(() => api?.stop());

/** `NASTY=all` sends every value from every caller. */
const ALL = process.env['NASTY'] === 'all';
/** All values make about 20,000 requests. */
const LONG_MS = 600_000;

const cursorOf = (...parts: unknown[]) => Buffer.from(JSON.stringify(parts)).toString('base64url');

/** Values in their percent-encoded form in a path or a query; no encoder would create some of these forms. */
const IN_ADDRESSES = [
  '',
  '%00',
  'a%00b',
  '%0A',
  '%0D%0Ax-injected:%201',
  '%1B%5B31m',
  '%7F',
  '%C2%85',
  '%E2%80%AE',
  '%EF%BF%BF',
  '%F0%9F%92%A9',
  '%ED%A0%80',
  '%FF',
  '%',
  '%2',
  '%2F',
  '%2e%2e%2f%2e%2e%2f',
  '..',
  '%5C',
  '%27',
  '%22',
  '%60',
  '%27%20OR%201%3D1--',
  '%3Cscript%3E',
  '%24ne',
  '%7B%22%24ne%22%3Anull%7D',
  '*',
  '.*',
  '0',
  '-1',
  '1e400',
  'NaN',
  '9007199254740993',
  '0x10',
  'null',
  'true',
  '2026-13-45T99:99:99Z',
  '+275760-09-13T00:00:00.001Z',
  'x'.repeat(5_000),
  '%E2%82%AC'.repeat(700),
  cursorOf('1', '2'),
  cursorOf('2026-11-29T00:00:00Z', '\u0000'),
  cursorOf('9'.repeat(400), 'x', 'y'),
  cursorOf('+275760-09-13T00:00:00.000Z', 'x'),
  cursorOf(1, { $gt: '' }),
  cursorOf('019aad5e-1f0c-7a53-9d6e-2b1c5f0e8a47', '-9'),
];

/** Values as JSON text, because a serializer cannot create some of them. */
const IN_BODIES = [
  'null',
  'true',
  '0',
  '-1',
  '1.5',
  '1e400',
  '9007199254740993',
  '""',
  '" "',
  '"\\u0000"',
  '"a\\u0000b"',
  '"\\ud800"',
  '"\\udfff x"',
  '"\\u001b[31m"',
  '"\\u202e"',
  '"\\u0085"',
  '"\\r\\nx: y"',
  '"$where"',
  '"__proto__"',
  '"../../x"',
  '"<script>"',
  `"${'x'.repeat(300)}"`,
  `"${'x'.repeat(20_000)}"`,
  `"${'\\u0000'.repeat(300)}"`,
  '"2026-13-45T99:99:99Z"',
  '"+275760-09-13T00:00:00.001Z"',
  '"9999-12-31T23:59:59Z"',
  '"0001-01-01T00:00:00Z"',
  '"5s"',
  '"1e400h"',
  '"99999999999999d"',
  '"http://127.0.0.1/"',
  '"https://"',
  '[]',
  '[null]',
  '[[[[[[]]]]]]',
  '["x", {"$gt": ""}]',
  '{}',
  '{"$gt": ""}',
  '{"__proto__": {"x": 1}}',
  '{"": 1}',
  `{"a": ${'['.repeat(200)}${']'.repeat(200)}}`,
];

const isStream = (path: string) => path.endsWith('/stream');

/** The path with an existing id for each parameter, except the one under test. */
function filled(path: string, values: Record<string, string> = {}): string {
  const there: Record<string, string> = {
    schedule_id: encodeURIComponent('sweep/ebay'),
    workflow_id: encodeURIComponent(`refresh-account/${account.id}`),
    provider: 'ebay',
    id: account.id,
    account_id: account.id,
    ...values,
  };
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => there[name] ?? 'x');
}

const parametersIn = ({ parameters = [] }: Operation, place: 'path' | 'query') =>
  parameters.filter((one) => one.in === place).map(({ name }) => name);

function membersOf(given: Schema): string[] {
  const schema = resolve(document, given);
  const parts = [...(schema.allOf ?? []), ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  return [...new Set([...Object.keys(schema.properties ?? {}), ...parts.flatMap(membersOf)])];
}

/** Sends all requests from every caller. @returns the requests that got a 500, or a response that is not documented */
async function wrongAnswers(
  requests: readonly { method: string; address: string; text?: string }[],
): Promise<string[]> {
  const wrong: string[] = [];
  // The API refuses a caller without the scope before it reads a value, so some of the values are enough for such a caller.
  const partOf = (name: string) => (name === 'an admin' || ALL ? 1 : 7);
  const queue = callers.flatMap(({ name, key }) =>
    requests
      .filter((_, at) => at % partOf(name) === 0)
      .map((request) => ({ ...request, name, key })),
  );
  const next = async () => {
    for (let one = queue.pop(); one !== undefined; one = queue.pop()) {
      const { method, address, text, key, name } = one;
      const shown = `${method} ${address.slice(0, 200)} ${text?.slice(0, 100) ?? ''} by ${name}`;
      try {
        const options = { key, ...(text === undefined ? {} : { text }) };
        const { status, body } = await api.send(method, address, options);
        if (status >= 500) wrong.push(`${shown}: ${status} ${JSON.stringify(body)}`);
      } catch (error) {
        wrong.push(`${shown}: ${String(error).slice(0, 200)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, next));
  return wrong;
}

it(
  'hostile values in every parameter of a query or a path get a documented response, and never a 500',
  async () => {
    const requests = operationsOf(document)
      .filter(({ path }) => !isStream(path))
      .flatMap(({ method, path, operation }) => {
        const text = operation.requestBody === undefined ? {} : { text: '{}' };
        return [
          ...parametersIn(operation, 'query').flatMap((name) =>
            IN_ADDRESSES.map((value) => ({
              method,
              address: `${filled(path)}?${name}=${value}`,
              ...text,
            })),
          ),
          ...parametersIn(operation, 'path').flatMap((name) =>
            IN_ADDRESSES.map((value) => ({
              method,
              address: filled(path, { [name]: value }),
              ...text,
            })),
          ),
        ];
      });
    expect(requests.length).toBeGreaterThan(2_000);
    expect(await wrongAnswers(requests)).toEqual([]);
  },
  LONG_MS,
);

it(
  'hostile values in every member of a body, and as the body, get a documented response, and never a 500',
  async () => {
    const requests = operationsOf(document).flatMap(({ method, path, operation }) => {
      const schema = operation.requestBody?.content?.['application/json']?.schema;
      if (schema === undefined) return [];
      const address = filled(path);
      const bodies = [...IN_BODIES, '', '{', '[1', '"', '{"a":1,}', '\u0000'];
      return [
        ...bodies.map((text) => ({ method, address, text })),
        ...membersOf(schema).flatMap((member) =>
          IN_BODIES.map((value) => ({
            method,
            address,
            text: `{${JSON.stringify(member)}: ${value}}`,
          })),
        ),
      ];
    });
    expect(requests.length).toBeGreaterThan(1_500);
    expect(await wrongAnswers(requests)).toEqual([]);
  },
  LONG_MS,
);

it.each(['application/json', 'application/merge-patch+json'])(
  'hostile values in a body of the type %s are refused at any depth',
  async (type) => {
    const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
    for (const text of [
      '{"label":"a\\u0000b"}',
      '{"label":"\\ud800"}',
      `{"x":${nested(60_000)},"z":"\\u0000"}`,
      `{"x":${nested(60_000)}}`,
    ]) {
      const headers = { 'content-type': type };
      const { status } = await api.send('PATCH', `/api/admin/accounts/${account.id}`, {
        headers,
        text,
      });
      expect(status).toBe(400);
    }
  },
);

it('values beyond 16 kB in the URL or a header of any route get a documented 431', async () => {
  const send = await api.served();
  const long = 'x'.repeat(20_000);
  const statuses = new Set<number>();
  for (const { method, path } of operationsOf(document)) {
    const address = filled(path);
    statuses.add((await send(method, `${address}?x=${long}`)).status);
    statuses.add((await send(method, address, { headers: { 'x-long': long } })).status);
  }
  expect([...statuses]).toEqual([431]);
});

describe('pages', () => {
  const form = {
    'content-type': 'application/x-www-form-urlencoded',
    'sec-fetch-site': 'same-origin',
  };
  let cookie: string;
  beforeAll(async () => {
    const signedIn = await api.send('POST', '/sign-in', {
      key: null,
      headers: form,
      text: new URLSearchParams({ key: api.admin }).toString(),
    });
    cookie = signedIn.headers.get('set-cookie')?.split(';', 1)[0] ?? '';
  });

  it('answer hostile values in paths and queries, and never with a 500', async () => {
    const places = (value: string) => [
      `/admin/accounts/${value}`,
      `/admin/accounts/${value}/refresh-debug`,
      `/admin/workflows/${value}`,
      `/admin/workflows/${value}/${value}`,
      `/admin/workflows/x/${value}`,
      `/docs/${value}`,
      `/${value}`,
      ...['text', 'provider', 'environment', 'status', 'kind', 'sort', 'cursor'].map(
        (name) => `/admin/accounts?${name}=${value}`,
      ),
      ...['type', 'provider', 'status', 'account_id', 'cursor'].map(
        (name) => `/admin/workflows?${name}=${value}`,
      ),
      ...['source', 'action', 'provider', 'env', 'account_id', 'text', 'entry', 'before'].map(
        (name) => `/admin/terminal?${name}=${value}`,
      ),
      `/sign-in?next=${value}`,
    ];
    const wrong: string[] = [];
    for (const address of IN_ADDRESSES.flatMap(places)) {
      const { status } = await api.send('GET', address, { key: null, headers: { cookie } });
      if (status >= 500) wrong.push(`${address.slice(0, 200)}: ${status}`);
    }
    expect(wrong).toEqual([]);
  });

  it('refuse forms that they cannot parse or store', async () => {
    const multipart = { ...form, 'content-type': 'multipart/form-data; boundary=x' };
    const shop = await api.addAccount();
    const requests: [string, Record<string, string>, string][] = [
      ['/sign-in', multipart, 'nonsense'],
      ['/sign-in', { ...form, 'content-type': 'multipart/form-data' }, ''],
      ['/sign-in', form, 'key=%00'],
      ['/sign-in', form, '%'],
      ['/theme', multipart, '--x'],
      [`/admin/accounts/${shop.id}/disable`, { ...multipart, cookie }, '--x'],
      [`/admin/accounts/${shop.id}/disable`, { ...form, cookie }, 'reason=a%00b'],
      [`/admin/accounts/${shop.id}/reconnect`, { ...form, cookie }, 'refresh_token=%00'],
      ['/admin/workers/sweep%2Febay/pause', { ...form, cookie }, 'note=%00'],
      ['/admin/workflows/x/x/terminate', { ...form, cookie }, 'reason=why'],
    ];
    const statuses: number[] = [];
    for (const [path, headers, text] of requests)
      statuses.push((await api.send('POST', path, { key: null, headers, text })).status);
    expect(statuses).toEqual([400, 400, 400, 401, 400, 400, 400, 400, 400, 404]);
  });
});
