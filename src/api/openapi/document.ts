/** The OpenAPI document, generated from the routes, with an example of every body. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { ApiApp } from '../../http/env';
import { serverResponses } from '../../http/errors';

export type ApiDocument = ReturnType<OpenAPIHono['getOpenAPI31Document']>;
export type SchemaOrReference = NonNullable<
  NonNullable<ApiDocument['components']>['schemas']
>[string];

/** The order is that of the documentation. */
const TAGS = [
  { name: 'Accounts', description: 'The connected accounts of your organisation.' },
  {
    name: 'Connect',
    description: 'Links with which owners connect and reconnect accounts at the provider.',
  },
  { name: 'Tokens', description: 'Valid access tokens, and the callers that received them.' },
  {
    name: 'Refreshing',
    description: 'Refreshes and validations on request, and the comparison of attempts.',
  },
  { name: 'Terminal', description: 'The token refresh terminal: one log entry per attempt.' },
  {
    name: 'Workflows',
    description: 'Sweeps, refreshes and validations, as Temporal reports them.',
  },
  { name: 'Schedules', description: 'The schedules of the sweeps, one per provider.' },
  { name: 'Webhooks', description: 'Notifications of changes, and their deliveries.' },
  { name: 'Overview', description: 'Counts of accounts, and statistics over time.' },
  { name: 'API keys', description: 'The keys with which programs call this API.' },
  { name: 'Sessions', description: 'Sessions of people who are signed in to the pages.' },
  { name: 'Audit', description: 'Recorded actions, in a chain that reveals later changes.' },
  {
    name: 'Encryption',
    description: 'The ids of the keys that encrypt stored values, and their rotation.',
  },
  {
    name: 'Catalogue',
    description: 'The known providers: their facts, each with its sources.',
  },
  { name: 'Service', description: 'The process itself. These routes need no key.' },
];

const openapiJson = createRoute({
  method: 'get',
  path: '/openapi.json',
  operationId: 'getOpenApiDocument',
  tags: ['Service'],
  summary: 'Get this description as OpenAPI 3.1',
  security: [],
  responses: {
    ...serverResponses,
    200: {
      description: 'The document',
      content: {
        'application/json': {
          schema: z.looseObject({ openapi: z.string() }).openapi({ example: { openapi: '3.1.0' } }),
        },
      },
    },
  },
});

const docs = createRoute({
  method: 'get',
  path: '/docs',
  operationId: 'getDocs',
  tags: ['Service'],
  summary: 'Get this description as a web page',
  security: [],
  responses: {
    ...serverResponses,
    200: { description: 'The page', content: { 'text/html': { schema: z.string() } } },
  },
});

/** Registers the document's route. The returned function generates it from all routes registered by then. */
export function registerDocument(app: ApiApp): () => ApiDocument {
  const { openAPIRegistry: registry } = app;
  registry.registerPath(openapiJson);
  registry.registerPath(docs);
  registry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description:
      'An API key (evg_…). If JWT_SECRET or JWKS_URL is set, also a JWT with exp, sub, the organisation (organisation or org_id) and scopes (scope: "read admin tokens internal operator connect").',
  });
  registry.registerComponent('securitySchemes', 'internal', {
    type: 'apiKey',
    in: 'header',
    name: 'X-Internal-API-Key',
    description: 'An API key with the scope internal. Only the trigger accepts this header.',
  });
  let made: ApiDocument | undefined;
  const document = () => (made ??= documentOf(app));
  app.get('/openapi.json', (c) => c.json(document()));
  return document;
}

function documentOf(app: ApiApp): ApiDocument {
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Evergrant',
      version: '1',
      description:
        'Keeps OAuth 2.0 grants alive. Members are in snake_case and times in ISO 8601 (UTC). A list is {"items", "next_cursor"}. An error is {"error": {"code", "message", "request_id"}}. Percent-encode ids in paths.',
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }],
    tags: TAGS,
  });
  for (const methods of Object.values(document.paths ?? {}))
    for (const operation of Object.values(methods)) addExamples(document, operation);
  return document;
}

interface Body {
  content?: Record<string, { schema?: SchemaOrReference; example?: unknown }>;
}

/** Adds examples to JSON request bodies and successful responses, from their schemas. */
function addExamples(
  document: ApiDocument,
  { requestBody, responses }: { requestBody?: Body; responses: Record<string, Body> },
): void {
  const answers = Object.entries(responses).filter(([status]) => status.startsWith('2'));
  for (const body of [requestBody, ...answers.map(([, answer]) => answer)]) {
    const json = body?.content?.['application/json'];
    if (json?.schema !== undefined) json.example = exampleOf(document, json.schema);
  }
}

/** @returns `undefined` if a required part has no example */
function exampleOf(document: ApiDocument, given: SchemaOrReference): unknown {
  const schema = resolved(document, given);
  if (schema.allOf) {
    // A schema that extends another inherits its example, which lacks the added members.
    delete schema.example;
    const parts = schema.allOf.map((part) => exampleOf(document, part));
    return Object.assign({}, ...parts);
  }
  if (schema.example !== undefined) return schema.example;
  const [first] = schema.anyOf ?? schema.oneOf ?? [];
  if (first) return exampleOf(document, first);
  if (schema.properties) {
    const members = Object.entries(schema.properties).map(
      ([name, member]) => [name, exampleOf(document, member)] as const,
    );
    return Object.fromEntries(members.filter(([, example]) => example !== undefined));
  }
  if (schema.items) return [exampleOf(document, schema.items)];
  if (schema.const !== undefined) return schema.const;
  if (schema.enum?.length === 1) return schema.enum[0];
  return [schema.type].flat().includes('null') ? null : undefined;
}

/** Resolves a reference to its schema. */
export function resolved(document: ApiDocument, schema: SchemaOrReference) {
  if (!('$ref' in schema)) return schema;
  const target = document.components?.schemas?.[schema.$ref.slice('#/components/schemas/'.length)];
  if (target === undefined || '$ref' in target)
    throw new Error(`${schema.$ref} refers to no schema`);
  return target;
}
