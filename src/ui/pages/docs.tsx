/** The API for people, generated from the OpenAPI document: operations, required scopes and responses. */
import { type ApiDocument, resolved } from '../../api/openapi/document';
import { Badge } from '../parts/badge';
import { methodTone, Operation, type OperationObject, operationsOf } from '../parts/operation';
import { SchemaMembers } from '../parts/schema';

interface DocsProps {
  document: ApiDocument;
  /** The origin of the API, for the commands to copy. */
  origin: string;
}

export function DocsPage({ document, origin }: DocsProps) {
  const operations = operationsOf(document);
  const groups = (document.tags ?? []).map(({ name, description }) => ({
    name,
    description,
    operations: operations.filter(({ tags }) => tags?.includes(name)),
  }));
  return (
    <div class="docs">
      <Contents groups={groups} />
      <div class="docs-text">
        <Introduction document={document} origin={origin} />
        <Key />
        {groups.map((group) => (
          <section aria-labelledby={anchorOf(group.name)}>
            <h2 id={anchorOf(group.name)}>{group.name}</h2>
            <p class="muted">{group.description}</p>
            {group.operations.map((operation) => (
              <Operation document={document} operation={operation} origin={origin} />
            ))}
          </section>
        ))}
        <Errors document={document} />
        <Schemas document={document} />
      </div>
    </div>
  );
}

interface Group {
  name: string;
  description?: string | undefined;
  operations: OperationObject[];
}

function Contents({ groups }: { groups: Group[] }) {
  return (
    <nav class="docs-contents" aria-label="Contents">
      <details open>
        <summary>Contents</summary>
        {groups.map(({ name, operations }) => (
          <>
            <a class="docs-group" href={`#${anchorOf(name)}`}>
              {name}
            </a>
            <ul>
              {operations.map(({ method, path, operationId }) => (
                <li>
                  <a href={`#${operationId}`}>
                    <Badge tone={methodTone(method)}>{method}</Badge>
                    <ShortPath path={path} />
                  </a>
                </li>
              ))}
            </ul>
          </>
        ))}
        <a class="docs-group" href="#errors">
          Errors
        </a>
        <a class="docs-group" href="#schemas">
          Schemas
        </a>
      </details>
    </nav>
  );
}

/** Omits the common prefix, and allows a line break after each slash. */
function ShortPath({ path }: { path: string }) {
  const [first, ...rest] = path.replace(/^\/api\/(admin\/)?/, '').split('/');
  return (
    <code>
      {first}
      {rest.map((part) => (
        <>
          /<wbr />
          {part}
        </>
      ))}
    </code>
  );
}

function Introduction({ document, origin }: DocsProps) {
  return (
    <section class="card" aria-label="Introduction">
      <p>
        Members are <code>snake_case</code>. Times are ISO 8601 in UTC. A list is{' '}
        <code>{'{"items", "next_cursor"}'}</code>: send <code>next_cursor</code> as{' '}
        <code>cursor</code> to get the next page, until it is <code>null</code>. Ids in paths are
        percent-encoded: <code>sweep%2Febay</code>.
      </p>
      <dl class="facts">
        <dt>Base URL</dt>
        <dd>
          <code>{origin}</code>
        </dd>
        <dt>For programs</dt>
        <dd>
          <a href="/openapi.json">openapi.json</a> (OpenAPI {document.openapi}). For TypeScript, the
          package exports a typed client: <code>evergrant/client</code>.
        </dd>
        {Object.entries(document.components?.securitySchemes ?? {}).map(([name, scheme]) => (
          <>
            <dt>{name === 'bearer' ? 'Authorization: Bearer' : 'X-Internal-API-Key'}</dt>
            <dd>{'description' in scheme && scheme.description}</dd>
          </>
        ))}
      </dl>
    </section>
  );
}

/** The key for requests from this page. It is in no form, so the browser neither sends nor offers to save it. */
function Key() {
  return (
    <section id="docs-try" class="card" aria-label="Your key" hidden>
      <label for="docs-key">Your API key or JWT</label>
      <input
        id="docs-key"
        type="password"
        autocomplete="off"
        spellcheck={false}
        aria-describedby="docs-key-use"
      />
      <p id="docs-key-use" class="muted">
        "Send a request" below uses it. This page keeps it in this field only, and forgets it when
        you leave or reload the page.
      </p>
    </section>
  );
}

/** The error responses of all operations, listed once. */
function Errors({ document }: { document: ApiDocument }) {
  const described = new Map<string, string>();
  for (const { responses = {} } of operationsOf(document))
    for (const [status, answer] of Object.entries(responses))
      if (status >= '400' && !described.has(status)) described.set(status, answer.description);
  return (
    <section aria-labelledby="errors">
      <h2 id="errors">Errors</h2>
      <p class="muted">
        The body of an error response is an <a href="#schema-Error">Error</a>. Its message says what
        is wrong and what to do.
      </p>
      <table class="rows">
        <thead>
          <tr>
            <th scope="col">Status</th>
            <th scope="col">Meaning</th>
          </tr>
        </thead>
        <tbody>
          {[...described]
            .toSorted(([one], [other]) => Number(one) - Number(other))
            .map(([status, description]) => (
              <tr>
                <th scope="row">{status}</th>
                <td data-label="Meaning">{description}</td>
              </tr>
            ))}
        </tbody>
      </table>
    </section>
  );
}

function Schemas({ document }: { document: ApiDocument }) {
  return (
    <section aria-labelledby="schemas">
      <h2 id="schemas">Schemas</h2>
      {Object.entries(document.components?.schemas ?? {})
        .toSorted(([one], [other]) => (one < other ? -1 : 1))
        .map(([name, schema]) => (
          <section class="card" aria-labelledby={`schema-${name}`}>
            <h3 id={`schema-${name}`}>
              <a href={`#schema-${name}`}>{name}</a>
            </h3>
            {resolved(document, schema).description && (
              <p class="muted">{resolved(document, schema).description}</p>
            )}
            <SchemaMembers document={document} schema={schema} />
          </section>
        ))}
    </section>
  );
}

function anchorOf(tag: string): string {
  return `tag-${tag.toLowerCase().replaceAll(' ', '-')}`;
}
