/** Finds the tokens in a 2xx answer, however odd the rest of it is. Lenient on purpose; judging comes later. */

export interface SalvagedTokens {
  accessToken: string | null;
  refreshToken: string | null;
  /** The other members, where the body could be read as an object. */
  body: Readonly<Record<string, unknown>>;
}

/** `null` if there is no token in it. */
export function salvageTokens(text: string): SalvagedTokens | null {
  const body = parseObject(text) ?? scanMembers(text);
  const accessToken = token(body['access_token']);
  const refreshToken = token(body['refresh_token']);
  return accessToken === null && refreshToken === null ? null : { accessToken, refreshToken, body };
}

function token(value: unknown): string | null {
  return typeof value === 'string' && value.length > 0 ? value : null;
}

/** A body as an object, or `null`. */
export function parseObject(text: string): Record<string, unknown> | null {
  try {
    const body: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    return typeof body === 'object' && body !== null && !Array.isArray(body) ? { ...body } : null;
  } catch {
    return null;
  }
}

/** An answer that was cut short or is not quite JSON: whole string members can still be read. */
function scanMembers(text: string): Record<string, unknown> {
  const members: Record<string, unknown> = {};
  for (const name of ['access_token', 'refresh_token']) {
    const quoted = new RegExp(`"${name}"\\s*:\\s*("(?:[^"\\\\]|\\\\.)*")`).exec(text)?.[1];
    if (quoted === undefined) continue;
    try {
      members[name] = JSON.parse(quoted);
    } catch {
      // Not a JSON string after all: nothing to keep.
    }
  }
  return members;
}
