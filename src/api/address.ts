/** Where a request comes from. */
import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';

/**
 * The other end of the connection: where a proxy stands in front, the proxy. What a header says of it anybody can write.
 * @returns `null` for a request that came without a socket, as in tests
 */
export function addressOf(c: Context): string | null {
  const bindings: Partial<HttpBindings> | undefined = c.env;
  return bindings?.incoming?.socket.remoteAddress ?? null;
}
