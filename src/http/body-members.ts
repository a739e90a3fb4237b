/** The member names of request bodies by action, from the schemas of the registered routes. */
import { type OpenAPIHono, z } from '@hono/zod-openapi';
import type { BodyMembers } from './audited';
import type { ApiEnv } from './env';

const NONE: ReadonlySet<string> = new Set();

/** Reads the routes at the first call, when all of them are registered. */
export function bodyMembers(app: OpenAPIHono<ApiEnv>): BodyMembers {
  let known: ReadonlyMap<string, ReadonlySet<string>> | undefined;
  return (action) => {
    known ??= new Map(
      app.openAPIRegistry.definitions.flatMap((definition) => {
        if (definition.type !== 'route') return [];
        const { method, path, request } = definition.route;
        const json = request?.body?.content['application/json'];
        const schema = json !== undefined && 'schema' in json ? json.schema : undefined;
        return schema instanceof z.ZodObject
          ? [[`${method.toUpperCase()} ${path}`, new Set(Object.keys(schema.shape))] as const]
          : [];
      }),
    );
    return known.get(action) ?? NONE;
  };
}
