/** Pages of other sites cannot make a signed-in browser change data, by any method, route or content type. */
import { type Harness, startHarness } from '../support/harness';

let h: Harness;
let cookie: string;
beforeAll(async () => {
  h = await startHarness({ worker: false });
  const signedIn = await h.app.request('/sign-in', {
    method: 'POST',
    headers: { 'sec-fetch-site': 'same-origin' },
    body: new URLSearchParams({ key: await h.key() }),
  });
  cookie = signedIn.headers.get('set-cookie')?.split(';', 1)[0] ?? '';
});
afterAll(() => h.stop());

/** Every unsafe route of the pages, and some combinations of method and path without a route. */
function unsafeRoutes(): { method: string; path: string }[] {
  const registered = h.app.routes
    .filter(
      ({ method, path }) =>
        method === 'POST' && !/^\/(api\/|\*)/.test(path) && !path.endsWith('/*'),
    )
    .map(({ method, path }) => ({ method, path: path.replaceAll(/:\w+(?:\{[^}]*\})?/g, 'x') }));
  const unregistered = ['PUT', 'PATCH', 'DELETE', 'POST'].map((method) => ({
    method,
    path: '/admin/accounts',
  }));
  return [...registered, ...unregistered];
}

const CONTENT_TYPES = [
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'text/plain',
  'application/json',
  'application/octet-stream',
  null,
];
const OURS = 'http://localhost';
/** RFC 8058: a mail service sends this request without an origin, and its signed address is the permission. */
const ONE_CLICK = 'POST /connect/unsubscribe/';

const statuses = async (headers: Record<string, string>) => {
  const found = new Map<string, number>();
  for (const { method, path } of unsafeRoutes())
    for (const type of CONTENT_TYPES) {
      const answer = await h.app.request(path, {
        method,
        headers: { cookie, ...(type === null ? {} : { 'content-type': type }), ...headers },
        ...(type === null ? {} : { body: Buffer.from('{}') }),
      });
      found.set(`${method} ${path} ${type}`, answer.status);
    }
  return found;
};

it('the list of routes covers sign-in, sign-out, the preferences and the actions', () => {
  const paths = unsafeRoutes().map(({ path }) => path);
  expect(paths).toEqual(
    expect.arrayContaining([
      '/sign-in',
      '/sign-out',
      '/preferences',
      '/theme',
      '/admin/accounts/x/disable',
    ]),
  );
  expect(paths.length).toBeGreaterThan(12);
});

it.each<[string, Record<string, string>]>([
  ['another site, by Sec-Fetch-Site', { 'sec-fetch-site': 'cross-site' }],
  ['a sibling site, by Sec-Fetch-Site', { 'sec-fetch-site': 'same-site' }],
  ['an unknown relation', { 'sec-fetch-site': 'other' }],
  ['another site with our own Origin forged', { 'sec-fetch-site': 'cross-site', origin: OURS }],
  ['another site, by Origin', { origin: 'https://evil.example' }],
  ['our host over another scheme', { origin: 'https://localhost' }],
  ['our host at another port', { origin: 'http://localhost:8080' }],
  ['a page without an origin', { origin: 'null' }],
  ['a client that sends neither header', {}],
  [
    'a claimed proxy',
    {
      origin: 'https://evil.example',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
    },
  ],
])('an unsafe request from %s is refused', async (_name, headers) => {
  const passed = [...(await statuses(headers))].filter(
    ([request, status]) => status !== 403 && !request.startsWith(ONE_CLICK),
  );
  expect(passed).toEqual([]);
});

it('a refused request of another site is not shown again as a form of Evergrant', async () => {
  const fields = { url: 'https://evil.example/', note: 'planted', label: 'planted' };
  for (const { method, path } of unsafeRoutes().filter(({ path: one }) => one !== ONE_CLICK)) {
    const answer = await h.app.request(path, {
      method,
      headers: { cookie, 'sec-fetch-site': 'cross-site' },
      body: new URLSearchParams(fields),
    });
    const text = await answer.text();
    expect({ path, found: /evil\.example|planted|Try again/.test(text) }).toEqual({
      path,
      found: false,
    });
  }
});

it.each<[string, Record<string, string>]>([
  ['one of our pages, by Sec-Fetch-Site', { 'sec-fetch-site': 'same-origin' }],
  ['a person’s navigation', { 'sec-fetch-site': 'none' }],
  ['one of our pages, by Origin', { origin: OURS }],
])('an unsafe request from %s is not refused', async (_name, headers) => {
  const refused = [...(await statuses(headers))].filter(([, status]) => status === 403);
  expect(refused).toEqual([]);
});

it('the API accepts no session cookie', async () => {
  const headers = { cookie, 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' };
  const answer = await h.app.request('/api/admin/accounts', {
    method: 'POST',
    headers,
    body: '{}',
  });
  expect(answer.status).toBe(401);
});
