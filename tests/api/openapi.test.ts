/** The document of the API: complete, consistent, and without a member for a token. */

import { SCOPES } from '../../src/domain/access/principal';
import type { ApiDependencies } from '../../src/http/dependencies';
import { createApp } from '../../src/server/app';
import { type OpenApiDocument, operationsOf, problems, resolve, type Schema } from './_contract';

const app = createApp({ configuredKeys: [] } as unknown as ApiDependencies);
let document: OpenApiDocument;

beforeAll(async () => {
  const response = await app.request('/openapi.json');
  document = (await response.json()) as OpenApiDocument;
});

/** The only operations that respond with a token. */
const TOKENS = ['GET /api/tokens/{account_id}', 'GET /api/tokens/{provider}/{external_id}'];

/** The secret of a webhook, in the responses that create it. */
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
  const found = operationsOf(document).flatMap(({ name, operation }) => {
    const contents =
      kind === 'request' ? [operation.requestBody] : Object.values(operation.responses);
    return contents.flatMap((one) => {
      const schema = one?.content?.['application/json']?.schema;
      return schema === undefined ? [] : [{ name, schema }];
    });
  });
  // Without bodies, the checks of each body would pass.
  expect(found.length).toBeGreaterThan(12);
  return found;
}

it('is an OpenAPI 3.1 document that needs no key', async () => {
  expect((await app.request('/openapi.json')).status).toBe(200);
  expect(document.openapi).toMatch(/^3\.1\.\d+$/);
  expect(document.info).toMatchObject({ title: expect.any(String), version: expect.any(String) });
});

it('has every registered route, and no other', () => {
  const registered = app.routes
    .filter(({ method, path }) => method !== 'ALL' && !isPage(path))
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
  const documented = operationsOf(document).map(({ name }) => name);
  expect(documented.toSorted()).toEqual([...new Set(registered)].toSorted());
});

/** Pages for the browser, which are not in the document. */
function isPage(path: string): boolean {
  return (
    path === '/' || /^\/(admin|assets|connect|sign-in|sign-out|preferences|theme)(\/|$)/.test(path)
  );
}

it('refers only to security schemes and schemas that exist', () => {
  const schemes = operationsOf(document).flatMap(({ operation }) => operation.security ?? []);
  for (const scheme of [...schemes, ...(document.security ?? [])].flatMap(Object.keys))
    expect(Object.keys(document.components.securitySchemes)).toContain(scheme);
  for (const { schema } of [...bodies('request'), ...bodies('response')])
    expect(() => members(schema)).not.toThrow();
});

