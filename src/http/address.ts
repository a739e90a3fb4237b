/** The client's address, and the origin that the client requested, as trusted proxies report them. */
import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { type Client, TrustedProxies } from './trusted-proxies';

const NO_PROXIES = new TrustedProxies([]);

/** Must run before every handler that reads the client's address or origin. */
export function trust(proxies: TrustedProxies) {
  return createMiddleware(async (c, next) => {
    trustFor(c, proxies);
    await next();
  });
}

/** Does the same for one request. */
export function trustFor(c: Context, proxies: TrustedProxies): void {
  c.set('trustedProxies', proxies);
}

/** @returns `null` for a request that came without a socket, as in tests */
export function addressOf(c: Context): string | null {
  return clientOf(c)?.address ?? null;
}

/** @returns scheme, host and port as the client sees them, such as `https://evergrant.example` */
export function originOf(c: Context): string {
  const asked = new URL(c.req.url);
  const client = clientOf(c);
  const protocol = /^https?$/i.exec(client?.protocol ?? '')?.[0] ?? asked.protocol.slice(0, -1);
  return (
    hostOrigin(protocol, client?.host ?? asked.host) ??
    hostOrigin(protocol, asked.host) ??
    asked.origin
  );
}

/** @returns `null` if the host is malformed */
function hostOrigin(protocol: string, host: string): string | null {
  return /^[\w.-]+(?::\d+)?$|^\[[\da-f:.]+\](?::\d+)?$/i.test(host) &&
    URL.canParse(`${protocol}://${host}`)
    ? new URL(`${protocol}://${host}`).origin
    : null;
}

function clientOf(c: Context): Client | null {
  const { incoming }: Partial<HttpBindings> = c.env ?? {};
  if (incoming === undefined) return null;
  const proxies: TrustedProxies = c.get('trustedProxies') ?? NO_PROXIES;
  return proxies.clientOf(incoming);
}
