/** The document of the API: complete, sound, and without a place for a token. */
import { createApp } from '../../src/api/app';
import type { ApiDependencies } from '../../src/api/dependencies';
import { type OpenApiDocument, operationsOf, resolve, type Schema } from './_contract';

const app = createApp({ configuredKeys: [] } as unknown as ApiDependencies);
let document: OpenApiDocument;

beforeAll(async () => {
  const response = await app.request('/openapi.json');
  document = (await response.json()) as OpenApiDocument;
});

/** The one operation that answers with a token. */
const TOKEN = 'GET /api/tokens/{account_id}';

/** Of a webhook, in the answers that make it. */
const WEBHOOK_SECRET = '.secret';

/** Every member of a schema, with its path. */
function members(given: Schema, at = ''): { at: string; name: string; schema: Schema }[] {
  const schema = resolve(document, given);
  const nested = [schema.allOf, schema.anyOf, schema.oneOf].flatMap((parts) => parts ?? []);
  const { items, additionalProperties: rest } = schema;
  if (items !== undefined) nested.push(items);
  if (typeof rest === 'object') nested.push(rest);
  return [
    ...nested.flatMap((part) => members(part, at)),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, member]) => [
      { at: `${at}.${name}`, name, schema: resolve(document, member) },
      ...members(member, `${at}.${name}`),
    ]),
  ];
}

function bodies(kind: 'request' | 'response') {
  return operationsOf(document).flatMap(({ name, operation }) => {
    const contents =
      kind === 'request' ? [operation.requestBody] : Object.values(operation.responses);
    return contents.flatMap((one) => {
      const schema = one?.content?.['application/json']?.schema;
      return schema === undefined ? [] : [{ name, schema }];
    });
  });
}

it('is an OpenAPI 3.1 document that needs no key', async () => {
  expect((await app.request('/openapi.json')).status).toBe(200);
  expect(document.openapi).toMatch(/^3\.1\.\d+$/);
  expect(document.info).toMatchObject({ title: expect.any(String), version: expect.any(String) });
});

it('has every route that is registered, and no other', () => {
  const registered = app.routes
    .filter(({ method, path }) => method !== 'ALL' && path !== '/openapi.json' && !isPage(path))
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
  const documented = operationsOf(document).map(({ name }) => name);
  expect(documented.toSorted()).toEqual([...new Set(registered)].toSorted());
});

/** What people use in the browser, and no client. */
function isPage(path: string): boolean {
  return path === '/' || /^\/(admin|assets|sign-in|sign-out|theme)(\/|$)/.test(path);
}

it('names no security scheme and no schema that is not there', () => {
  const schemes = operationsOf(document).flatMap(({ operation }) => operation.security ?? []);
  for (const scheme of [...schemes, ...(document.security ?? [])].flatMap(Object.keys))
    expect(Object.keys(document.components.securitySchemes)).toContain(scheme);
  for (const { schema } of [...bodies('request'), ...bodies('response')])
    expect(() => members(schema)).not.toThrow();
});

it('declares each place in a path as a required parameter, once', () => {
  for (const { name, path, operation } of operationsOf(document)) {
    const places = [...path.matchAll(/\{(\w+)\}/g)].map(([, place]) => place);
    const declared = (operation.parameters ?? []).filter((one) => one.in === 'path');
    expect({ name, parameters: declared.map((one) => one.name) }).toEqual({
      name,
      parameters: places,
    });
    expect(declared.every(({ required }) => required)).toBe(true);
  }
});

it('describes every operation and every answer', () => {
  for (const { name, operation } of operationsOf(document)) {
    expect({ name, summary: operation.summary }).toEqual({
      name,
      summary: expect.stringMatching(/\S/),
    });
    for (const response of Object.values(operation.responses))
      expect(response.description).toMatch(/\S/);
  }
});

it('documents the errors of every route that takes a key, in the one shape', () => {
  const always = ['400', '401', '403', '404', '500', '503'];
  for (const { name, operation } of operationsOf(document)) {
    if (operation.security?.length === 0) continue;
    const statuses = Object.keys(operation.responses);
    expect({ name, statuses }).toEqual({
      name,
      statuses: expect.arrayContaining([
        ...always,
        ...(operation.requestBody ? ['413', '415'] : []),
      ]),
    });
    for (const [status, response] of Object.entries(operation.responses)) {
      if (status < '400') continue;
      const schema = response.content?.['application/json']?.schema;
      expect(schema).toEqual({ $ref: '#/components/schemas/Error' });
    }
  }
});

it('names members and parameters in snake_case only', () => {
  const names = [...bodies('request'), ...bodies('response')].flatMap(({ schema }) =>
    members(schema).map(({ name }) => name),
  );
  const parameters = operationsOf(document).flatMap(({ operation }) =>
    // Names of headers are HTTP's.
    (operation.parameters ?? []).filter((one) => one.in !== 'header').map(({ name }) => name),
  );
  const odd = [...names, ...parameters].filter(
    (name) => !/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name),
  );
  expect(odd).toEqual([]);
});

it('has no member for a token in any answer but the masked one of a logged request, and where a token is asked for', () => {
  const tokens = bodies('response').flatMap(({ name: operation, schema }) =>
    members(schema)
      .filter(({ name }) => /token|secret|password/.test(name))
      .filter(
        ({ name, schema: { format } }) => !name.endsWith('_fingerprint') && format !== 'date-time',
      )
      .filter(({ schema: { type } }) => [type].flat().includes('string'))
      .filter(({ at }) => at !== WEBHOOK_SECRET)
      .map(({ at }) => (operation === TOKEN ? operation : '') + at.split('.').slice(-2).join('.')),
  );
  expect([...new Set(tokens)].toSorted()).toEqual([
    `${TOKEN}.access_token`,
    `${TOKEN}.token_type`,
    'request.access_token',
    'request.refresh_token',
  ]);
});

it('shows the text of an API key in the answer that creates it, and nowhere else', () => {
  const places = bodies('response')
    .filter(({ schema }) => members(schema).some(({ name }) => name === 'api_key'))
    .map(({ name }) => name);
  expect(places).toEqual(['POST /api/admin/keys']);
});

it('shows the secret of a webhook in the answers that make it, and nowhere else', () => {
  const places = bodies('response')
    .filter(({ schema }) => members(schema).some(({ name }) => name === 'secret'))
    .map(({ name }) => name);
  expect(places.toSorted()).toEqual([
    'POST /api/admin/webhooks',
    'POST /api/admin/webhooks/{id}/rotate-secret',
  ]);
});

it('refuses unknown members of every body it takes', () => {
  for (const { name, schema } of bodies('request')) {
    const { additionalProperties } = resolve(document, schema);
    expect({ name, additionalProperties }).toEqual({ name, additionalProperties: false });
  }
});
