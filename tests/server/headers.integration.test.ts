/** The security headers of every route: responses, refusals, pages, files and unknown paths. */
import { randomUUID } from 'node:crypto';
import type { ApiDependencies } from '../../src/http/dependencies';
import { createApp } from '../../src/server/app';
import { type Api, startApi } from '../api/_api';
import { type OpenApiDocument, operationsOf } from '../api/_contract';

let api: Api;
let cookie: string;
beforeAll(async () => {
  api = await startApi({ worker: false });
});
// One of the routes signs out, which ends the session.
beforeEach(async () => {
  const answer = await api.send('POST', '/sign-in', {
    key: null,
    headers: FORM,
    text: new URLSearchParams({ key: api.admin }).toString(),
  });
  cookie = answer.headers.get('set-cookie')?.split(';', 1)[0] ?? '';
});
afterAll(() => api.stop());

const FORM = {
  'content-type': 'application/x-www-form-urlencoded',
  'sec-fetch-site': 'same-origin',
};

/** All routes of the app, without its middleware. */
const routes = createApp({ configuredKeys: [] } as unknown as ApiDependencies)
  .routes.filter(({ method, path }) => method !== 'ALL' && !path.includes('*'))
  .map(({ method, path }) => ({ method, path }));
const unique = [...new Map(routes.map((route) => [JSON.stringify(route), route])).values()];

const EVERYWHERE = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'SAMEORIGIN',
  'strict-transport-security': 'max-age=15552000; includeSubDomains',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
};
const OF_API = {
  ...EVERYWHERE,
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
};
const OF_PAGES = {
  ...EVERYWHERE,
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'referrer-policy': 'same-origin',
  'cache-control': 'no-store',
};

/** The consent pages lead to providers, whose addresses cannot be listed. */
const OF_CONSENT = {
  ...EVERYWHERE,
  'content-security-policy':
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self' https: http://127.0.0.1:* http://localhost:*; frame-ancestors 'none'; base-uri 'none'",
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

const isPage = (path: string) =>
  /^\/(admin|docs|sign-in|sign-out|preferences|theme)(\/|$)/.test(path);
function expected(path: string) {
  if (path.startsWith('/connect/')) return OF_CONSENT;
  if (isPage(path)) return OF_PAGES;
  return path.startsWith('/api/') ? { ...OF_API, 'cache-control': 'no-store' } : OF_API;
}

const shown = (headers: Headers, names: object) =>
  Object.fromEntries(Object.keys(names).map((name) => [name, headers.get(name)]));

/** Requests without a credential, with one, and with an invalid request. */
const askers: [string, () => Record<string, string>][] = [
  ['nobody', () => ({})],
  ['an admin', () => ({ authorization: `Bearer ${api.admin}`, cookie, ...FORM })],
];

it.each(unique)('the headers are on $method $path for every caller', async ({ method, path }) => {
  // A stream has its headers before it ends.
  const place = path.replaceAll(/:\w+/g, randomUUID());
  for (const [who, headers] of askers) {
    if (who !== 'nobody' && path.endsWith('/stream')) continue;
    const response = await api.send(method, place, { key: null, headers: headers() });
    const wanted = expected(path);
    expect({ who, status: response.status, ...shown(response.headers, wanted) }).toEqual({
      who,
      status: response.status,
      ...wanted,
    });
    expect(response.headers.get('x-powered-by')).toBeNull();
    expect(response.headers.get('server')).toBeNull();
  }
});

it.each([
  ['GET', '/nothing'],
  ['POST', '/nothing'],
  ['GET', '/api/nothing'],
  ['GET', '/admin/nothing'],
  ['PUT', '/admin/accounts'],
  ['GET', '/assets/nothing.js'],
  ['PUT', '/healthz'],
  ['OPTIONS', '/api/admin/accounts'],
])('the headers are on %s %s, which does not exist', async (method, path) => {
  const response = await api.send(method, path, { key: null, headers: askers[1]?.[1]() ?? {} });
  expect(response.status).toBeGreaterThanOrEqual(400);
  expect(shown(response.headers, expected(path))).toEqual(expected(path));
});

it('every route under /api is in the document, and every documented route exists', async () => {
  const document = (await api.send('GET', '/openapi.json', { key: null })).body as OpenApiDocument;
  const documented = operationsOf(document).map(({ name }) => name);
  const served = unique
    .filter(({ path }) => path.startsWith('/api/'))
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
  expect(documented.filter((name) => name.includes(' /api/')).toSorted()).toEqual(
    served.toSorted(),
  );
});
