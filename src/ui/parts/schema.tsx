/** A schema of the OpenAPI document as readable text: its type, and its members. */
import type { Child } from 'hono/jsx';
import { type ApiDocument, resolved, type SchemaOrReference } from '../../api/openapi/document';

interface SchemaProps {
  document: ApiDocument;
  schema: SchemaOrReference;
}

/** `string`, `ok | expired`, `Account[] | null`; a named schema is a link. */
export function SchemaType({ schema }: { schema: SchemaOrReference }): Child {
  if ('$ref' in schema) {
    const name = schema.$ref.slice('#/components/schemas/'.length);
    return <a href={`#schema-${name}`}>{name}</a>;
  }
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives) return joined(alternatives.map((one) => <SchemaType schema={one} />));
  if (schema.allOf)
    return joined(
      schema.allOf.map((one) => <SchemaType schema={one} />),
      ' & ',
    );
  if (schema.items)
    return (
      <>
        array of <SchemaType schema={schema.items} />
      </>
    );
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const words = schema.enum?.map(String) ?? [schema.type ?? 'any'].flat();
  const shown = schema.format === 'date-time' ? ['time', ...words.slice(1)] : words;
  return shown.join(' | ');
}

function joined(parts: Child[], by = ' | '): Child {
  return (
    <>
      {parts.map((part, at) => (
        <>
          {at > 0 && by}
          {part}
        </>
      ))}
    </>
  );
}

/** `1 to 500, default 100` */
export function limitsOf(schema: SchemaOrReference): string {
  if ('$ref' in schema) return '';
  const { minimum, maximum, default: otherwise } = schema;
  const limits = [
    ...(minimum !== undefined && maximum !== undefined ? [`${minimum} to ${maximum}`] : []),
    ...(otherwise === undefined ? [] : [`default ${String(otherwise)}`]),
  ];
  return limits.join(', ');
}

/** The members of an object, including nested ones; for any other schema, its type. */
export function SchemaMembers({ document, schema }: SchemaProps): Child {
  if ('$ref' in schema || (schema.allOf === undefined && propertiesOf(schema) === undefined))
    return (
      <p>
        <SchemaType schema={schema} />
      </p>
    );
  const { properties, required } = membersOf(document, schema);
  return (
    <dl class="schema-members">
      {Object.entries(properties).map(([name, member]) => {
        const nested = nestedIn(member);
        const description = '$ref' in member ? undefined : member.description;
        return (
          <>
            <dt>
              <code>{name}</code>{' '}
              <span class="schema-type">
                <SchemaType schema={member} />
                {!required.includes(name) && <span class="muted"> optional</span>}
              </span>
            </dt>
            <dd>
              {[description, limitsOf(member)].filter(Boolean).join('; ')}
              {nested && <SchemaMembers document={document} schema={nested} />}
            </dd>
          </>
        );
      })}
    </dl>
  );
}

type PlainSchema = Exclude<SchemaOrReference, { $ref: string }>;
type Properties = Record<string, SchemaOrReference>;

function propertiesOf(schema: PlainSchema): Properties | undefined {
  return schema.properties && Object.keys(schema.properties).length > 0
    ? schema.properties
    : undefined;
}

/** The schema's own members, and those of the schemas that it extends. */
function membersOf(
  document: ApiDocument,
  schema: PlainSchema,
): { properties: Properties; required: string[] } {
  const parts = [schema, ...(schema.allOf ?? []).map((part) => resolved(document, part))];
  return {
    properties: Object.assign({}, ...parts.map(({ properties }) => properties)),
    required: parts.flatMap(({ required }) => required ?? []),
  };
}

/** The object schema of a member or of its items, if there is one. */
function nestedIn(member: SchemaOrReference): PlainSchema | null {
  if ('$ref' in member) return null;
  const parts = member.items ? [member.items] : (member.anyOf ?? []);
  const found = parts.map(nestedIn).find((part) => part !== null);
  if (found) return found;
  return propertiesOf(member) ? member : null;
}
