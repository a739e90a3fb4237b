/** Members of a response body at paths of names joined by dots. */

export type Body = Record<string, unknown>;

export function memberAt(body: Body, path: string): unknown {
  let value: unknown = body;
  for (const name of path.split('.')) value = isBody(value) ? value[name] : undefined;
  return value;
}

/** Sets a value, or removes the member if there is none. */
export function memberPut(body: Body, path: string, value: unknown): void {
  const [name = '', ...rest] = path.split('.');
  if (rest.length > 0) {
    const inner = isBody(body[name]) ? body[name] : {};
    body[name] = inner;
    memberPut(inner, rest.join('.'), value);
  } else if (value === undefined) delete body[name];
  else body[name] = value;
}

function isBody(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
