/** The OpenAPI document, generated from the routes, with an example of every body. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { ApiApp } from '../../http/env';
import { serverResponses } from '../../http/errors';

export type ApiDocument = ReturnType<OpenAPIHono['getOpenAPI31Document']>;
export type SchemaOrReference = NonNullable<
  NonNullable<ApiDocument['components']>['schemas']
>[string];

/** In the order of the documentation. */
const TAGS = [
  { name: 'Accounts', description: 'The connected accounts of your organisation.' },
  { name: 'Tokens', description: 'Tokens that are valid now, and who was handed one.' },
  { name: 'Refreshing', description: 'Refresh and validate by hand, and compare attempts.' },
  { name: 'Terminal', description: 'The token refresh terminal: an entry for every attempt.' },
  { name: 'Workflows', description: 'Sweeps, refreshes and validations as Temporal has them.' },
  { name: 'Schedules', description: 'When each provider is swept.' },
  { name: 'Webhooks', description: 'Who is told when something changes, and of what.' },
  { name: 'Overview', description: 'Counts, and how it went over time.' },
  { name: 'API keys', description: 'Who else may ask.' },
  { name: 'Sessions', description: 'Sessions of people who are signed in to the pages.' },
  { name: 'Audit', description: 'Who did what, chained so that a change shows.' },
  {
    name: 'Encryption',
    description: 'The keys that seal what is stored, by id, and their rotation.',
  },
  { name: 'Service', description: 'The process itself. These need no key.' },
];

const openapiJson = createRoute({
  method: 'get',
  path: '/openapi.json',
  operationId: 'getOpenApiDocument',
  tags: ['Service'],
  summary: 'This description, as OpenAPI 3.1',
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
  summary: 'This description, as a page for people',
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
      'An API key (evg_…), or a JWT with exp, sub, the organisation (organisation or org_id) and scopes (scope: "read admin tokens internal operator"), where JWT_SECRET or JWKS_URL is set',
  });
  registry.registerComponent('securitySchemes', 'internal', {
    type: 'apiKey',
    in: 'header',
    name: 'X-Internal-API-Key',
    description: 'An API key with the scope internal, for the trigger alone',
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
        'Keeps OAuth 2.0 grants alive. Members are snake_case, times ISO 8601 UTC, lists {"items", "next_cursor"}, errors {"error": {"code", "message", "request_id"}}. Ids in a path are percent-encoded.',
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

/** `undefined` if a required part has no example. */
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
  if (target === undefined || '$ref' in target) throw new Error(`${schema.$ref} leads nowhere`);
  return target;
}