it('declares each parameter of a path as required, once', () => {
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

it('describes every operation and every response', () => {
  for (const { name, operation } of operationsOf(document)) {
    expect({ name, summary: operation.summary }).toEqual({
      name,
      summary: expect.stringMatching(/\S/),
    });
    for (const response of Object.values(operation.responses))
      expect(response.description).toMatch(/\S/);
  }
});

it('gives every operation an id and a described tag', () => {
  const ids = operationsOf(document).map(({ operation }) => operation.operationId);
  expect(ids.filter((id) => !/^[a-z]+([A-Z][a-z]*)+$/.test(id ?? ''))).toEqual([]);
  expect(new Set(ids).size).toBe(ids.length);
  const used = operationsOf(document).map(({ name, operation }) => {
    expect({ name, tags: operation.tags }).toEqual({ name, tags: [expect.any(String)] });
    return operation.tags?.[0];
  });
  expect(new Set(document.tags.map(({ name }) => name))).toEqual(new Set(used));
  for (const { description } of document.tags) expect(description).toMatch(/\S/);
});

it('describes every parameter', () => {
  const silent = operationsOf(document).flatMap(({ name, operation }) =>
    (operation.parameters ?? [])
      .filter((one) => !/\S/.test(one.description ?? one.schema.description ?? ''))
      .map((one) => `${name} ${one.name}`),
  );
  expect(silent).toEqual([]);
});

it('names the scopes of each operation, or that it needs none', () => {
  for (const { name, path, operation } of operationsOf(document)) {
    const scopes = operation.security?.flatMap(({ bearer }) => bearer ?? []) ?? [];
    const known = scopes.filter((scope) => SCOPES.some((one) => one === scope));
    expect({ name, isOpened: known.length > 0, scopes }).toEqual({
      name,
      isOpened: path.startsWith('/api/'),
      scopes: known,
    });
  }
});

describe('the examples', () => {
  /** The JSON bodies of requests and of successful responses. */
  const examples = () =>
    operationsOf(document).flatMap(({ name, operation: { requestBody, responses } }) => {
      const answers = Object.entries(responses).filter(([status]) => status.startsWith('2'));
      const all = [['request', requestBody] as const, ...answers];
      return all.flatMap(([what, body]) => {
        const json = body?.content?.['application/json'];
        return json === undefined ? [] : [{ at: `${name} ${what}`, ...json }];
      });
    });

  it('exist for every body, and match its schema', () => {
    expect(examples().length).toBeGreaterThan(40);
    for (const { at, schema, example } of examples()) {
      expect({ at, example }).toEqual({ at, example: expect.anything() });
      expect(problems(document, schema, example, at)).toEqual([]);
    }
  });

  it('of the named schemas match these schemas', () => {
    const named = Object.entries(document.components.schemas).filter(
      ([, { example }]) => example !== undefined,
    );
    expect(named.length).toBeGreaterThan(10);
    for (const [name, schema] of named)
      expect(problems(document, schema, schema.example, name)).toEqual([]);
  });

  it('are checked for every keyword that the schemas use', () => {
    const known = ['$ref', 'type', 'enum', 'const', 'format', 'properties', 'required', 'items'];
    known.push('additionalProperties', 'allOf', 'anyOf', 'oneOf', 'description', 'example');
    known.push('minLength', 'maxLength', 'minItems', 'maxItems', 'minimum', 'maximum', 'default');
    const schemas = examples().flatMap(({ schema }) => [
      schema,
      ...members(schema).map((member) => member.schema),
    ]);
    const used = new Set(schemas.flatMap((schema) => Object.keys(resolve(document, schema))));
    expect([...used].filter((keyword) => !known.includes(keyword))).toEqual([]);
  });

  it('contain nothing that could be a token, because their tokens have a gap', () => {
    const found = JSON.stringify(document).matchAll(
      /evg_[\w-]{20,}|v\^1\.1#i[\w#^]{8,}|ya29\.[\w-]{8,}|shp\w{2}_\w{8,}|eyJ[\w-]{8,}\.|ENC:v1:[\w-]+:[\w+/]{8,}/g,
    );
    expect([...found].map(([text]) => text)).toEqual([]);
    const said = examples().flatMap(({ example }) => leaves(example));
    const secrets = said.filter(([name]) => /^(\w+_)?(token|api_key|secret)$/.test(name));
    expect(secrets.length).toBeGreaterThan(3);
    expect(secrets.filter(([, text]) => !text.includes('…'))).toEqual([]);
    // Ids and URLs contain punctuation, so no other word is as long as a secret.
    const long = said.filter(([, text]) => /[A-Za-z0-9]{25,}/.test(text));
    expect(long).toEqual([]);
  });

  function leaves(value: unknown, name = ''): [string, string][] {
    if (typeof value === 'string') return [[name, value]];
    if (typeof value !== 'object' || value === null) return [];
    return Object.entries(value).flatMap(([key, member]) =>
      leaves(member, Array.isArray(value) ? name : key),
    );
  }
});

it('documents the errors of every route with a key, in the common shape', () => {
  const always = ['400', '401', '403', '404', '500', '503'];
  const withKey = operationsOf(document).filter(
    ({ operation }) => operation.security?.length !== 0,
  );
  expect(withKey.length).toBeGreaterThan(40);
  for (const { name, operation } of withKey) {
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
    // HTTP defines the names of headers.
    (operation.parameters ?? []).filter((one) => one.in !== 'header').map(({ name }) => name),
  );
  const odd = [...names, ...parameters].filter(
    (name) => !/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name),
  );
  expect(odd).toEqual([]);
});

it('has no member for a token in any response, except the masked one of a log entry and the one of the token routes', () => {
  const tokens = bodies('response').flatMap(({ name: operation, schema }) =>
    members(schema)
      .filter(({ name }) => /token|secret|password/.test(name))
      .filter(
        ({ name, schema: { format } }) => !name.endsWith('_fingerprint') && format !== 'date-time',
      )
      .filter(({ schema: { type } }) => [type].flat().includes('string'))
      .filter(({ at }) => at !== WEBHOOK_SECRET)
      .map(
        ({ at }) =>
          (TOKENS.includes(operation) ? operation : '') + at.split('.').slice(-2).join('.'),
      ),
  );
  expect([...new Set(tokens)].toSorted()).toEqual([
    ...TOKENS.flatMap((name) => [`${name}.access_token`, `${name}.token_type`]),
    'request.access_token',
    'request.refresh_token',
  ]);
});

it('shows the text of an API key only in the response that creates it', () => {
  const places = bodies('response')
    .filter(({ schema }) => members(schema).some(({ name }) => name === 'api_key'))
    .map(({ name }) => name);
  expect(places).toEqual(['POST /api/admin/keys']);
});

it('shows the secret of a webhook only in the responses that create it', () => {
  const places = bodies('response')
    .filter(({ schema }) => members(schema).some(({ name }) => name === 'secret'))
    .map(({ name }) => name);
  expect(places.toSorted()).toEqual([
    'POST /api/admin/webhooks',
    'POST /api/admin/webhooks/{id}/rotate-secret',
  ]);
});

it('refuses unknown members of every body', () => {
  for (const { name, schema } of bodies('request')) {
    const { additionalProperties } = resolve(document, schema);
    expect({ name, additionalProperties }).toEqual({ name, additionalProperties: false });
  }
});
