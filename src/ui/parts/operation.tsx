/** One operation of the API: its purpose, scopes, parameters, bodies, and a command to try it. */
import type { Child } from 'hono/jsx';
import type { ApiDocument, SchemaOrReference } from '../../api/openapi/document';
import { Badge, type Tone } from './badge';
import { limitsOf, SchemaMembers, SchemaType } from './schema';

interface MediaType {
  schema?: SchemaOrReference;
  example?: unknown;
}

interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema?: SchemaOrReference;
}

export interface OperationObject {
  method: string;
  path: string;
  operationId?: string;
  tags?: string[];
  summary?: string;
  description?: string;
  security?: Record<string, string[]>[];
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content: Record<string, MediaType> };
  responses?: Record<string, { description: string; content?: Record<string, MediaType> }>;
}

export function operationsOf(document: ApiDocument): OperationObject[] {
  return Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods).map(
      ([method, operation]: [string, Omit<OperationObject, 'method' | 'path'>]) => ({
        ...operation,
        method: method.toUpperCase(),
        path,
      }),
    ),
  );
}

export function methodTone(method: string): Tone {
  if (method === 'GET') return 'active';
  if (method === 'DELETE') return 'bad';
  return method === 'POST' ? 'good' : 'warn';
}

interface OperationProps {
  document: ApiDocument;
  operation: OperationObject;
  origin: string;
}

export function Operation({ document, operation, origin }: OperationProps) {
  const { method, path, operationId = '', summary, description, parameters = [] } = operation;
  const answers = Object.entries(operation.responses ?? {});
  const errors = answers.filter(([status]) => status >= '400').map(([status]) => status);
  return (
    <article class="card operation" aria-labelledby={operationId}>
      <h3 id={operationId}>
        <a href={`#${operationId}`}>
          <Badge tone={methodTone(method)}>{method}</Badge>
          <code>{path}</code>
        </a>
      </h3>
      <p>{summary}.</p>
      {description && <p>{description}</p>}
      <p class="muted">
        <Callers security={operation.security ?? []} />
      </p>
      {parameters.length > 0 && <Parameters parameters={parameters} />}
      {operation.requestBody && (
        <Bodies document={document} title="Request body" content={operation.requestBody.content}>
          {operation.requestBody.required !== true && <span class="muted">optional</span>}
        </Bodies>
      )}
      {answers
        .filter(([status]) => status < '400')
        .map(([status, answer]) => (
          <Bodies document={document} title={`Response ${status}`} content={answer.content ?? {}}>
            <span class="muted">{answer.description}</span>
          </Bodies>
        ))}
      {errors.length > 0 && (
        <p class="muted">
          Errors: <a href="#errors">{errors.join(', ')}</a>
        </p>
      )}
      <h4>Try it</h4>
      <pre>
        <code>{curlOf(operation, origin)}</code>
      </pre>
      {/* docs.js fills it when it is opened, and shows it: without scripts no request can be sent. */}
      <details class="try" data-operation={operationId} hidden>
        <summary>Send a request</summary>
      </details>
    </article>
  );
}

function Callers({ security }: { security: Record<string, string[]>[] }) {
  if (security.length === 0) return <>Requires no key.</>;
  const scopes = security.flatMap(({ bearer }) => bearer ?? []);
  const internal = security.some((one) => 'internal' in one);
  return (
    <>
      Requires a key or JWT with the scope{' '}
      {[...scopes, ...(scopes.includes('read') ? ['admin'] : [])].map((scope, at) => (
        <>
          {at > 0 && ' or '}
          <code>{scope}</code>
        </>
      ))}
      {internal && (
        <>
          , or the header <code>X-Internal-API-Key</code>
        </>
      )}
      .
    </>
  );
}

function Parameters({ parameters }: { parameters: Parameter[] }) {
  return (
    <>
      <h4>Parameters</h4>
      <table class="rows parameters">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">In</th>
            <th scope="col">Type</th>
            <th scope="col">Meaning</th>
          </tr>
        </thead>
        <tbody>
          {parameters.map(({ name, in: place, required, description, schema = {} }) => (
            <tr>
              <th scope="row">
                <code>{name}</code>
              </th>
              <td data-label="In">
                {place}
                {required === true && <span class="detail">required</span>}
              </td>
              <td data-label="Type">
                <span>
                  <SchemaType schema={schema} />
                  <span class="detail">{limitsOf(schema)}</span>
                </span>
              </td>
              <td data-label="Meaning">
                {description ?? ('description' in schema && schema.description)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

interface BodiesProps {
  document: ApiDocument;
  title: string;
  content: Record<string, MediaType>;
  children?: Child;
}

function Bodies({ document, title, content, children }: BodiesProps) {
  return (
    <>
      <h4>
        {title} {children}
      </h4>
      {Object.entries(content).map(([type, { schema, example = exampleIn(schema) }]) => (
        <>
          {type !== 'application/json' && (
            <p>
              <code>{type}</code>
            </p>
          )}
          {schema && <SchemaMembers document={document} schema={schema} />}
          {example !== undefined && (
            <details>
              <summary>Example</summary>
              <pre>
                <code>
                  {typeof example === 'string' ? example : JSON.stringify(example, null, 2)}
                </code>
              </pre>
            </details>
          )}
        </>
      ))}
    </>
  );
}

function exampleIn(schema: SchemaOrReference | undefined): unknown {
  return schema !== undefined && 'example' in schema ? schema.example : undefined;
}

/** A `curl` command with the example as its body. */
function curlOf(operation: OperationObject, origin: string): string {
  const { method, path, parameters = [], requestBody, security = [] } = operation;
  const filled = path.replaceAll(/\{(\w+)\}/g, (place, name: string) => {
    const schema = parameters.find((one) => one.in === 'path' && one.name === name)?.schema;
    const example = exampleIn(schema);
    return typeof example === 'string' ? encodeURIComponent(example) : place;
  });
  const [type, media] = Object.entries(requestBody?.content ?? {})[0] ?? [];
  const json = type === 'application/json' && media?.example;
  const lines = [
    `curl -s${method === 'GET' ? '' : ` -X ${method}`} ${origin}${filled}`,
    ...(security.length === 0 ? [] : ['-H "Authorization: Bearer $EVERGRANT_API_KEY"']),
    ...(type === undefined ? [] : [`-H 'Content-Type: ${type}'`]),
    ...(type === undefined
      ? []
      : [json ? `-d '${JSON.stringify(json)}'` : '--data-binary @accounts.jsonl']),
  ];
  return lines.join(' \\\n  ');
}
